import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { MachineLimits } from '../model/machine-limits.js';
import { privileges } from '../sys/privileges.js';

/** Looks which limits can be set below `root`: the controllers of cgroup 1 and 2, and what the kernel made of them. */
export function machineLimits(root = '/sys/fs/cgroup'): MachineLimits {
  // In a user namespace of ours the machine's cgroups are another's.
  if (privileges().userNamespace) return noLimits();
  return existsSync(join(root, 'cgroup.controllers')) ? unified(root) : hierarchies(root);
}

/** Of a machine that can enforce nothing. */
export function noLimits(): MachineLimits {
  return hierarchies('/nonexistent');
}

function unified(root: string): MachineLimits {
  const controllers = new Set(textOf(join(root, 'cgroup.controllers')).split(' '));
  const writable = isWritable(root);
  const has = (name: string): boolean => writable && controllers.has(name);
  return {
    cgroups: writable,
    memory: has('memory'),
    // There are no files of limits in the root of cgroup 2: the kernel's own word on swap accounting is not there.
    swap: has('memory'),
    reservation: has('memory'),
    swappiness: false,
    oomKillDisable: false,
    pids: has('pids'),
    cpuQuota: has('cpu'),
    cpuShares: has('cpu'),
    cpuRealtime: false,
    cpuset: has('cpuset'),
    devices: writable,
    blkioWeight: has('io'),
    blkioThrottle: has('io'),
    cpus: textOf(join(root, 'cpuset.cpus.effective')),
    mems: textOf(join(root, 'cpuset.mems.effective')),
    cpuCount: availableParallelism(),
  };
}

function hierarchies(root: string): MachineLimits {
  const has = (controller: string, file = 'cgroup.procs'): boolean =>
    existsSync(join(root, controller, file)) && isWritable(join(root, controller));
  return {
    cgroups: ['memory', 'cpu', 'pids', 'devices'].some((controller) => has(controller)),
    memory: has('memory', 'memory.limit_in_bytes'),
    swap: has('memory', 'memory.memsw.limit_in_bytes'),
    reservation: has('memory', 'memory.soft_limit_in_bytes'),
    swappiness: has('memory', 'memory.swappiness'),
    oomKillDisable: has('memory', 'memory.oom_control'),
    pids: has('pids'),
    cpuQuota: has('cpu', 'cpu.cfs_quota_us'),
    cpuShares: has('cpu', 'cpu.shares'),
    cpuRealtime: has('cpu', 'cpu.rt_runtime_us'),
    cpuset: has('cpuset', 'cpuset.cpus'),
    devices: has('devices'),
    blkioWeight: has('blkio', 'blkio.weight') || has('blkio', 'blkio.bfq.weight'),
    blkioThrottle: has('blkio', 'blkio.throttle.read_bps_device'),
    cpus: textOf(join(root, 'cpuset/cpuset.cpus')),
    mems: textOf(join(root, 'cpuset/cpuset.mems')),
    cpuCount: availableParallelism(),
  };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return ''; // What cannot be read is not there for us.
  }
}

/** By the file system, too: in a container it is often mounted read-only. */
function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
