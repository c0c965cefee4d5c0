import { posix } from 'node:path';
import { existsSync } from 'node:fs';
import type { ContainerState } from '../model/container.js';
import { BuildError } from '../model/error.js';
import type { HostConfig, MountRequest } from '../model/host-config.js';
import { nearest } from '../model/nearest.js';
import type { ContainerMount } from '../model/volume.js';
import type { VolumeStore } from './volume-store.js';

export interface MountsDeps {
  readonly volumes: VolumeStore;
  readonly findContainer: (name: string) => ContainerState;
}

export interface MountsAsked {
  readonly host: HostConfig;
  /** Places of anonymous volumes: of `-v PATH` and of the image's VOLUMEs. */
  readonly anonymous: readonly string[];
}

/**
 * What a new container has mounted, its volumes made. In docker's order (moby, registerMountPoints): what comes from other
 * containers gives way to what was asked for, and that to nothing; a place of an anonymous volume only counts where
 * nothing else is. Throws BuildError `usage` on two for one place, `not-found`.
 */
export function containerMounts(
  { host, anonymous }: MountsAsked,
  { volumes, findContainer }: MountsDeps,
): readonly ContainerMount[] {
  const others = (host.VolumesFrom ?? []).flatMap((spec) => mountsFrom(spec, findContainer));
  const asked = [
    ...(host.Binds ?? []).map(bindMount),
    ...(host.Mounts ?? []).map(requested),
    ...Object.entries(host.Tmpfs ?? {}).map(tmpfsMount),
  ];
  const byPlace = new Map(others.map((mount) => [mount.destination, mount]));
  const own = new Set<string>();
  for (const { mount, labels } of asked) {
    const { destination, name, type } = mount;
    if (own.has(destination)) throw usage(`Duplicate mount point: ${destination}`);
    own.add(destination);
    const volume = type === 'volume' ? volumes.create(name, labels ?? {}).name : undefined;
    byPlace.set(destination, { ...mount, ...(volume === undefined ? {} : { name: volume }) });
  }
  for (const path of anonymous) {
    const destination = placeOf(path, path);
    if (byPlace.has(destination)) continue;
    const { name } = volumes.create(undefined, {});
    byPlace.set(destination, { type: 'volume', name, destination, readonly: false, mode: '' });
  }
  // A place inside another comes after it.
  return [...byPlace.values()].sort(
    (a, b) =>
      depth(a.destination) - depth(b.destination) || (a.destination < b.destination ? -1 : 1),
  );
}

interface Asked {
  readonly mount: ContainerMount;
  readonly labels?: Readonly<Record<string, string>>;
}

function depth(path: string): number {
  return path.split('/').length;
}

const MODES = ['rw', 'ro', 'nocopy', 'z', 'Z', 'consistent', 'cached', 'delegated'];
const PROPAGATIONS = ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'];

/** `SOURCE:PATH[:OPTIONS]`: a path of the machine, or a volume's name. */
function bindMount(spec: string): Asked {
  const [source = '', target = '', mode = ''] = spec.split(':');
  const words = mode === '' ? [] : mode.split(',');
  for (const word of words) {
    if (MODES.includes(word)) continue;
    if (!PROPAGATIONS.includes(word)) throw badMode(mode, word);
    checkPropagation(word);
  }
  if (words.includes('ro') && words.includes('rw')) throw badMode(mode, 'ro');
  const destination = placeOf(target, spec);
  const common = { destination, mode, readonly: words.includes('ro') };
  if (source.startsWith('/')) {
    if (words.includes('nocopy')) throw badMode(mode, 'nocopy');
    return {
      mount: { type: 'bind', source: posix.normalize(source), createSource: true, ...common },
    };
  }
  const noCopy = words.includes('nocopy') ? { noCopy: true } : {};
  return { mount: { type: 'volume', name: source, ...noCopy, ...common } };
}

function badMode(mode: string, word: string): BuildError {
  const known = [...MODES, ...PROPAGATIONS];
  const near = nearest(word, known);
  const hint =
    near === undefined || near === word ? `known are ${known.join(', ')}` : `did you mean ${near}?`;
  return new BuildError('usage', `invalid mode: ${mode}`, { hint });
}

/** Our mount namespace is a private one: nothing that is mounted later crosses it, either way. */
function checkPropagation(word: string): void {
  if (word === '' || word === 'private' || word === 'rprivate') return;
  throw new BuildError('unsupported', `bind propagation ${word} is not supported`, {
    hint: 'mounts of a container are private: leave it out',
  });
}

