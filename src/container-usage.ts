import { setTimeout as delay } from 'node:timers/promises';
import { processesOf } from './container/freeze.js';
import { refuseRestarting } from './container/pause-container.js';
import { listProcesses, type ProcessTable } from './container/top.js';
import { type Usage, usageOf } from './container/usage.js';
import { notRunning } from './container/container-signals.js';
import type { ContainerState } from './model/container.js';
import type { Workshop } from './workshop.js';

/** A container's processes as ps shows them. Throws BuildError `conflict` when it does not run. */
export function containerProcesses(
  name: string,
  options: readonly string[],
  { containers }: Workshop,
): ProcessTable {
  const state = containers.find(name);
  refuseRestarting(state);
  const { id, pid } = state;
  const pids = containers.isRunning(id) ? processesOf(pid) : [];
  if (pids.length === 0) throw notRunning(id);
  containers.tell(state, 'top');
  return listProcesses(pids, options);
}

/** What a container uses, and how much of the processors it took between two looks. */
export interface Measurement {
  readonly state: ContainerState;
  /** Undefined when it does not run. */
  readonly usage?: Usage;
  /** 100 is one whole processor. */
  readonly cpuPercent: number;
}

interface Look {
  readonly at: number;
  readonly usage: Usage | undefined;
}

/**
 * Looks at containers again and again, `pauseMs` apart: the first two looks make the first list. `choose` is asked at
 * each, so that those that come and go are seen.
 */
export async function* measureContainers(
  choose: () => readonly ContainerState[],
  { pauseMs, signal }: { readonly pauseMs: number; readonly signal: AbortSignal },
): AsyncGenerator<readonly Measurement[]> {
  let before = lookAt(choose());
  for (;;) {
    await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    signal.throwIfAborted();
    const states = choose();
    const now = lookAt(states);
    yield states.map((state) => measured(state, before.get(state.id), now.get(state.id)));
    before = now;
  }
}

function lookAt(states: readonly ContainerState[]): ReadonlyMap<string, Look> {
  return new Map(
    states.map((state) => [
      state.id,
      { at: performance.now(), usage: usageOf(state, state.hostConfig.NetworkMode !== 'host') },
    ]),
  );
}

function measured(
  state: ContainerState,
  before: Look | undefined,
  now: Look | undefined,
): Measurement {
  if (now?.usage === undefined) return { state, cpuPercent: 0 };
  const spent = now.usage.cpuNs - (before?.usage?.cpuNs ?? now.usage.cpuNs);
  const passed = (now.at - (before?.at ?? now.at)) * 1e6;
  const cpuPercent = spent > 0 && passed > 0 ? (spent / passed) * 100 : 0;
  return { state, usage: now.usage, cpuPercent };
}
