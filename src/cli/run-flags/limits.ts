import type { Resources } from '../../model/host-config.js';
import { ramInBytes } from '../../model/units.js';
import { ulimitsOf } from '../build-flags/ulimits.js';
import type { FlagSpec, ParsedFlags } from '../flags.js';
import type { FlagFamily } from './flag-family.js';
import {
  badValue,
  bytesOf,
  given,
  notBytes,
  notNatural,
  notWhole,
  wholeOf,
} from './flag-values.js';

/** Those that `update` has too. */
export const LIMIT_FLAGS: readonly FlagSpec[] = [
  {
    ...text('blkio-weight', 'N', 'Weight of block input and output, 10 to 1000'),
    check: notNatural,
  },
  whole('cpu-period', 'MICROSECONDS', 'Length of a CPU period'),
  whole('cpu-quota', 'MICROSECONDS', 'CPU time in a period'),
  whole('cpu-rt-period', 'MICROSECONDS', 'Length of a real-time CPU period'),
  whole('cpu-rt-runtime', 'MICROSECONDS', 'Real-time CPU time in a period'),
  { ...whole('cpu-shares', 'N', 'Relative weight of its CPU time'), short: 'c' },
  { ...text('cpus', 'N', 'Number of CPUs: 0.5, 2'), check: notCpus },
  text('cpuset-cpus', 'CPUS', 'CPUs it may use: 0-2,4'),
  text('cpuset-mems', 'NODES', 'Memory nodes it may use: 0-1'),
  { ...bytes('memory', 'BYTES', 'Memory limit: 64m, 1g'), short: 'm' },
  bytes('memory-reservation', 'BYTES', 'Memory it keeps when memory is short'),
  {
    ...text('memory-swap', 'BYTES', 'Memory and swap together; -1 is unlimited'),
    check: (value) => (value === '-1' ? undefined : notBytes(value)),
  },
  whole('pids-limit', 'N', 'Number of processes; -1 is unlimited'),
];

/** How much of the machine a container may take. */
export const LIMITS: FlagFamily = {
  flags: [
    ...LIMIT_FLAGS,
    list('blkio-weight-device', 'PATH:WEIGHT', 'Weight of one block device'),
    list('device-read-bps', 'PATH:RATE', 'Bytes a second read from a device'),
    list('device-read-iops', 'PATH:RATE', 'Reads a second from a device'),
    list('device-write-bps', 'PATH:RATE', 'Bytes a second written to a device'),
    list('device-write-iops', 'PATH:RATE', 'Writes a second to a device'),
    whole('memory-swappiness', 'N', 'How eagerly it is swapped, 0 to 100'),
    { name: 'oom-kill-disable', kind: 'bool', help: 'No out-of-memory killer' },
    whole('oom-score-adj', 'N', 'How likely the killer takes it, -1000 to 1000'),
    bytes('shm-size', 'BYTES', 'Size of /dev/shm'),
    list('ulimit', 'NAME=SOFT[:HARD]', 'Limits of each process'),
  ],
  read: (flags) => {
    const shm = bytesOf(flags, 'shm-size');
    const disable = flags.text('oom-kill-disable');
    const swappiness = wholeOf(flags, 'memory-swappiness');
    return {
      host: {
        ...resourcesOf(flags),
        ...deviceLimits(flags),
        ...given({
          OomScoreAdj: wholeOf(flags, 'oom-score-adj'),
          ShmSize: shm === 0 ? undefined : shm,
          OomKillDisable: disable === undefined ? undefined : disable === 'true',
          MemorySwappiness: swappiness === -1 ? undefined : swappiness,
        }),
        Ulimits: ulimitsOf(flags.list('ulimit')).map(({ name, soft, hard }) => ({
          Name: name,
          Hard: hard,
          Soft: soft,
        })),
      },
    };
  },
};

