import type { Confinement, DeviceRule } from '../model/process.js';
import { privileges } from '../sys/privileges.js';
import { machineLimits } from './machine-limits.js';

interface OciDeviceRule {
  readonly allow: boolean;
  readonly type?: string;
  readonly major?: number;
  readonly minor?: number;
  readonly access: string;
}

/**
 * True where a device cgroup guards devices; elsewhere `nodev` mounts do. Those hold neither for a node that was asked
 * for, which has to be made, nor against who can mount: both get a cgroup if there can be one.
 */
export function usesDeviceCgroup(confinement: Confinement | undefined): boolean {
  const { deviceRules = [], devices = [], capabilities = [], insecure = false } = confinement ?? {};
  if (deviceRules.length > 0) return true;
  if (insecure) return false;
  return (devices.length > 0 || capabilities.includes('CAP_SYS_ADMIN')) && machineLimits().devices;
}

/** No node that is made in the container can be opened: its own mounts are `nodev`, /dev among them. */
export function closesDevices(confinement: Confinement | undefined): boolean {
  // In a user namespace device nodes are only names anyhow.
  if (privileges().userNamespace || confinement?.insecure === true) return false;
  return !usesDeviceCgroup(confinement);
}

/** Docker's harmless devices: null, zero, full, random, urandom, tty, ptmx, terminals. */
const OPEN: readonly DeviceRule[] = [
  [1, 3],
  [1, 5],
  [1, 7],
  [1, 8],
  [1, 9],
  [5, 0],
  [5, 2],
  [136, -1],
].map(([major = 0, minor = 0]) => ({ type: 'c', major, minor, access: 'rwm' }));

/** Docker's device cgroup, for runtimes that use cgroups: nothing but the harmless ones may be opened. */
export function deviceRules(confinement: Confinement | undefined): readonly OciDeviceRule[] {
  if (confinement?.insecure === true) return [{ allow: true, access: 'rwm' }];
  const make = (['c', 'b'] as const).map((type): DeviceRule => ({
    type,
    major: -1,
    minor: -1,
    access: 'm',
  }));
  const given = confinement?.deviceRules ?? [];
  const nodes = given.length > 0 ? [] : (confinement?.devices ?? []);
  const devices = nodes.map(({ type, major, minor }) => ({ type, major, minor, access: 'rwm' }));
  return [
    { allow: false, access: 'rwm' },
    ...[...make, ...OPEN, ...devices, ...given].map(ociRule),
  ];
}

/** What is any number is left out: -1 is a number to crun. */
function ociRule({ type, major, minor, access }: DeviceRule): OciDeviceRule {
  return {
    allow: true,
    type,
    ...(major < 0 ? {} : { major }),
    ...(minor < 0 ? {} : { minor }),
    access,
  };
}

/** A device that every container may open. */
export function isHarmless(type: string, major: number, minor: number): boolean {
  return OPEN.some(
    (rule) =>
      rule.type === type && rule.major === major && (rule.minor === minor || rule.minor === -1),
  );
}
