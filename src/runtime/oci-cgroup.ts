import type { ProcessSpec } from '../model/process.js';
import type { RunResources } from '../model/run-settings.js';
import { privileges } from '../sys/privileges.js';

/** True for a container that needs a cgroup of its own; others are spared the time it takes. */
export function needsCgroup({ confinement }: ProcessSpec): boolean {
  // Whose cgroups are the machine's: `build` says that limits are not enforced.
  if (privileges().userNamespace) return false;
  const { cgroupParent, resources } = confinement ?? {};
  return cgroupParent !== undefined || Object.keys(resources ?? {}).length > 0;
}

export function cgroup(process: ProcessSpec): { readonly cgroupsPath?: string } {
  if (!needsCgroup(process)) return {};
  const parent = (process.confinement?.cgroupParent ?? 'stave').replace(/^\/+|\/+$/g, '');
  return { cgroupsPath: `/${parent}/${process.id}` };
}

/** Limits in the words of the runtime-spec (config-linux.md). */
export function limits(resources: RunResources | undefined): object {
  if (resources === undefined || privileges().userNamespace) return {};
  const { memory, memorySwap, cpuShares, cpuPeriod, cpuQuota, cpusetCpus, cpusetMems } = resources;
  const group = { limit: memory, swap: memorySwap };
  const cpu = {
    shares: cpuShares,
    period: cpuPeriod,
    quota: cpuQuota,
    cpus: cpusetCpus,
    mems: cpusetMems,
  };
  // JSON leaves out what is undefined; an empty group would ask for nothing.
  return { ...some('memory', group), ...some('cpu', cpu) };
}

function some(name: string, group: Readonly<Record<string, unknown>>): object {
  return Object.values(group).some((value) => value !== undefined) ? { [name]: group } : {};
}
