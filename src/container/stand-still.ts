import { spawn } from 'node:child_process';
import { lockFile } from '../cache/lock-file.js';
import type { ContainerState } from '../model/container.js';
import type { ContainerStore } from './container-store.js';
import { freeze, thaw } from './freeze.js';
import { spawned } from '../sys/spawned.js';

/*
 * Who stops a container's processes, or lets them go on, holds the lock `freezing` in its directory meanwhile. One that
 * nobody holds is a killed one's: whoever looks at the container next brings it to what its state says. A guard sees to
 * it that somebody looks at once: the pipe it reads ends with us.
 */

const GUARD = 'read -r done || exec env "$@"';

export interface FreezeDeps {
  readonly containers: ContainerStore;
  /** argv, without the container's id, of what looks at all containers. Without one the next command does. */
  readonly reaper?: readonly string[];
}

export interface Turn extends AsyncDisposable {
  /** The container as it is now. */
  readonly state: ContainerState;
}

/** One at a time stops a container's processes or lets them go on. */
export async function takeTurn(given: ContainerState, deps: FreezeDeps): Promise<Turn> {
  const { containers, reaper } = deps;
  const file = containers.path(given.id, 'freezing');
  const lock = await lockFile(file, new AbortController().signal, () => undefined);
  try {
    const letGo = reaper === undefined ? undefined : startGuard([...reaper, given.id]);
    return {
      state: containers.read(given.id) ?? given,
      async [Symbol.asyncDispose]() {
        await lock[Symbol.asyncDispose]();
        letGo?.();
      },
    };
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

function startGuard(argv: readonly string[]): () => void {
  const child = spawned(
    spawn('/bin/sh', ['-c', GUARD, 'sh', ...argv], {
      // A terminal's signals are not for it.
      detached: true,
      cwd: '/',
      stdio: ['pipe', 'ignore', 'ignore'],
    }),
  );
  child.unref();
  child.stdin.on('error', () => undefined); // Killed by somebody: nobody needs to tell it anything.
  return () => {
    child.stdin.end('\n');
  };
}

/** A container that runs stands still until this is disposed; one that is paused, or does not run, does so already. */
export async function standStill(
  given: ContainerState,
  deps: FreezeDeps,
): Promise<AsyncDisposable> {
  const turn = await takeTurn(given, deps);
  const { state } = turn;
  const runs = state.status === 'running' && deps.containers.isRunning(state.id);
  const end = async (): Promise<void> => {
    if (runs) thaw(state);
    await turn[Symbol.asyncDispose]();
  };
  try {
    if (runs) await freeze(state);
  } catch (error) {
    await end();
    throw error;
  }
  return { [Symbol.asyncDispose]: end };
}
