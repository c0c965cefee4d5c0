import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import type { ContainerState } from '../model/container.js';
import { BuildError } from '../model/error.js';
import { type HostConfig, NO_LIMITS, type Resources } from '../model/host-config.js';
import { hasCode } from '../model/has-code.js';
import type { MachineLimits } from '../model/machine-limits.js';
import { oldLimits, unifiedLimits, writeLimits } from '../runtime/cgroup-limits.js';
import { markAdopted } from '../runtime/made-by.js';
import { cgroupPath } from '../runtime/oci-cgroup.js';
import { adoptCgroup } from './adopt-cgroup.js';
import { setAtEnd } from './at-end.js';
import { containerCgroup } from './cgroup-files.js';
import { checkLimits } from './check-limits.js';
import { resourcesOf } from './confinement-of.js';
import type { ContainerStore } from './container-store.js';

/** What `update` gives anew; what is absent stays. */
export type HostChange = Partial<Resources> & Partial<Pick<HostConfig, 'RestartPolicy'>>;

export interface UpdateDeps {
  readonly containers: ContainerStore;
  readonly machine: () => MachineLimits;
}

/**
 * Changes the limits of a container, in its cgroup if it runs, and keeps them for its next start. Gives warnings of what
 * this machine cannot enforce. Throws BuildError `conflict` where the change contradicts what is set, in docker's words.
 */
export async function updateContainer(
  text: string,
  change: HostChange,
  { containers, machine }: UpdateDeps,
): Promise<readonly string[]> {
  const { id } = containers.find(text);
  // Neither starts nor restarts meanwhile.
  using _starting = await containers.lockStart(id);
  const state = containers.find(id);
  const asked = { ...NO_LIMITS, ...resourcesPart(change) };
  const { resources, warnings } = checkLimits(asked, machine(), 'update');
  const kept = keptOf(resourcesPart(change), resources);
  const { RestartPolicy: policy } = change;
  try {
    const hostConfig = updatedHost(state.hostConfig, {
      ...kept,
      ...(policy === undefined ? {} : { RestartPolicy: policy }),
    });
    if (containers.isRunning(id) && state.pid > 0) applyLimits(state, kept, containers);
    // First, so that whoever is killed in between leaves a container that is looked after once too often.
    if (restarts(hostConfig)) setAtEnd(containers.path(id), true);
    containers.save({ ...state, hostConfig });
    containers.tell(state, 'update');
  } catch (error) {
    throw cannotUpdate(id, error);
  }
  return warnings;
}

function restarts({ RestartPolicy }: HostConfig): boolean {
  return RestartPolicy.Name !== 'no';
}

/** The limits of a change, without its restart policy. */
function resourcesPart({ RestartPolicy: _policy, ...resources }: HostChange): Partial<Resources> {
  return resources;
}

/** Of the checked limits those that were asked for: what was dropped is not kept. */
function keptOf(asked: Partial<Resources>, checked: Resources): Partial<Resources> {
  const dropped = (key: string): boolean =>
    (checked as Readonly<Record<string, unknown>> & Resources)[key] !==
    (asked as Readonly<Record<string, unknown>>)[key];
  return Object.fromEntries(Object.entries(asked).filter(([key]) => !dropped(key)));
}

/** moby, Container.UpdateContainer. */
function updatedHost(host: HostConfig, change: HostChange): HostConfig {
  const conflict = (what: string): BuildError => new BuildError('conflict', what);
  const { NanoCpus = 0, CpuPeriod = 0, CpuQuota = 0, Memory = 0, MemorySwap = 0 } = change;
  const nano = 'Conflicting options: Nano CPUs cannot be updated as';
  if (NanoCpus > 0 && host.CpuPeriod > 0) throw conflict(`${nano} CPU Period has already been set`);
  if (NanoCpus > 0 && host.CpuQuota > 0) throw conflict(`${nano} CPU Quota has already been set`);
  const set = 'cannot be updated as NanoCPUs has already been set';
  if (CpuPeriod > 0 && host.NanoCpus > 0) throw conflict(`Conflicting options: CPU Period ${set}`);
  if (CpuQuota > 0 && host.NanoCpus > 0) throw conflict(`Conflicting options: CPU Quota ${set}`);
  if (Memory > host.MemorySwap && Memory !== 0 && MemorySwap === 0) {
    const what = 'Memory limit should be smaller than already set memoryswap limit';
    throw new BuildError('conflict', `${what}, update the memoryswap at the same time`, {
      hint: 'give --memory-swap, too; -1 is unlimited',
    });
  }
  const { RestartPolicy: policy } = change;
  if (policy !== undefined && policy.Name !== 'no' && host.AutoRemove) {
    const why = 'because AutoRemove is enabled for the container';
    throw conflict(`Restart policy cannot be updated ${why}`);
  }
  return { ...host, ...change };
}

function applyLimits(
  state: ContainerState,
  changed: Partial<Resources>,
  containers: ContainerStore,
): void {
  const resources = resourcesOf({ ...state.hostConfig, ...NO_LIMITS, ...changed });
  // Without a memory limit of its own, swap has a meaning here: that of before is there.
  const { MemorySwap = 0, PidsLimit } = changed;
  const whole = {
    ...resources,
    ...(MemorySwap === 0 ? {} : { memorySwap: MemorySwap }),
    ...(PidsLimit === 0 ? { pidsLimit: -1 } : {}),
  };
  if (Object.keys(whole).length === 0) return;
  const first = groupOf(state, 'memory') ?? groupOf(state, 'pids') ?? groupOf(state, '');
  if (first === undefined) {
    const path = cgroupPath(state.id, state.hostConfig.CgroupParent);
    adoptCgroup(state, path);
    markAdopted(containers.path(state.id), path);
  }
  writeLimits(unified() ? unifiedLimits(whole) : oldLimits(whole), (controller) => {
    const group = groupOf(state, controller);
    if (group !== undefined) return group;
    throw new BuildError('runtime', `it has no cgroup of the controller ${controller}`);
  });
}

function groupOf(state: ContainerState, controller: string): string | undefined {
  return containerCgroup(state, controller);
}

function unified(): boolean {
  return existsSync('/sys/fs/cgroup/cgroup.controllers');
}

function cannotUpdate(id: string, error: unknown): unknown {
  const what = `Cannot update container ${id}`;
  if (error instanceof BuildError) {
    const { code, message, hint } = error;
    return new BuildError(code, `${what}: ${message}`, hint === undefined ? {} : { hint });
  }
  if (!hasCode(error, 'EBUSY', 'EINVAL', 'EPERM', 'EACCES', 'ERANGE', 'ENOENT', 'ENOSPC'))
    return error;
  const { path = '', message } = error as NodeJS.ErrnoException;
  const why = message.replace(/^[A-Z]+: /, '').replace(/, \w+( '.*')?$/, '');
  const where = path === '' ? '' : `${basename(path)}: `;
  return new BuildError('conflict', `${what}: ${where}${why}`, {
    hint: 'the kernel refused it; nothing of it is kept',
  });
}
