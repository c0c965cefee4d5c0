import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { hasCode } from '../model/has-code.js';
import { containerCgroup } from './cgroup-files.js';
import { processesOf, type RunningContainer } from './freeze.js';

/** What a container uses at one moment. */
export interface Usage {
  /** Processor time since it began, in nanoseconds. */
  readonly cpuNs: number;
  /** Without file pages the kernel could drop, as docker counts. */
  readonly memory: number;
  readonly memoryLimit: number;
  readonly read: number;
  readonly written: number;
  readonly received: number;
  readonly sent: number;
  /** Threads, as the kernel's pids controller counts. */
  readonly pids: number;
  /** False: it has no cgroup, so these are sums over its processes. */
  readonly ownCgroup: boolean;
}

/** Undefined when the container does not run. `network`: it has interfaces of its own. */
export function usageOf(container: RunningContainer, network: boolean): Usage | undefined {
  if (container.pid <= 0) return undefined;
  const pids = processesOf(container.pid);
  if (pids.length === 0) return undefined;
  const traffic = network ? trafficOf(container.pid) : { received: 0, sent: 0 };
  const sums = { ...sumsOf(pids), memoryLimit: totalmem(), ownCgroup: false };
  const known = Object.entries({ ...oldFiles(container), ...unifiedFiles(container) });
  const measured = Object.fromEntries(known.filter(([, value]) => value !== undefined));
  const ownCgroup = measured['memory'] !== undefined;
  return { ...sums, ...traffic, ...measured, ownCgroup };
}

type Measured = { [K in keyof Usage]?: Usage[K] | undefined };

/** Version 1: each controller has a hierarchy of its own, and a container may be in some of them only. */
function oldFiles(container: RunningContainer): Measured {
  const read = (controller: string, file: string): string | undefined => {
    const directory = containerCgroup(container, controller);
    return directory === undefined ? undefined : textOf(join(directory, file));
  };
  const memory = numberIn(read('memory', 'memory.usage_in_bytes'));
  const inactive = fieldIn(read('memory', 'memory.stat'), 'total_inactive_file');
  return {
    cpuNs: numberIn(read('cpuacct', 'cpuacct.usage')),
    memory: without(memory, inactive),
    memoryLimit: limited(numberIn(read('memory', 'memory.limit_in_bytes'))),
    pids: numberIn(read('pids', 'pids.current')),
    ...oldTraffic(read('blkio', 'blkio.throttle.io_service_bytes_recursive')),
  };
}

/** Version 2: cgroup-v2.rst of the kernel. */
function unifiedFiles(container: RunningContainer): Measured {
  const directory = containerCgroup(container, '');
  if (directory === undefined) return {};
  const read = (file: string): string | undefined => textOf(join(directory, file));
  const cpu = fieldIn(read('cpu.stat'), 'usage_usec');
  const memory = numberIn(read('memory.current'));
  const io = read('io.stat');
  return {
    cpuNs: cpu === undefined ? undefined : cpu * 1000,
    memory: without(memory, fieldIn(read('memory.stat'), 'inactive_file')),
    memoryLimit: limited(numberIn(read('memory.max'))),
    pids: numberIn(read('pids.current')),
    ...(io === undefined ? {} : { read: sumOf(io, 'rbytes='), written: sumOf(io, 'wbytes=') }),
  };
}

function oldTraffic(text: string | undefined): Measured {
  if (text === undefined) return {};
  return { read: sumOf(text, 'Read '), written: sumOf(text, 'Write ') };
}

function sumOf(text: string, before: string): number {
  const found = text.matchAll(new RegExp(`\\b${before}(\\d+)`, 'g'));
  return [...found].reduce((sum, [, count]) => sum + Number(count), 0);
}

function without(memory: number | undefined, inactive = 0): number | undefined {
  if (memory === undefined) return undefined;
  return inactive < memory ? memory - inactive : memory;
}

/** No limit is a number beyond the machine's memory. */
function limited(limit: number | undefined): number | undefined {
  return limit === undefined || limit > totalmem() ? undefined : limit;
}

function numberIn(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+\s*$/.test(text) ? Number(text) : undefined;
}

function fieldIn(text: string | undefined, name: string): number | undefined {
  const value = new RegExp(`^${name} (\\d+)$`, 'm').exec(text ?? '')?.[1];
  return value === undefined ? undefined : Number(value);
}

type Sums = Pick<Usage, 'cpuNs' | 'memory' | 'read' | 'written' | 'pids'>;

function sumsOf(pids: readonly string[]): Sums {
  const sums = { cpuNs: 0, memory: 0, read: 0, written: 0, pids: 0 };
  for (const pid of pids) {
    const stat = textOf(`/proc/${pid}/stat`) ?? '';
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // utime, stime and those of children that ended, in hundredths of a second (proc_pid_stat(5)).
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    const io = textOf(`/proc/${pid}/io`);
    sums.cpuNs += ticks * 10_000_000;
    sums.pids += Number(fields[17] ?? 0);
    sums.memory += 1024 * sumOf(textOf(`/proc/${pid}/smaps_rollup`) ?? '', 'Pss: *');
    sums.read += sumOf(io ?? '', 'read_bytes: ');
    sums.written += sumOf(io ?? '', '(?<!cancelled_)write_bytes: ');
  }
  return sums;
}

/** All interfaces but the loopback's (proc_pid_net(5)). */
function trafficOf(pid: number): Pick<Usage, 'received' | 'sent'> {
  const traffic = { received: 0, sent: 0 };
  for (const line of (textOf(`/proc/${String(pid)}/net/dev`) ?? '').split('\n')) {
    const [, name, counts] = /^\s*([^:\s]+):(.*)$/.exec(line) ?? [];
    if (name === undefined || name === 'lo') continue;
    const numbers = (counts ?? '').trim().split(/\s+/).map(Number);
    traffic.received += numbers[0] ?? 0;
    traffic.sent += numbers[8] ?? 0;
  }
  return traffic;
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH', 'EACCES', 'ENODEV')) return undefined; // It ended meanwhile.
    throw error;
  }
}
