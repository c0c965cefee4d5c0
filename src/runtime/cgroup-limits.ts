import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../model/has-code.js';
import type { RunResources } from '../model/run-settings.js';

/** A limit as the kernel takes it: a file of a controller's directory, or the first of several that is there. */
export interface LimitFile {
  readonly controller: string;
  readonly files: readonly string[];
  readonly value: string;
}

/** Kernel documentation: admin-guide/cgroup-v1/. Only what a container that runs can be given anew. */
export function oldLimits(resources: RunResources): readonly LimitFile[] {
  return [
    ...limit('memory', 'memory.memsw.limit_in_bytes', resources.memorySwap),
    ...limit('memory', 'memory.limit_in_bytes', resources.memory),
    ...limit('memory', 'memory.soft_limit_in_bytes', resources.memoryReservation),
    ...limit('cpu', 'cpu.shares', resources.cpuShares),
    ...limit('cpu', 'cpu.cfs_period_us', resources.cpuPeriod),
    ...limit('cpu', 'cpu.cfs_quota_us', resources.cpuQuota),
    ...limit('cpu', 'cpu.rt_period_us', resources.cpuRealtimePeriod),
    ...limit('cpu', 'cpu.rt_runtime_us', resources.cpuRealtimeRuntime),
    ...limit('cpuset', 'cpuset.cpus', resources.cpusetCpus),
    ...limit('cpuset', 'cpuset.mems', resources.cpusetMems),
    ...limit('pids', 'pids.max', maximum(resources.pidsLimit)),
    ...limit('blkio', ['blkio.weight', 'blkio.bfq.weight'], resources.blkioWeight),
  ];
}

/** Kernel documentation: admin-guide/cgroup-v2.rst; the figures are converted as runc does. */
export function unifiedLimits(resources: RunResources): readonly LimitFile[] {
  const { memory, memorySwap, cpuShares, cpuPeriod, cpuQuota } = resources;
  // The old figure is of both together.
  const swap =
    memorySwap === undefined || memorySwap === -1 ? memorySwap : memorySwap - (memory ?? 0);
  const quota = cpuQuota === undefined || cpuQuota <= 0 ? 'max' : String(cpuQuota);
  const asksCpu = cpuPeriod !== undefined || cpuQuota !== undefined;
  return [
    ...limit('', 'memory.swap.max', maximum(swap)),
    ...limit('', 'memory.max', maximum(memory)),
    ...limit('', 'memory.low', resources.memoryReservation),
    ...limit('', 'cpu.weight', cpuShares === undefined ? undefined : weightOf(cpuShares)),
    ...limit('', 'cpu.max', asksCpu ? `${quota} ${String(cpuPeriod ?? 100_000)}` : undefined),
    ...limit('', 'cpuset.cpus', resources.cpusetCpus),
    ...limit('', 'cpuset.mems', resources.cpusetMems),
    ...limit('', 'pids.max', maximum(resources.pidsLimit)),
    ...limit('', ['io.bfq.weight', 'io.weight'], resources.blkioWeight),
  ];
}

/** Writes them below a cgroup's directories, one for each controller. What one refuses before another is set is tried again. */
export function writeLimits(
  limits: readonly LimitFile[],
  directoryOf: (controller: string) => string,
): void {
  const write = ({ controller, files, value }: LimitFile): void => {
    const paths = files.map((file) => join(directoryOf(controller), file));
    writeFileSync(paths.find((path) => existsSync(path)) ?? paths[0] ?? '', value);
  };
  // Memory alone must not exceed memory with swap: which comes first depends on what was set before.
  const refused = limits.filter((each) => {
    try {
      write(each);
      return false;
    } catch (error) {
      if (!hasCode(error, 'EINVAL')) throw error;
      return true;
    }
  });
  refused.forEach(write);
}

function limit(
  controller: string,
  files: string | readonly string[],
  value: string | number | undefined,
): LimitFile[] {
  if (value === undefined) return [];
  return [{ controller, files: [files].flat(), value: String(value) }];
}

function maximum(value: number | undefined): string | undefined {
  if (value === undefined) return undefined;
  return value < 0 ? 'max' : String(value);
}

/** Shares are 2 to 262144, weights 1 to 10000. */
function weightOf(shares: number): number {
  return 1 + Math.floor(((Math.max(2, shares) - 2) * 9999) / 262_142);
}
