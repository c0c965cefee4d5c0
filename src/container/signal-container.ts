import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { TerminalSize } from '../model/process.js';

/** Sends a signal to the first process of a container, if it runs. */
export function signalContainer(supervisor: number, signal: NodeJS.Signals): void {
  const process_ = processBelow(supervisor);
  if (process_ === undefined) return; // Not started yet, or over.
  try {
    process.kill(process_, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The first process of the container that the stave with this pid runs. */
export function containerInit(stave: number): number | undefined {
  return childrenOf(stave)
    .map(processBelow)
    .find((pid) => pid !== undefined);
}

/** crun gives a terminal its first size only: later ones are set from outside, on the container's own end of it. */
export function resizeTerminal(supervisor: number, { rows, columns }: TerminalSize): void {
  const pid = processBelow(supervisor);
  if (pid === undefined) return;
  const size = ['rows', String(rows), 'cols', String(columns)];
  // It may be over before stty looks: then there is nothing to resize.
  spawn('stty', ['-F', `/proc/${String(pid)}/fd/0`, ...size], { stdio: 'ignore' }).on(
    'error',
    () => undefined,
  );
}

/** Below the supervisor stands the runtime, below that the container's process. */
function processBelow(supervisor: number): number | undefined {
  const runtime = childrenOf(supervisor)[0];
  return runtime === undefined ? undefined : childrenOf(runtime)[0];
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
