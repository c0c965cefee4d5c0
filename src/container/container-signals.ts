import { constants } from 'node:os';
import type { ContainerState } from '../model/container.js';
import { BuildError } from '../model/error.js';
import { nearest } from '../model/nearest.js';
import type { ContainerStore } from './container-store.js';
import { deliver } from './deliver.js';

/** `TERM`, `SIGTERM` or `15` as a number. Throws BuildError `usage`. */
export function signalNumber(text: string): number {
  if (/^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= 64) return Number(text);
  const name = text.toUpperCase().replace(/^(?!SIG)/, 'SIG');
  const number = (constants.signals as Readonly<Record<string, number>>)[name];
  if (number !== undefined) return number;
  const near = nearest(name, Object.keys(constants.signals));
  throw new BuildError('usage', `invalid signal: ${text}`, {
    hint: near === undefined ? 'name one, as TERM or KILL' : `did you mean ${near}?`,
  });
}

/** Sends a signal to a container's first process. Throws BuildError `conflict` when it does not run. */
export function killContainer(
  state: ContainerState,
  signal: number,
  containers: ContainerStore,
): void {
  if (!containers.isRunning(state.id)) throw notRunning(state.id);
  deliver(state.pid, signal);
}

export function notRunning(id: string): BuildError {
  return new BuildError('conflict', `container ${id} is not running`, {
    hint: `stave start ${id.slice(0, 12)}`,
  });
}

const KILL = 9;

/** Ends a container: its stop signal, and after `timeoutMs` SIGKILL. One that does not run is left alone. */
export async function stopContainer(
  state: ContainerState,
  { signal, timeoutMs }: { readonly signal?: number; readonly timeoutMs: number },
  containers: ContainerStore,
): Promise<void> {
  if (!containers.isRunning(state.id)) return;
  const stop = signal ?? signalNumber(state.config.StopSignal ?? 'SIGTERM');
  deliver(state.pid, stop);
  try {
    await containers.waitForEnd(state.id, AbortSignal.timeout(Math.max(1, timeoutMs)));
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'TimeoutError') throw error;
    deliver(state.pid, KILL);
    await containers.waitForEnd(state.id, new AbortController().signal);
  }
}
