import { readFileSync } from 'node:fs';

/**
 * Sends a signal to the first process of a container: below the supervisor we started stands the runtime, below that
 * the container's process.
 */
export function signalContainer(supervisor: number, signal: NodeJS.Signals): void {
  const runtime = childrenOf(supervisor)[0];
  const process_ = runtime === undefined ? undefined : childrenOf(runtime)[0];
  if (process_ === undefined) return; // Not started yet, or over.
  try {
    process.kill(process_, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8');
    return text
      .split(' ')
      .filter((part) => part !== '')
      .map(Number);
  } catch {
    return []; // It ended meanwhile.
  }
}
