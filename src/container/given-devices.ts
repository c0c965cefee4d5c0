import { readdirSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { deviceNumbers } from '../sys/device-number.js';
import { BuildError } from '../model/error.js';
import type { HostConfig } from '../model/host-config.js';
import type { Confinement, DeviceNode, DeviceRule } from '../model/process.js';

type Given = Pick<Confinement, 'devices' | 'deviceRules'>;

/**
 * --device and --device-cgroup-rule. A device given without limits is a node in the container's /dev and needs no
 * device cgroup; access that is less than all, and rules by number, only a cgroup can enforce.
 */
export function givenDevices({ Devices, DeviceCgroupRules }: HostConfig): Given {
  const found = Devices.flatMap(({ PathOnHost, PathInContainer, CgroupPermissions }) =>
    nodesAt(PathOnHost, PathInContainer).map((node) => ({ node, access: CgroupPermissions })),
  );
  const rules = (DeviceCgroupRules ?? []).map(ruleOf);
  // Outside of /dev, which the runtime makes, the root is `nodev` where there is no device cgroup.
  const guarded =
    rules.length > 0 ||
    found.some(({ access, node }) => access.length < 3 || !node.path.startsWith('/dev/'));
  const own = found.map(({ node: { type, major, minor }, access }): DeviceRule => ({
    type,
    major,
    minor,
    access,
  }));
  const devices = found.map(({ node }) => node);
  return guarded ? { devices, deviceRules: [...own, ...rules] } : { devices };
}

/** A device, or those of a directory. */
function nodesAt(host: string, inside: string): DeviceNode[] {
  const stat = statSync(host, { throwIfNoEntry: false });
  const failed = (why: string): BuildError =>
    new BuildError(
      'not-found',
      `error gathering device information while adding custom device ${JSON.stringify(host)}: ${why}`,
    );
  if (stat === undefined) throw failed('no such file or directory');
  if (stat.isDirectory()) return nodesBelow(host, inside);
  const node = nodeOf(inside, stat);
  if (node === undefined) throw failed('not a device node');
  return [node];
}

/** What /dev holds besides devices: other filesystems, and the terminal of whoever started us. */
const SKIPPED = new Set(['pts', 'shm', 'fd', 'mqueue', '.lxc', '.lxd-mounts', '.udev', 'console']);

/** Every device of the machine: --privileged. */
export function hostDevices(): DeviceNode[] {
  return nodesBelow('/dev', '/dev');
}

function nodesBelow(host: string, inside: string): DeviceNode[] {
  return readdirSync(host, { withFileTypes: true }).flatMap((entry) => {
    if (SKIPPED.has(entry.name)) return [];
    const [from, to] = [join(host, entry.name), join(inside, entry.name)];
    if (entry.isDirectory()) return nodesBelow(from, to);
    if (!entry.isCharacterDevice() && !entry.isBlockDevice()) return [];
    const stat = statSync(from, { throwIfNoEntry: false });
    return (stat && nodeOf(to, stat)) ?? [];
  });
}

function nodeOf(path: string, stat: Stats): DeviceNode | undefined {
  if (!stat.isCharacterDevice() && !stat.isBlockDevice()) return undefined;
  const type = stat.isBlockDevice() ? 'b' : 'c';
  const { uid, gid, mode } = stat;
  return { path, type, ...deviceNumbers(stat.rdev), mode: mode & 0o777, uid, gid };
}

/** `c 1:* rwm`, as the command line checked it. */
function ruleOf(text: string): DeviceRule {
  const [type = 'a', numbers = '*:*', access = 'rwm'] = text.split(' ');
  const [major, minor] = numbers.split(':').map((part) => (part === '*' ? -1 : Number(part)));
  return { type: type as DeviceRule['type'], major: major ?? -1, minor: minor ?? -1, access };
}
