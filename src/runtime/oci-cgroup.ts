import type { ProcessSpec } from '../model/process.js';
import type { BlkioDevice, RunResources } from '../model/run-settings.js';
import { privileges } from '../sys/privileges.js';
import { usesDeviceCgroup } from './oci-devices.js';

/** True for a container that needs a cgroup of its own; others are spared the time it takes. */
export function needsCgroup({ confinement }: Pick<ProcessSpec, 'confinement'>): boolean {
  // Whose cgroups are the machine's: it is said that limits are not enforced.
  if (privileges().userNamespace) return false;
  const { cgroupParent, resources, namespaces, writableCgroups } = confinement ?? {};
  return (
    cgroupParent !== undefined ||
    Object.keys(resources ?? {}).length > 0 ||
    usesDeviceCgroup(confinement) ||
    namespaces?.cgroup === 'private' ||
    // The end of its first process does not end the others: they are found by their cgroup.
    namespaces?.pid !== undefined ||
    writableCgroups === true
  );
}

/** Also where none is needed: runc makes one for every container, and would make it where nobody removes it. */
export function cgroup(process: ProcessSpec): { readonly cgroupsPath?: string } {
  if (privileges().userNamespace) return {};
  return { cgroupsPath: cgroupPath(process.id, process.confinement?.cgroupParent) };
}

/** Below the root of each hierarchy. */
export function cgroupPath(id: string, parent: string | undefined): string {
  const below = parent === undefined || parent === '' ? 'stave' : parent;
  return `/${below.replace(/^\/+|\/+$/g, '')}/${id}`;
}

/** Limits in the words of the runtime-spec (config-linux.md). */
export function limits(resources: RunResources | undefined): object {
  if (resources === undefined || privileges().userNamespace) return {};
  const memory = {
    limit: resources.memory,
    reservation: resources.memoryReservation,
    swap: resources.memorySwap,
    swappiness: resources.memorySwappiness,
    disableOOMKiller: resources.oomKillDisable,
  };
  const cpu = {
    shares: resources.cpuShares,
    period: resources.cpuPeriod,
    quota: resources.cpuQuota,
    realtimePeriod: resources.cpuRealtimePeriod,
    realtimeRuntime: resources.cpuRealtimeRuntime,
    cpus: resources.cpusetCpus,
    mems: resources.cpusetMems,
  };
  const blockIO = { weight: resources.blkioWeight, ...blkio(resources.blkioDevices ?? []) };
  // JSON leaves out what is undefined; an empty group would ask for nothing.
  return {
    ...some('memory', memory),
    ...some('cpu', cpu),
    ...some('blockIO', blockIO),
    ...some('pids', { limit: resources.pidsLimit }),
  };
}

function blkio(devices: readonly BlkioDevice[]): Record<string, unknown> {
  const groups: Record<string, object[]> = {};
  for (const { kind, major, minor, value } of devices) {
    const amount = kind === 'weightDevice' ? { weight: value } : { rate: value };
    (groups[kind] ??= []).push({ major, minor, ...amount });
  }
  return groups;
}

function some(name: string, group: Readonly<Record<string, unknown>>): object {
  return Object.values(group).some((value) => value !== undefined) ? { [name]: group } : {};
}
