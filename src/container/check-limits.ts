import { BuildError } from '../model/error.js';
import type { Resources } from '../model/host-config.js';
import type { MachineLimits } from '../model/machine-limits.js';

/** What of the limits can be kept here, and what has to be said of the rest. */
export interface CheckedLimits {
  readonly resources: Resources;
  readonly warnings: readonly string[];
}

/**
 * Compares what was asked with itself and with what the machine can do, in docker's words and order (moby,
 * verifyPlatformContainerResources): a limit that cannot be kept is dropped with a warning, never in silence. Throws
 * BuildError `usage` on what no machine could do, `runtime` where a process must not start without it.
 */
export function checkLimits(
  asked: Resources,
  machine: MachineLimits,
  when: 'create' | 'update' = 'create',
): CheckedLimits {
  const warnings: string[] = [];
  let resources = asked;
  const drop = (change: Partial<Resources>, warning: string): void => {
    resources = { ...resources, ...change };
    warnings.push(warning);
  };
  checkMemory(asked, when);
  dropMemory(asked, machine, drop);
  checkCpu(asked, machine);
  dropCpu(asked, machine, drop);
  dropBlkio(asked, machine, drop);
  const { BlkioWeight: weight } = resources;
  if (weight !== 0 && (weight < 10 || weight > 1000))
    throw usage('Range of blkio weight is from 10 to 1000');
  if (needsDeviceCgroup(asked) && !machine.devices) {
    const what = '--device-cgroup-rule, and --device with less than rwm,';
    throw new BuildError('runtime', `${what} cannot be enforced on this machine`, {
      hint: 'it needs a device cgroup that can be written to',
    });
  }
  return { resources, warnings };
}

/** What a node in /dev alone cannot express. */
export function needsDeviceCgroup({ DeviceCgroupRules, Devices }: Resources): boolean {
  const partly = Devices.some(
    ({ CgroupPermissions, PathInContainer }) =>
      CgroupPermissions.length < 3 || !PathInContainer.startsWith('/dev/'),
  );
  return partly || (DeviceCgroupRules ?? []).length > 0;
}

type Drop = (change: Partial<Resources>, warning: string) => void;

const LEAST_MEMORY = 6 << 20;

function checkMemory(asked: Resources, when: 'create' | 'update'): void {
  const { Memory, MemorySwap, MemoryReservation, MemorySwappiness } = asked;
  if (Memory !== 0 && Memory < LEAST_MEMORY) throw usage('Minimum memory limit allowed is 6MB');
  if (Memory > 0 && MemorySwap > 0 && MemorySwap < Memory)
    throw usage('Minimum memoryswap limit should be larger than memory limit, see usage');
  if (Memory === 0 && MemorySwap > 0 && when === 'create')
    throw usage('You should always set the Memory limit when using Memoryswap limit, see usage');
  if (MemorySwappiness !== null && (MemorySwappiness < 0 || MemorySwappiness > 100)) {
    const value = String(MemorySwappiness);
    throw usage(`Invalid value: ${value}, valid memory swappiness range is 0-100`);
  }
  if (MemoryReservation > 0 && MemoryReservation < LEAST_MEMORY)
    throw usage('Minimum memory reservation allowed is 6MB');
  if (Memory > 0 && MemoryReservation > Memory)
    throw usage('Minimum memory limit can not be less than memory reservation limit, see usage');
}

function dropMemory(asked: Resources, machine: MachineLimits, drop: Drop): void {
  const lacks = 'or the cgroup is not mounted.';
  if (asked.Memory > 0 && !machine.memory) {
    const what = 'Your kernel does not support memory limit capabilities';
    drop({ Memory: 0, MemorySwap: -1 }, `${what} ${lacks} Limitation discarded.`);
  } else if (asked.Memory > 0 && asked.MemorySwap !== -1 && !machine.swap) {
    const what = 'Your kernel does not support swap limit capabilities';
    drop({ MemorySwap: -1 }, `${what} ${lacks} Memory limited without swap.`);
  }
  if (asked.MemorySwappiness !== null && !machine.swappiness) {
    const what = 'Your kernel does not support memory swappiness capabilities';
    drop({ MemorySwappiness: null }, `${what} ${lacks} Memory swappiness discarded.`);
  }
  if (asked.MemoryReservation > 0 && !machine.reservation) {
    const what = 'Your kernel does not support memory soft limit capabilities';
    drop({ MemoryReservation: 0 }, `${what} ${lacks} Limitation discarded.`);
  }
  if (asked.OomKillDisable === true && !machine.oomKillDisable) {
    const what = 'Your kernel does not support OomKillDisable. OomKillDisable discarded.';
    drop({ OomKillDisable: null }, what);
  } else if (asked.OomKillDisable === true && asked.Memory === 0) {
    const what = 'OOM killer is disabled for the container, but no memory limit is set';
    drop({}, `${what}, this can result in the system running out of resources.`);
  }
  if ((asked.PidsLimit ?? 0) > 0 && !machine.pids) {
    const what = 'Your kernel does not support PIDs limit capabilities';
    drop({ PidsLimit: null }, `${what} ${lacks} PIDs limit discarded.`);
  }
}

