import { spawn } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerState } from '../model/container.js';
import { type Health, pauseBeforeProbe, probeOf, startingHealth } from '../model/health.js';
import { sys } from '../sys/sys.js';
import { killNamed } from './half-started.js';
import { makeHealthDirectory, readHealth, saveHealth } from './health-file.js';
import { spawned } from '../sys/spawned.js';
import { SYSTEM_PATH } from '../sys/system-path.js';

/*
 * A container with a health check has a checker beside its monitor: a shell that sleeps and lets the engine probe, so that
 * between probes it costs a shell and not an engine. It sleeps by waiting for the lock that the monitor holds, so it goes
 * when the container does. Descriptor 3 is a lock of its own, which nothing it starts has: as long as that is held
 * somebody checks.
 */
const SCRIPT = [
  'pause=$1 && shift',
  'while [ -n "$pause" ]; do',
  '  flock -s -w "$pause" "$0" true 3>&-',
  // 1: the time is over, and the lock still held.
  '  [ $? -eq 1 ] || exit 0',
  // One that was killed may have been the unlucky one; who cannot probe at all does not pretend to.
  '  pause=$(env "$@" 3>&-) || pause=$(env "$@" 3>&-) || exit 0',
  'done',
].join('\n');

export interface CheckerOptions {
  /** containers/<id>. */
  readonly dir: string;
  /** argv, without the container's id and start, of what probes once and prints the pause in seconds. */
  readonly probe: readonly string[];
}

/** Starts the checker of a container that just began; nothing for one without a health check. */
export async function startChecker(
  state: ContainerState,
  { dir, probe }: CheckerOptions,
): Promise<void> {
  const { config, id, started = '' } = state;
  const check = config.Healthcheck;
  if (check === undefined || probeOf(config) === undefined) return;
  const health = makeHealthDirectory(dir);
  const lock = openSync(join(health, 'lock'), 'a', 0o600);
  try {
    // That of an earlier life would go by itself, but maybe only after its pause.
    killNamed(join(health, 'pid'), id);
    await sys().flockAsync(lock, 'exclusive', new AbortController().signal);
    const starting = startingHealth(readHealth(dir));
    saveHealth(dir, starting);
    const pause = seconds(pauseBeforeProbe(check, starting, 0));
    const argv = ['-c', SCRIPT, join(dir, 'lock'), pause, ...probe, id, started];
    const stdio = ['ignore', 'ignore', 'ignore', lock] as const;
    const options = { detached: true, cwd: '/', stdio: [...stdio], env: ENV };
    const child = spawned(spawn('/bin/sh', argv, options));
    child.unref();
    writeFileSync(join(health, 'pid'), String(child.pid ?? ''), { mode: 0o600 });
  } finally {
    closeSync(lock);
  }
}

const ENV = { PATH: SYSTEM_PATH };

/** As flock(1) takes it. */
export function seconds(ns: number): string {
  return String(Math.max(1, Math.round(ns / 1e6)) / 1000);
}

const NOBODY = 'the process that runs the health check was killed: a restart of the container';

/**
 * Of a container with a health check, as docker tells it: who is checked no more, paused or not running, is unhealthy.
 * `isChecked`: whether a checker lives.
 */
export function shownHealth(
  { config, status, started = '' }: ContainerState,
  health: Health | undefined,
  isChecked: boolean,
): Health | undefined {
  if (health === undefined || probeOf(config) === undefined) return undefined;
  if (status === 'running' && isChecked) return health;
  if (status !== 'running') return { ...health, Status: 'unhealthy' };
  const told = { Start: started, End: started, ExitCode: -1, Output: `${NOBODY} begins anew\n` };
  return { ...health, Status: 'unhealthy', Log: [...health.Log, told].slice(-5) };
}
