import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openLayers } from './commit.js';
import { isLocked } from './container/container-locks.js';
import type { ContainerStore } from './container/container-store.js';
import { deliver } from './container/deliver.js';
import { execInContainer } from './container/exec-container.js';
import { processesOf } from './container/freeze.js';
import { seconds, shownHealth } from './container/health-checker.js';
import { readHealth, saveHealth } from './container/health-file.js';
import type { ContainerState } from './model/container.js';
import { BuildError } from './model/error.js';
import {
  type Health,
  healthAfter,
  healthDuration,
  pauseBeforeProbe,
  type ProbeResult,
  probeOf,
  startingHealth,
} from './model/health.js';
import { goDurationText } from './model/go-duration.js';
import type { Healthcheck } from './model/oci.js';
import { openWorkshop, type Workshop } from './workshop.js';

/** Of a container with a health check; undefined for others, and for one that never started. */
export function healthOf(state: ContainerState, containers: ContainerStore): Health | undefined {
  const dir = containers.path(state.id);
  return shownHealth(state, readHealth(dir), isLocked(join(dir, 'health/lock'), 'shared'));
}

/**
 * Run by a container's checker: probes it once, keeps what was found, and gives how many seconds to wait before the next
 * time; '' when there is none, for it is another life of the container by now, or none.
 */
export async function probe(
  root: string,
  { id, started }: { readonly id: string; readonly started: string },
  env: NodeJS.ProcessEnv,
): Promise<string> {
  await using workshop = openWorkshop(root, env);
  const { containers, now } = workshop;
  const state = containers.read(id);
  const check = state?.config.Healthcheck;
  if (state === undefined || check === undefined || !lives(state, started, containers)) return '';
  const dir = containers.path(id);
  const before = readHealth(dir) ?? startingHealth(undefined);
  const sinceStartNs = (now() - Date.parse(started)) * 1e6;
  let health = before;
  if (state.status === 'running') {
    const result = await probeOnce(state, check, workshop);
    if (!lives(containers.read(id), started, containers)) return '';
    health = healthAfter(before, result, { check, sinceStartNs });
    saveHealth(dir, health);
    if (health.Status !== before.Status) containers.tell(state, `health_status: ${health.Status}`);
  }
  const since = (now() - Date.parse(started)) * 1e6;
  return seconds(pauseBeforeProbe(check, health, since));
}

function lives(
  state: ContainerState | undefined,
  started: string,
  containers: ContainerStore,
): boolean {
  return state?.started === started && containers.isRunning(state.id);
}

const MOST = 4096;

async function probeOnce(
  state: ContainerState,
  check: Healthcheck,
  workshop: Workshop,
): Promise<ProbeResult> {
  const { now } = workshop;
  const Start = new Date(now()).toISOString();
  const output = limitedText(MOST);
  const timeout = healthDuration(check, 'Timeout');
  const exit = runProbe(state, workshop, output.push);
  const late = new AbortController();
  const waited = delay(timeout / 1e6, 'late' as const, { signal: late.signal }).catch(
    () => 'late' as const,
  );
  const end = await Promise.race([exit.code, waited]);
  late.abort();
  if (end === 'late') exit.kill();
  const End = new Date(now()).toISOString();
  if (end !== 'late') return { Start, End, ExitCode: end.code, Output: end.why ?? output.text() };
  const said = output.text();
  const Output = `Health check exceeded timeout (${goDurationText(timeout)})`;
  return { Start, End, ExitCode: -1, Output: said === '' ? Output : `${Output}: ${said}` };
}

interface RunningProbe {
  readonly code: Promise<{ readonly code: number; readonly why?: string }>;
  /** Also when only what it started is left. */
  readonly kill: () => void;
}

function runProbe(
  state: ContainerState,
  workshop: Workshop,
  push: (data: Uint8Array) => void,
): RunningProbe {
  const { containers } = workshop;
  const pidFile = join(containers.path(state.id), 'health/probe.pid');
  killLast(pidFile, state);
  const controller = new AbortController();
  const scope = { signal: controller.signal, emit: () => undefined };
  const options = {
    ...{ command: probeOf(state.config) ?? [], env: [], interactive: false, terminal: false },
    ...{
      detach: false,
      pidFile,
      onOutput: (_: string, data: Uint8Array) => {
        push(data);
      },
    },
  };
  const run = async () => {
    const snapshot = await openLayers(state, workshop);
    try {
      return await execInContainer(state, options, { ...workshop, snapshot }, scope);
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
      return { code: -1, why: error.message };
    } finally {
      rmSync(pidFile, { force: true });
    }
  };
  return {
    code: run(),
    kill: () => {
      killLast(pidFile, state);
      controller.abort();
    },
  };
}

/** The first bytes of what is pushed; what is cut off is seen. */
function limitedText(most: number): {
  readonly push: (data: Uint8Array) => void;
  readonly text: () => string;
} {
  const kept: Uint8Array[] = [];
  let left = most;
  let cut = false;
  return {
    push: (data) => {
      kept.push(data.subarray(0, left));
      cut ||= data.length > left;
      left = Math.max(0, left - data.length);
    },
    text: () => `${Buffer.concat(kept).toString()}${cut ? '...' : ''}`,
  };
}

/** Also a probe that lives on because whoever ran it was killed. */
function killLast(pidFile: string, { pid: first }: ContainerState): void {
  let pid: number;
  try {
    pid = Number(readFileSync(pidFile, 'utf8'));
  } catch {
    return; // There was none.
  }
  rmSync(pidFile, { force: true });
  // Not another's that got its number meanwhile, nor the container's first.
  if (pid > 0 && pid !== first && processesOf(first).includes(String(pid))) deliver(pid, 9);
}