function requested(request: MountRequest): Asked {
  const { Type, Source, Target, ReadOnly, BindOptions = {}, VolumeOptions = {} } = request;
  const destination = placeOf(Target, Target);
  const common = { destination, readonly: ReadOnly === true, mode: '' };
  if (Type === 'tmpfs') return tmpfsRequest(request, common);
  if (Type === 'volume') {
    const { NoCopy, Subpath, Labels } = VolumeOptions;
    if (Subpath?.split('/').includes('..') === true)
      throw usage(
        `invalid mount config for type "volume": subpath must be a relative path within the volume`,
      );
    const mount: ContainerMount = {
      type: 'volume',
      ...(Source === undefined || Source === '' ? {} : { name: Source }),
      ...(NoCopy === true ? { noCopy: true } : {}),
      ...(Subpath === undefined ? {} : { subpath: Subpath }),
      ...common,
    };
    return { mount, ...(Labels === undefined ? {} : { labels: Labels }) };
  }
  const source = posix.normalize(Source ?? '');
  if (!source.startsWith('/'))
    throw usage(
      `invalid mount config for type "bind": invalid mount path: '${source}' mount path must be absolute`,
    );
  checkPropagation(BindOptions.Propagation ?? '');
  const { CreateMountpoint, NonRecursive } = BindOptions;
  if (CreateMountpoint !== true && !existsSync(source))
    throw usage(`invalid mount config for type "bind": bind source path does not exist: ${source}`);
  return {
    mount: {
      type: 'bind',
      source,
      ...(NonRecursive === true ? { nonRecursive: true } : {}),
      ...(CreateMountpoint === true ? { createSource: true } : {}),
      ...common,
    },
  };
}

function tmpfsRequest(
  { TmpfsOptions = {} }: MountRequest,
  common: Pick<ContainerMount, 'destination' | 'readonly' | 'mode'>,
): Asked {
  const { SizeBytes, Mode } = TmpfsOptions;
  const options = [
    ...(SizeBytes === undefined || SizeBytes === 0 ? [] : [`size=${String(SizeBytes)}`]),
    ...(Mode === undefined || Mode === 0 ? [] : [`mode=${Mode.toString(8)}`]),
  ];
  return { mount: { type: 'tmpfs', options, ...common } };
}

const TMPFS =
  /^(ro|rw|exec|noexec|suid|nosuid|dev|nodev|(size|mode|uid|gid|nr_inodes|nr_blocks)=\w+%?)$/;

function tmpfsMount([target, text]: [string, string]): Asked {
  const options = text === '' ? [] : text.split(',');
  const wrong = options.find((option) => !TMPFS.test(option));
  if (wrong !== undefined) throw usage(`invalid tmpfs option ${JSON.stringify(wrong)}`);
  const readonly = options.lastIndexOf('ro') > options.lastIndexOf('rw');
  const destination = placeOf(target, target);
  return { mount: { type: 'tmpfs', destination, readonly, mode: text, options } };
}

/** `CONTAINER`, `CONTAINER:ro`: its binds and volumes. */
function mountsFrom(
  spec: string,
  findContainer: (name: string) => ContainerState,
): ContainerMount[] {
  const cut = spec.indexOf(':');
  const [name, mode] = cut === -1 ? [spec, 'rw'] : [spec.slice(0, cut), spec.slice(cut + 1)];
  if (name === '') throw usage(`malformed volumes-from specification: ${spec}`);
  if (mode !== 'rw' && mode !== 'ro') throw usage(`invalid mode for volumes-from: ${mode}`);
  return (findContainer(name).mounts ?? [])
    .filter(({ type }) => type !== 'tmpfs')
    .map((mount) => ({ ...mount, readonly: mount.readonly || mode === 'ro', mode }));
}

/** Absolute and clean (CVE-2022-23648), and no place that a mount would break the container at (A13, A15, A17). */
function placeOf(target: string, spec: string): string {
  if (!target.startsWith('/'))
    throw usage(
      `invalid volume specification: '${spec}': ${spec.startsWith('/') ? 'invalid mount config for type "bind": ' : ''}invalid mount path: '${target}' mount path must be absolute`,
    );
  const place = posix.normalize(target).replace(/(?<=.)\/$/, '');
  if (place === '/')
    throw usage(
      `invalid volume specification: '${spec}': invalid specification: destination can't be '/'`,
    );
  if (/^\/(proc(\/|$)|dev$|sys$)/.test(place)) {
    throw new BuildError('usage', `mount target ${place} is not allowed`, {
      hint: 'a mount there could undo what hides the machine: mount it elsewhere, for example below /mnt',
    });
  }
  return place;
}

function usage(message: string): BuildError {
  return new BuildError('usage', message);
}