/** What was given of the limits that can be changed later. */
export function resourcesOf(flags: ParsedFlags): Partial<Resources> {
  const pids = wholeOf(flags, 'pids-limit');
  return given({
    BlkioWeight: wholeOf(flags, 'blkio-weight'),
    CpuPeriod: wholeOf(flags, 'cpu-period'),
    CpuQuota: wholeOf(flags, 'cpu-quota'),
    CpuRealtimePeriod: wholeOf(flags, 'cpu-rt-period'),
    CpuRealtimeRuntime: wholeOf(flags, 'cpu-rt-runtime'),
    CpuShares: wholeOf(flags, 'cpu-shares'),
    NanoCpus: nanoCpus(flags),
    CpusetCpus: flags.text('cpuset-cpus'),
    CpusetMems: flags.text('cpuset-mems'),
    Memory: bytesOf(flags, 'memory'),
    MemoryReservation: bytesOf(flags, 'memory-reservation'),
    MemorySwap: flags.text('memory-swap') === '-1' ? -1 : bytesOf(flags, 'memory-swap'),
    PidsLimit: pids === 0 ? undefined : pids,
  });
}

function nanoCpus(flags: ParsedFlags): number | undefined {
  const cpus = flags.text('cpus');
  if (cpus === undefined) return undefined;
  return Math.round(Number(cpus) * 1e9);
}

function notCpus(text: string): string | undefined {
  if (!/^(\d+\.?\d*|\.\d+)$/.test(text)) return `failed to parse ${text} as a rational number`;
  const nano = Number(text) * 1e9;
  const exact = Number.isSafeInteger(Math.round(nano)) && Math.abs(nano - Math.round(nano)) < 1e-3;
  return exact ? undefined : 'value is too precise';
}

const COUNT_FORM =
  'The correct format is <device-path>:<number>. Number must be a positive integer';
const BYTES_FORM =
  'The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb';

function deviceLimits(flags: ParsedFlags): Partial<Resources> {
  const rates = (name: string, read: (text: string) => number | undefined, form: string) =>
    flags.list(name).map((value) => {
      const { path, amount } = pathAnd(name, value);
      const rate = read(amount);
      if (rate === undefined)
        throw badValue(`--${name}`, value, `invalid rate for device: ${value}. ${form}`);
      return { Path: path, Rate: rate };
    });
  const count = (amount: string): number | undefined =>
    /^\d{1,15}$/.test(amount) ? Number(amount) : undefined;
  return {
    BlkioWeightDevice: flags.list('blkio-weight-device').map(weightDevice),
    BlkioDeviceReadBps: rates('device-read-bps', ramInBytes, BYTES_FORM),
    BlkioDeviceWriteBps: rates('device-write-bps', ramInBytes, BYTES_FORM),
    BlkioDeviceReadIOps: rates('device-read-iops', count, COUNT_FORM),
    BlkioDeviceWriteIOps: rates('device-write-iops', count, COUNT_FORM),
  };
}

function weightDevice(value: string): { Path: string; Weight: number } {
  const { path, amount } = pathAnd('blkio-weight-device', value);
  const weight = /^\d{1,4}$/.test(amount) ? Number(amount) : NaN;
  if (weight === 0 || (weight >= 10 && weight <= 1000)) return { Path: path, Weight: weight };
  throw badValue('--blkio-weight-device', value, `invalid weight for device: ${value}`);
}

function pathAnd(flag: string, value: string): { path: string; amount: string } {
  const cut = value.indexOf(':');
  if (cut < 1) throw badValue(`--${flag}`, value, `bad format: ${value}`);
  const [path, amount] = [value.slice(0, cut), value.slice(cut + 1)];
  if (path.startsWith('/dev/')) return { path, amount };
  throw badValue(`--${flag}`, value, `bad format for device path: ${value}`);
}

function text(name: string, value: string, help: string): FlagSpec {
  return { name, kind: 'text', value, help };
}

function whole(name: string, value: string, help: string): FlagSpec {
  return { ...text(name, value, help), check: notWhole };
}

function bytes(name: string, value: string, help: string): FlagSpec {
  return { ...text(name, value, help), check: notBytes };
}

function list(name: string, value: string, help: string): FlagSpec {
  return { name, kind: 'list', value, help };
}
