import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { hasCode } from '../model/has-code.js';
import { reap } from '../sys/process-calls.js';

interface Relative {
  readonly pid: number;
  readonly parent: number;
  readonly ended: boolean;
}

/**
 * Kills all that descends from process `ancestor` by way of those of its children that `takes` names, and waits until
 * nothing is left. They are stopped first, so that none can make another meanwhile.
 */
export async function endDescendants(
  ancestor: number,
  takes: (child: number) => boolean = () => true,
): Promise<void> {
  const alive = (): Relative[] => descendants(ancestor, takes).filter(({ ended }) => !ended);
  for (let seen = -1, now = alive(); now.length !== seen; now = alive()) {
    seen = now.length;
    for (const { pid } of now) send(pid, 'SIGSTOP');
  }
  for (let wait = 1, now = alive(); now.length > 0; now = alive()) {
    for (const { pid } of now) send(pid, 'SIGKILL');
    await delay(wait);
    wait = Math.min(wait * 2, 50);
  }
  for (const { pid, parent } of descendants(ancestor, takes)) if (parent === process.pid) reap(pid);
}

function descendants(ancestor: number, takes: (child: number) => boolean): Relative[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap(relative);
  const found = all.filter(({ pid, parent }) => parent === ancestor && takes(pid));
  for (const { pid } of found) found.push(...all.filter(({ parent }) => parent === pid));
  return found;
}

/** proc(5), stat: `pid (name) state ppid`; a name may hold anything. */
function relative(name: string): Relative[] {
  try {
    const text = readFileSync(`/proc/${name}/stat`, 'latin1');
    const [state = '', parent] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return [{ pid: Number(name), parent: Number(parent), ended: /[ZX]/.test(state) }];
  } catch {
    return []; // It just ended.
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It just ended; what may not be killed is seen again, and waited for.
  }
}

/**
 * Ends what a killed supervisor left to us. Our own children have our root, which can be read; a step's has another, or
 * is another user's.
 */
export function endOrphans(): Promise<void> {
  return endDescendants(process.pid, (child) => {
    try {
      return readlinkSync(`/proc/${String(child)}/root`) !== '/';
    } catch (error) {
      return hasCode(error, 'EACCES', 'EPERM');
    }
  });
}
