import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { hasCode } from '../model/has-code.js';
import { processesIn, rootOf } from '../sys/process-root.js';
import { containerCgroup } from './cgroup-files.js';

/** A container that runs: its id, and its first process. */
export interface RunningContainer {
  readonly id: string;
  readonly pid: number;
}

/**
 * Stops every process of a container: by its cgroup's freezer, or, where it has no cgroup of its own, by SIGSTOP to each
 * process of its PID namespace. Resolves when all stand still.
 */
export async function freeze(container: RunningContainer): Promise<void> {
  const freezer = freezerOf(container);
  if (freezer === undefined) stopAll(container.pid);
  else {
    writeFileSync(freezer.file, freezer.freeze);
    while (!freezer.isFrozen()) await delay(1);
  }
}

/** Undoes `freeze`. Signals that came meanwhile arrive now. */
export function thaw(container: RunningContainer): void {
  const freezer = freezerOf(container);
  if (freezer !== undefined) writeFileSync(freezer.file, freezer.thaw);
  else for (const pid of processesOf(container.pid)) signal(pid, 'SIGCONT');
}

interface Freezer {
  readonly file: string;
  readonly freeze: string;
  readonly thaw: string;
  readonly isFrozen: () => boolean;
}

/** Kernel documentation: cgroup-v1/freezer-subsystem.rst and cgroup-v2.rst. */
function freezerOf(container: RunningContainer): Freezer | undefined {
  const old = containerCgroup(container, 'freezer');
  if (old !== undefined) {
    const file = join(old, 'freezer.state');
    const isFrozen = (): boolean => readFileSync(file, 'utf8').startsWith('FROZEN');
    return { file, freeze: 'FROZEN', thaw: 'THAWED', isFrozen };
  }
  const unified = containerCgroup(container, '');
  const file = unified === undefined ? '' : join(unified, 'cgroup.freeze');
  if (unified === undefined || !existsSync(file)) return undefined;
  const events = join(unified, 'cgroup.events');
  const isFrozen = (): boolean => readFileSync(events, 'utf8').includes('frozen 1');
  return { file, freeze: '1', thaw: '0', isFrozen };
}

/** Processes that appear meanwhile are stopped too: it looks again until it finds no new one. */
function stopAll(init: number): void {
  const stopped = new Set<string>();
  for (let found = true; found;) {
    found = false;
    for (const pid of processesOf(init)) {
      if (stopped.has(pid)) continue;
      stopped.add(pid);
      found = signal(pid, 'SIGSTOP') || found;
    }
  }
}

/** Pids of a container's PID namespace, as the host knows them; of one in a chroot, of those that share its root. */
export function processesOf(init: number): string[] {
  const root = rootOf(init);
  if (root !== undefined && root !== '/') return processesIn(root).map(String);
  const namespace = namespaceOf(String(init));
  if (namespace === undefined) return [];
  return readdirSync('/proc').filter(
    (name) => /^\d+$/.test(name) && namespaceOf(name) === namespace,
  );
}

function namespaceOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH', 'EACCES')) return undefined; // It ended meanwhile.
    throw error;
  }
}

function signal(pid: string, name: NodeJS.Signals): boolean {
  try {
    return process.kill(Number(pid), name);
  } catch {
    return false; // It ended meanwhile.
  }
}
