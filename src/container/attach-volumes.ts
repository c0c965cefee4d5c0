import { closeSync, existsSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { deviceNumbers } from '../sys/device-number.js';
import type { ContainerState } from '../model/container.js';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import type { LateMount } from '../model/process.js';
import type { ContainerMount } from '../model/volume.js';
import { attachAll, type MountSource } from '../runtime/attach-mounts.js';
import { isHarmless } from '../runtime/oci-devices.js';
import { makeDeep } from '../sys/make-deep.js';
import { cloneMount, type MountAttributes, newMount, openInRoot } from '../sys/mounts.js';
import { fillVolume, settleVolume } from './fill-volume.js';
import type { VolumeStore } from './volume-store.js';

const O_PATH = 0o10000000;

export interface AttachPlace {
  readonly root: string;
  readonly volumes: VolumeStore;
  /** Something else than the mount itself keeps devices closed, or nothing does. */
  readonly devices: boolean;
  /** Empty volumes have got by now what the image has in their places. */
  readonly filled: boolean;
}

/**
 * Mounts what a container has mounted into its root, by descriptor, before the runtime starts. Gives what the runtime must
 * mount itself: what is below /dev and /sys, which it makes.
 */
export async function attachVolumes(
  { mounts = [] }: ContainerState,
  place: AttachPlace,
): Promise<readonly LateMount[]> {
  const late = mounts.filter(({ destination }) => isLate(destination));
  const inRoot = mounts.filter(({ destination }) => !isLate(destination));
  for (const mount of inRoot) await fill(mount, place);
  for (const mount of inRoot) attachAll(place.root, [sourceOf(mount, place)]);
  return late.map((mount) => lateMount(mount, place));
}

function isLate(destination: string): boolean {
  return /^\/(dev|sys)\//.test(destination);
}

function sourceOf(mount: ContainerMount, place: AttachPlace): MountSource {
  const { destination: target, readonly } = mount;
  if (mount.type === 'tmpfs') {
    const { data, attributes } = tmpfsOptions(mount);
    return { target, kind: 'directory', open: () => newMount('tmpfs', data, attributes) };
  }
  const fd = openSource(mount, place);
  const stat = statSync(`/proc/self/fd/${String(fd)}`);
  const { major, minor } = deviceNumbers(stat.rdev);
  const harmless = stat.isCharacterDevice() && isHarmless('c', major, minor);
  const attributes = { readonly, nodev: !place.devices && !harmless };
  const recursive = mount.type === 'bind' && mount.nonRecursive !== true;
  return {
    target,
    kind: stat.isDirectory() ? 'directory' : 'file',
    open: () => {
      try {
        return cloneMount(fd, attributes, recursive);
      } finally {
        closeSync(fd);
      }
    },
  };
}

function openSource(mount: ContainerMount, { volumes }: AttachPlace): number {
  if (mount.type === 'bind') return openBind(mount);
  const { name = '', subpath } = mount;
  volumes.find(name);
  const fd = openSync(volumes.path(name), O_PATH);
  if (subpath === undefined) return fd;
  try {
    return openInRoot(fd, subpath);
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw error;
    throw new BuildError('not-found', `cannot access path ${subpath} of volume ${name}`);
  } finally {
    closeSync(fd);
  }
}

function openBind({ source = '', createSource }: ContainerMount): number {
  try {
    return openSync(source, O_PATH);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    if (createSource !== true)
      throw new BuildError(
        'not-found',
        `invalid mount config for type "bind": bind source path does not exist: ${source}`,
      );
    return openSync(madeSource(source), O_PATH);
  }
}

function madeSource(source: string): string {
  try {
    makeDeep(source, 0o755);
    return source;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    const why = `error while creating mount source path '${source}': ${error.message}`;
    throw new BuildError('usage', why, { hint: 'mount a directory that is there', cause: error });
  }
}

/** What the image has in its place comes into an empty volume, where who created the container was killed before it. */
async function fill(mount: ContainerMount, place: AttachPlace): Promise<void> {
  const { type, name, destination, noCopy } = mount;
  if (type !== 'volume' || name === undefined) return;
  const home = dirname(place.volumes.path(name));
  if (!existsSync(home)) return; // Said where it is opened.
  if (!place.filled && noCopy !== true) await fillVolume({ home, root: place.root, destination });
  else await settleVolume(home);
}

const FLAGS: Readonly<Record<string, MountAttributes>> = {
  exec: { noexec: false },
  noexec: { noexec: true },
  suid: { nosuid: false },
  nosuid: { nosuid: true },
  dev: { nodev: false },
  nodev: { nodev: true },
};

function tmpfsOptions({ options = [], readonly }: ContainerMount) {
  let attributes: MountAttributes = { readonly, noexec: true, nosuid: true, nodev: true };
  const data: Record<string, string> = { mode: '1777' };
  for (const option of options) {
    const flag = FLAGS[option];
    if (flag !== undefined) attributes = { ...attributes, ...flag };
    const [name = '', value] = option.split('=');
    if (value !== undefined) data[name] = value;
  }
  return { data, attributes };
}

function lateMount(mount: ContainerMount, place: AttachPlace): LateMount {
  const { destination, readonly } = mount;
  if (mount.type === 'tmpfs') {
    const given = (mount.options ?? []).filter((option) => !/^r[ow]$/.test(option));
    const options = ['nosuid', 'noexec', 'nodev', 'mode=1777', ...given, readonly ? 'ro' : 'rw'];
    return { destination, type: 'tmpfs', source: 'tmpfs', options };
  }
  closeSync(openSource(mount, place));
  const source =
    mount.type === 'bind' ? (mount.source ?? '') : place.volumes.path(mount.name ?? '');
  return {
    destination,
    type: 'bind',
    source,
    options: ['rbind', 'rprivate', readonly ? 'ro' : 'rw'],
  };
}
