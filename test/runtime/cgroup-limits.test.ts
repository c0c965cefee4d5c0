import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LimitFile, oldLimits, unifiedLimits } from '../../src/runtime/cgroup-limits.js';

const ASKED = {
  ...{ memory: 64 << 20, memorySwap: 96 << 20, memoryReservation: 32 << 20, pidsLimit: -1 },
  ...{ cpuShares: 1024, cpuPeriod: 50_000, cpuQuota: 25_000, cpusetCpus: '0', blkioWeight: 300 },
};

function lines(limits: readonly LimitFile[]): string[] {
  return limits.map(({ controller, files, value }) => `${controller} ${files.join('|')} ${value}`);
}

test('limits as cgroup 1 takes them', () => {
  assert.deepEqual(lines(oldLimits(ASKED)), [
    'memory memory.memsw.limit_in_bytes 100663296',
    'memory memory.limit_in_bytes 67108864',
    'memory memory.soft_limit_in_bytes 33554432',
    'cpu cpu.shares 1024',
    'cpu cpu.cfs_period_us 50000',
    'cpu cpu.cfs_quota_us 25000',
    'cpuset cpuset.cpus 0',
    'pids pids.max max',
    'blkio blkio.weight|blkio.bfq.weight 300',
  ]);
});

test('limits as cgroup 2 takes them: swap alone, weights, both figures of the processor in one', () => {
  assert.deepEqual(lines(unifiedLimits(ASKED)), [
    ' memory.swap.max 33554432',
    ' memory.max 67108864',
    ' memory.low 33554432',
    ' cpu.weight 39',
    ' cpu.max 25000 50000',
    ' cpuset.cpus 0',
    ' pids.max max',
    ' io.bfq.weight|io.weight 300',
  ]);
  assert.deepEqual(lines(unifiedLimits({ cpuQuota: -1, memorySwap: -1 })), [
    ' memory.swap.max max',
    ' cpu.max max 100000',
  ]);
});
