import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerState } from '../model/container.js';
import { BuildError } from '../model/error.js';
import { nearest } from '../model/nearest.js';
import type { ContainerStore } from './container-store.js';
import { deliver } from './deliver.js';
import { killNamed } from './half-started.js';
import { unpauseContainer } from './pause-container.js';

/** `TERM`, `SIGTERM` or `15` as a number. Throws BuildError `usage`. */
export function signalNumber(text: string): number {
  if (/^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= 64) return Number(text);
  const name = text.toUpperCase().replace(/^(?!SIG)/, 'SIG');
  const number = (constants.signals as Readonly<Record<string, number>>)[name];
  if (number !== undefined) return number;
  const realTime = realTimeSignal(name);
  if (realTime !== undefined) return realTime;
  const near = nearest(name, Object.keys(constants.signals));
  throw new BuildError('usage', `invalid signal: ${text}`, {
    hint: near === undefined ? 'name one, as TERM or KILL' : `did you mean ${near}?`,
  });
}

const [RTMIN, RTMAX] = [34, 64];

/** `SIGRTMIN+3`, with which systemd is stopped; Node has no names for these. */
function realTimeSignal(name: string): number | undefined {
  const [, from, steps = '0'] = /^SIG(RTMIN|RTMAX)(?:[+-](\d{1,2}))?$/.exec(name) ?? [];
  if (from === undefined || (from === 'RTMAX') === name.includes('+')) return undefined;
  const number = from === 'RTMIN' ? RTMIN + Number(steps) : RTMAX - Number(steps);
  return number >= RTMIN && number <= RTMAX ? number : undefined;
}

/** Sends a signal to a container's first process. Throws BuildError `conflict` when it does not run. */
export async function killContainer(
  given: ContainerState,
  signal: number,
  containers: ContainerStore,
): Promise<void> {
  const { StopSignal = 'SIGTERM' } = given.config;
  const ends = signal === KILL || signal === signalNumber(StopSignal);
  const state = ends ? await callOffRestart(given, containers) : given;
  if (state === undefined) return;
  if (!containers.isRunning(state.id)) throw notRunning(state.id);
  await signalContainer(state, signal, containers);
}

/**
 * Somebody wants a container's end: its restart policy has nothing more to say. Gives it as it is now; undefined when it
 * was only waiting to be started again, and is not any more.
 */
async function callOffRestart(
  given: ContainerState,
  containers: ContainerStore,
): Promise<ContainerState | undefined> {
  if (given.hostConfig.RestartPolicy.Name === 'no') return given;
  using _starting = await containers.lockStart(given.id);
  const state = containers.read(given.id);
  if (state === undefined) return given;
  const waits = state.status === 'restarting';
  const changed: ContainerState = { ...state, stopped: true };
  containers.save(waits ? { ...changed, status: 'exited' } : changed);
  if (!waits) return changed;
  killNamed(containers.path(state.id, 'monitor.pid'), state.id);
  return undefined;
}

/** A paused container goes on with what ends it, as docker's: else it would never see it. */
async function signalContainer(
  state: ContainerState,
  signal: number,
  containers: ContainerStore,
): Promise<void> {
  containers.tell(state, 'kill', { signal: String(signal) });
  deliver(state.pid, signal);
  const { StopSignal } = state.config;
  const ends = StopSignal === undefined || signal === KILL || signal === signalNumber(StopSignal);
  if (state.status === 'paused' && ends) await letGoOn(state, containers);
}

/** Somebody else may just have done it. */
async function letGoOn(state: ContainerState, containers: ContainerStore): Promise<void> {
  try {
    await unpauseContainer(state, { containers });
  } catch (error) {
    if (!(error instanceof BuildError) || error.code !== 'conflict') throw error;
  }
}

export function notRunning(id: string): BuildError {
  return new BuildError('conflict', `container ${id} is not running`, {
    hint: `stave start ${id.slice(0, 12)}`,
  });
}

const KILL = 9;

const LOOK_MS = 5;

const NEVER = new AbortController().signal;

/** Ends a container: its stop signal, and after `timeoutMs` SIGKILL. One that does not run is left alone. */
export async function stopContainer(
  given: ContainerState,
  { signal, timeoutMs }: { readonly signal?: number; readonly timeoutMs: number },
  containers: ContainerStore,
): Promise<void> {
  const { id } = given;
  if ((await callOffRestart(given, containers)) === undefined) return;
  const state = await begun(id, containers);
  if (state === undefined) return;
  await signalContainer(
    state,
    signal ?? signalNumber(state.config.StopSignal ?? 'SIGTERM'),
    containers,
  );
  try {
    // There is nothing to wait for in vain after SIGKILL.
    const patience = signal === KILL ? NEVER : AbortSignal.timeout(Math.max(1, timeoutMs));
    await containers.waitForEnd(id, patience);
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'TimeoutError') throw error;
    await signalContainer(state, KILL, containers);
    await containers.waitForEnd(id, NEVER);
  }
}

/** A running container with its process: one that is just started has none yet. Undefined when it does not run. */
async function begun(id: string, containers: ContainerStore): Promise<ContainerState | undefined> {
  for (;;) {
    const state = containers.read(id);
    if (state === undefined || !containers.isRunning(id)) return undefined;
    if (state.pid > 0) return state;
    await delay(LOOK_MS);
  }
}
