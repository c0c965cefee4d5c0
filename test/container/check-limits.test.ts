import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkLimits } from '../../src/container/check-limits.js';
import { BuildError } from '../../src/model/error.js';
import { DEFAULT_HOST_CONFIG, type Resources } from '../../src/model/host-config.js';
import type { MachineLimits } from '../../src/model/machine-limits.js';

const EVERYTHING: MachineLimits = {
  cgroups: true,
  memory: true,
  swap: true,
  reservation: true,
  swappiness: true,
  oomKillDisable: true,
  pids: true,
  cpuQuota: true,
  cpuShares: true,
  cpuRealtime: true,
  cpuset: true,
  devices: true,
  blkioWeight: true,
  blkioThrottle: true,
  cpus: '0-1',
  mems: '0',
  cpuCount: 2,
};
const NOTHING: MachineLimits = {
  ...(Object.fromEntries(
    Object.entries(EVERYTHING).map(([name, value]) => [name, value === true ? false : value]),
  ) as unknown as MachineLimits),
  cpus: '',
  mems: '',
};
const asked = (some: Partial<Resources>): Resources => ({ ...DEFAULT_HOST_CONFIG, ...some });
const MB = 1 << 20;
const DEVICE = { PathOnHost: '/dev/x', PathInContainer: '/dev/x', CgroupPermissions: 'rwm' };

const IMPOSSIBLE: readonly (readonly [some: Partial<Resources>, message: RegExp])[] = [
  [{ Memory: 5 * MB }, /^Minimum memory limit allowed is 6MB$/],
  [{ Memory: 10 * MB, MemorySwap: 9 * MB }, /^Minimum memoryswap limit should be larger than/],
  [{ MemorySwap: 9 * MB }, /^You should always set the Memory limit when using Memoryswap/],
  [{ MemoryReservation: 5 * MB }, /^Minimum memory reservation allowed is 6MB$/],
  [{ Memory: 10 * MB, MemoryReservation: 11 * MB }, /can not be less than memory reservation/],
  [{ MemorySwappiness: 101 }, /^Invalid value: 101, valid memory swappiness range is 0-100$/],
  [{ NanoCpus: 3e9 }, /^range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available$/],
  [{ NanoCpus: 1e9, CpuPeriod: 1000 }, /^Conflicting options: Nano CPUs and CPU Period/],
  [{ NanoCpus: 1e9, CpuQuota: 1000 }, /^Conflicting options: Nano CPUs and CPU Quota/],
  [{ CpuPeriod: 999 }, /^CPU cfs period can not be less than 1ms/],
  [{ CpuPeriod: 1_000_001 }, /^CPU cfs period can not be less than 1ms/],
  [{ CpuQuota: 999 }, /^CPU cfs quota can not be less than 1ms/],
  [{ CpuShares: -1 }, /^invalid CPU shares \(-1\): value must be a positive integer$/],
  [{ CpusetCpus: '0-4' }, /^Requested CPUs are not available - requested 0-4, available: 0-1$/],
  [{ CpusetMems: '1' }, /^Requested memory nodes are not available - requested 1, available: 0$/],
  [{ CpusetCpus: '2-1' }, /^Invalid value 2-1 for cpuset cpus: invalid format: 2-1$/],
  [{ CpusetCpus: '0-99999999' }, /^Invalid value 0-99999999 for cpuset cpus: /],
  [{ BlkioWeight: 9 }, /^Range of blkio weight is from 10 to 1000$/],
];
for (const [some, message] of IMPOSSIBLE) {
  test(`no machine can: ${JSON.stringify(some)}`, () => {
    assert.throws(() => checkLimits(asked(some), EVERYTHING), { name: BuildError.name, message });
  });
}

test('what the machine can do is kept as asked, without a word', () => {
  const all = asked({
    Memory: 10 * MB,
    MemorySwap: 20 * MB,
    MemoryReservation: 7 * MB,
    NanoCpus: 2e9,
    CpuShares: 10,
    CpusetCpus: '0,1',
    PidsLimit: 5,
    BlkioWeight: 10,
    OomKillDisable: true,
  });
  assert.deepEqual(checkLimits(all, EVERYTHING), { resources: all, warnings: [] });
});

const DROPPED: readonly (readonly [
  some: Partial<Resources>,
  left: Partial<Resources>,
  warning: RegExp,
])[] = [
  [{ Memory: 9 * MB }, { Memory: 0, MemorySwap: -1 }, /does not support memory limit capabilities/],
  [{ MemoryReservation: 9 * MB }, { MemoryReservation: 0 }, /memory soft limit capabilities/],
  [{ MemorySwappiness: 5 }, { MemorySwappiness: null }, /memory swappiness capabilities/],
  [{ OomKillDisable: true }, { OomKillDisable: null }, /does not support OomKillDisable/],
  [{ PidsLimit: 5 }, { PidsLimit: null }, /PIDs limit discarded/],
  [{ CpuShares: 5 }, { CpuShares: 0 }, /Shares discarded/],
  [{ CpuQuota: 5000 }, { CpuQuota: 0, CpuPeriod: 0 }, /CPU period\/quota discarded/],
  [{ CpuRealtimePeriod: 5000 }, { CpuRealtimePeriod: 0 }, /Real-time limits discarded/],
  [{ CpusetCpus: '0' }, { CpusetCpus: '' }, /Cpuset discarded/],
  [{ BlkioWeight: 10 }, { BlkioWeight: 0 }, /Weight discarded/],
  [{ BlkioDeviceReadBps: [{ Path: '/dev/x', Rate: 1 }] }, { BlkioDeviceReadBps: [] }, /BPS read/],
];
for (const [some, left, warning] of DROPPED) {
  test(`said and left out where it cannot be enforced: ${JSON.stringify(some)}`, () => {
    const { resources, warnings } = checkLimits(asked(some), NOTHING);
    assert.deepEqual(resources, { ...asked(some), ...left });
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, warning);
  });
}

test('a process that must not start without a limit does not', () => {
  assert.throws(() => checkLimits(asked({ NanoCpus: 1e9 }), NOTHING), /NanoCPUs can not be set/);
  const devices: readonly Partial<Resources>[] = [
    { DeviceCgroupRules: ['c 1:3 r'] },
    { Devices: [{ ...DEVICE, CgroupPermissions: 'r' }] },
    { Devices: [{ ...DEVICE, PathInContainer: '/opt/x' }] },
  ];
  for (const some of devices)
    assert.throws(() => checkLimits(asked(some), NOTHING), /cannot be enforced on this machine/);
  assert.deepEqual(checkLimits(asked({ Devices: [DEVICE] }), NOTHING).warnings, []);
});
