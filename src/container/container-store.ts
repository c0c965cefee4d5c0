import { closeSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { replaceDurably } from '../cache/durable.js';
import { lockFile } from '../cache/lock-file.js';
import type { ContainerState } from '../model/container.js';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import { nearest } from '../model/nearest.js';
import { sys } from '../sys/sys.js';

/** Containers on disk: `containers/<id>/state.json`, `upper/`, `work/`, `lock`. */
export interface ContainerStore {
  readonly path: (id: string, ...parts: string[]) => string;
  /** Newest first. A container whose process died without a word is shown, and from then on kept, as exited (137). */
  readonly list: () => ContainerState[];
  /** By id, id prefix or name. Throws BuildError `not-found` in docker's words. */
  readonly find: (text: string) => ContainerState;
  readonly save: (state: ContainerState) => void;
  /** Held while the container runs: liveness is this lock. */
  readonly lock: (id: string) => Disposable;
  readonly isRunning: (id: string) => boolean;
  /** Held while a name is chosen and saved, across processes. */
  readonly lockNames: (signal: AbortSignal) => Promise<AsyncDisposable>;
  readonly remove: (id: string) => void;
}

export function createContainerStore(directory: string, now: () => number): ContainerStore {
  const path = (id: string, ...parts: string[]): string => join(directory, id, ...parts);
  const save = (state: ContainerState): void => {
    replaceDurably(path(state.id, 'state.json'), JSON.stringify(state));
  };
  const isRunning = (id: string): boolean => isLocked(path(id, 'lock'));
  const list = (): ContainerState[] =>
    readdirSync(directory)
      .map((id) => readState(path(id, 'state.json')))
      .filter((state) => state !== undefined)
      .map((state) =>
        state.status === 'running' && !isRunning(state.id) ? settle(state, save, now()) : state,
      )
      .sort((a, b) => b.created.localeCompare(a.created));
  return {
    path,
    list,
    save,
    isRunning,
    lockNames: (signal) =>
      lockFile(join(directory, '../locks/container-names'), signal, () => undefined),
    find: (text) => find(text, list()),
    lock: (id) => takeLock(path(id, 'lock')),
    remove: (id) => {
      rmSync(path(id), { recursive: true, force: true });
    },
  };
}

function readState(file: string): ContainerState | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ContainerState; // Written whole by replaceDurably.
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined; // Killed between its directory and its state.
    throw error;
  }
}

const KILLED = 137;

function settle(
  state: ContainerState,
  save: (state: ContainerState) => void,
  now: number,
): ContainerState {
  const settled = {
    ...state,
    status: 'exited' as const,
    exitCode: KILLED,
    finished: new Date(now).toISOString(),
  };
  save(settled);
  return settled;
}

function takeLock(file: string): Disposable {
  const fd = openSync(file, 'a', 0o600);
  sys().flock(fd, 'exclusive', true);
  return {
    [Symbol.dispose]: () => {
      closeSync(fd);
    },
  };
}

function isLocked(file: string): boolean {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
  try {
    return !sys().flock(fd, 'shared', false);
  } finally {
    closeSync(fd);
  }
}

function find(text: string, containers: readonly ContainerState[]): ContainerState {
  const exact = containers.find(({ id, name }) => id === text || name === text);
  if (exact !== undefined) return exact;
  const started = containers.filter(({ id }) => text !== '' && id.startsWith(text));
  if (started.length === 1 && started[0] !== undefined) return started[0];
  if (started.length > 1) {
    throw new BuildError(
      'not-found',
      `${text} is the start of ${String(started.length)} container ids`,
      { hint: 'give more characters' },
    );
  }
  const near = nearest(
    text,
    containers.map(({ name }) => name),
  );
  const hint = near === undefined ? 'stave ps -a lists all containers' : `did you mean ${near}?`;
  throw new BuildError('not-found', `No such container: ${text}`, { hint });
}