function checkCpu(asked: Resources, { cpuQuota, cpuCount }: MachineLimits): void {
  const { NanoCpus, CpuPeriod, CpuQuota } = asked;
  if (NanoCpus > 0 && CpuPeriod > 0)
    throw usage('Conflicting options: Nano CPUs and CPU Period cannot both be set');
  if (NanoCpus > 0 && CpuQuota > 0)
    throw usage('Conflicting options: Nano CPUs and CPU Quota cannot both be set');
  if (NanoCpus > 0 && !cpuQuota) {
    const why = 'your kernel does not support CPU CFS scheduler or the cgroup is not mounted';
    throw new BuildError('runtime', `NanoCPUs can not be set, as ${why}`, {
      hint: 'leave out --cpus',
    });
  }
  if (NanoCpus > cpuCount * 1e9) {
    const count = String(cpuCount);
    throw usage(
      `range of CPUs is from 0.01 to ${count}.00, as there are only ${count} CPUs available`,
    );
  }
  if (CpuPeriod !== 0 && (CpuPeriod < 1000 || CpuPeriod > 1_000_000))
    throw usage(
      'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)',
    );
  if (CpuQuota > 0 && CpuQuota < 1000)
    throw usage('CPU cfs quota can not be less than 1ms (i.e. 1000)');
  if (asked.CpuShares < 0)
    throw usage(
      `invalid CPU shares (${String(asked.CpuShares)}): value must be a positive integer`,
    );
}

function dropCpu(asked: Resources, machine: MachineLimits, drop: Drop): void {
  if (asked.CpuShares > 0 && !machine.cpuShares) {
    const what = 'Your kernel does not support CPU shares or the cgroup is not mounted.';
    drop({ CpuShares: 0 }, `${what} Shares discarded.`);
  }
  if ((asked.CpuPeriod !== 0 || asked.CpuQuota !== 0) && !machine.cpuQuota) {
    const what = 'Your kernel does not support CPU CFS scheduler.';
    drop({ CpuPeriod: 0, CpuQuota: 0 }, `${what} CPU period/quota discarded.`);
  }
  if ((asked.CpuRealtimePeriod !== 0 || asked.CpuRealtimeRuntime !== 0) && !machine.cpuRealtime) {
    const what = 'Your kernel does not support CPU real-time scheduler.';
    drop({ CpuRealtimePeriod: 0, CpuRealtimeRuntime: 0 }, `${what} Real-time limits discarded.`);
  }
  const { CpusetCpus, CpusetMems } = asked;
  if (CpusetCpus === '' && CpusetMems === '') return;
  checkSet('cpus', CpusetCpus, machine.cpus);
  checkSet('mems', CpusetMems, machine.mems);
  if (machine.cpuset) return;
  const what = 'Your kernel does not support cpuset or the cgroup is not mounted.';
  drop({ CpusetCpus: '', CpusetMems: '' }, `${what} Cpuset discarded.`);
}

function checkSet(kind: 'cpus' | 'mems', asked: string, there: string): void {
  const numbers = setOf(asked);
  if (numbers === undefined)
    throw usage(`Invalid value ${asked} for cpuset ${kind}: invalid format: ${asked}`);
  const available = setOf(there) ?? new Set<number>();
  if (available.size === 0 || [...numbers].every((number) => available.has(number))) return;
  const what = kind === 'cpus' ? 'CPUs' : 'memory nodes';
  throw usage(`Requested ${what} are not available - requested ${asked}, available: ${there}`);
}

const HIGHEST = 8192;

/** `0-2,4`; undefined when it is not such a list. */
function setOf(text: string): Set<number> | undefined {
  const numbers = new Set<number>();
  for (const part of text === '' ? [] : text.split(',')) {
    const [, first = '', last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (first === '' || to < from || to > HIGHEST) return undefined;
    for (let number = from; number <= to; number++) numbers.add(number);
  }
  return numbers;
}

function dropBlkio(asked: Resources, machine: MachineLimits, drop: Drop): void {
  const kernel = 'Your kernel does not support';
  const cgroup = 'or the cgroup is not mounted.';
  if (asked.BlkioWeight > 0 && !machine.blkioWeight)
    drop({ BlkioWeight: 0 }, `${kernel} Block I/O weight ${cgroup} Weight discarded.`);
  if (asked.BlkioWeightDevice.length > 0 && !machine.blkioWeight) {
    const what = `${kernel} Block I/O weight_device ${cgroup}`;
    drop({ BlkioWeightDevice: [] }, `${what} Weight-device discarded.`);
  }
  if (machine.blkioThrottle) return;
  if (asked.BlkioDeviceReadBps.length > 0) {
    const what = `${kernel} BPS Block I/O read limit ${cgroup}`;
    drop({ BlkioDeviceReadBps: [] }, `${what} Block I/O BPS read limit discarded.`);
  }
  if (asked.BlkioDeviceWriteBps.length > 0) {
    const what = `${kernel} BPS Block I/O write limit ${cgroup}`;
    drop({ BlkioDeviceWriteBps: [] }, `${what} Block I/O BPS write limit discarded.`);
  }
  if (asked.BlkioDeviceReadIOps.length > 0) {
    const what = `${kernel} IOPS Block read limit ${cgroup}`;
    drop({ BlkioDeviceReadIOps: [] }, `${what} Block I/O IOPS read limit discarded.`);
  }
  if (asked.BlkioDeviceWriteIOps.length > 0) {
    const what = `${kernel} IOPS Block write limit ${cgroup}`;
    drop({ BlkioDeviceWriteIOps: [] }, `${what} Block I/O IOPS write limit discarded.`);
  }
}

function usage(message: string): BuildError {
  return new BuildError('usage', message);
}
