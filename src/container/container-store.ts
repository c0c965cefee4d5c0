import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { lockFile } from '../cache/lock-file.js';
import type { ContainerState } from '../model/container.js';
import type { ContainerTeller } from '../model/engine-event.js';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import { nearest } from '../model/nearest.js';
import { pauseBeforeRestart } from '../model/restart-policy.js';
import { chrootOf } from '../runtime/chroot-of.js';
import { cgroupPath } from '../runtime/oci-cgroup.js';
import { removeCgroup } from '../runtime/remove-cgroup.js';
import { endProcessesIn } from '../sys/process-root.js';
import { deliver } from './deliver.js';
import { discardContainer } from './discard-container.js';
import { startOf } from '../sys/process-start.js';
import { hasMonitor, isUnbegun, killHalfStarted } from './half-started.js';
import { settleFreeze } from './settle-freeze.js';
import { readState, saveState } from './state-file.js';
import {
  claimEnd,
  type HeldLock,
  isLocked,
  takeLock,
  takeRunLock,
  waitForLock,
  waitToLock,
} from './container-locks.js';
import type { VolumeStore } from './volume-store.js';

/** Containers on disk: `containers/<id>/state.json`, `upper/`, `work/`, `log`, `lock`. */
export interface ContainerStore {
  readonly path: (id: string, ...parts: string[]) => string;
  /** Newest first. What ended since the last look is settled: its exit code kept, or itself removed if it was to be. */
  readonly list: () => ContainerState[];
  /** By id, id prefix or name. Throws BuildError `not-found` in docker's words. */
  readonly find: (text: string) => ContainerState;
  /** As `find`, of an id that is known; undefined when it was removed meanwhile. */
  readonly read: (id: string) => ContainerState | undefined;
  readonly save: (state: ContainerState) => void;
  /** Held by a container's monitor while it runs: liveness is this lock. Undefined when another holds it. */
  readonly lock: (id: string) => Promise<HeldLock | undefined>;
  /** Held by who starts a container until its process is to begin: one that is half started and not so held is ended. */
  readonly lockStart: (id: string) => Promise<Disposable>;
  /** Keeps an ended container from being removed by others: who waits for its exit code holds this. */
  readonly keep: (id: string) => Disposable;
  /** Rejects with the signal's reason. */
  readonly waitForEnd: (id: string, signal: AbortSignal) => Promise<void>;
  readonly isRunning: (id: string) => boolean;
  /** Something happened to a container: for who follows events. */
  readonly tell: ContainerTeller;
  /** Held while a name is chosen and saved, across processes. */
  readonly lockNames: (signal: AbortSignal) => Promise<AsyncDisposable>;
  /** With its anonymous volumes, if so wished, that no other container has. */
  readonly remove: (id: string, volumes?: 'with volumes') => void;
}

export interface ContainerStoreDeps {
  readonly now: () => number;
  readonly volumes: VolumeStore;
  readonly tell: ContainerTeller;
}

export function createContainerStore(
  directory: string,
  { now, volumes, tell }: ContainerStoreDeps,
): ContainerStore {
  const path = (id: string, ...parts: string[]): string => join(directory, id, ...parts);
  const save = (state: ContainerState): void => {
    saveState(path(state.id, 'state.json'), state);
  };
  const isEnding = (id: string): boolean => endsNow(path(id), id);
  const isRunning = (id: string): boolean => isLocked(path(id, 'lock'), 'shared') || isEnding(id);
  const remove = (id: string, also?: 'with volumes'): void => {
    const state = readState(path(id, 'state.json'));
    const removed = discardContainer(path(id), state, also && { directory, volumes });
    if (removed && state !== undefined) tell(state, 'destroy');
  };
  const read = (id: string): ContainerState | undefined => {
    const state = readState(path(id, 'state.json'));
    if (state === undefined) return undefined;
    if (isRunning(id)) return endHalfStarted(state, path(id));
    if (isUnbegun(path(id), id)) endUnbegun(path(id), id);
    if (state.status === 'restarting') return stillRestarting(state, path(id));
    if (!isAlive(state)) return state;
    const exit = exitOf(path(id, 'exit', id));
    endRest(state, exit, path(id));
    const oomKilled = existsSync(path(id, 'bundle/oom'));
    const ended = orRestarting({ ...settled(state, exit, now()), oomKilled }, path(id));
    save(ended);
    if (claimEnd(path(id))) tellEnd(ended, tell);
    return ended;
  };
  const isGoing = ({ id, autoRemove, status }: ContainerState): boolean =>
    autoRemove && status === 'exited' && !isLocked(path(id, 'keep'), 'exclusive');
  const list = (): ContainerState[] => {
    const found = readdirSync(directory).flatMap((id) => read(id) ?? []);
    for (const { id } of found.filter(isGoing)) remove(id, 'with volumes');
    return found.filter(({ id }) => existsSync(path(id))).sort(newestFirst);
  };
  return {
    path,
    list,
    read,
    save,
    isRunning,
    tell,
    lockNames: (signal) =>
      lockFile(join(directory, '../locks/container-names'), signal, () => undefined),
    find: (text) => find(text, list()),
    lock: (id) => takeRunLock(path(id, 'lock')),
    lockStart: (id) => waitToLock(path(id, 'starting')),
    keep: (id) => takeLock(path(id, 'keep'), 'shared') ?? { [Symbol.dispose]: () => undefined },
    waitForEnd: async (id, signal) => {
      await waitForLock(path(id, 'lock'), signal);
      while (isEnding(id)) {
        signal.throwIfAborted(); // Its reason: what delay throws is another error.
        await delay(1);
      }
    },
    remove,
  };
}

function newestFirst(a: ContainerState, b: ContainerState): number {
  return b.created.localeCompare(a.created);
}

/** conmon lets go of what it inherited just before it writes the exit code. */
function endsNow(dir: string, id: string): boolean {
  return !existsSync(join(dir, 'exit', id)) && hasMonitor(dir, id);
}

function isAlive({ status }: ContainerState): boolean {
  return status === 'running' || status === 'paused';
}

const KILLED = 137;

interface Exit {
  readonly code: number;
  readonly time: number;
}

/** What the monitor wrote at the end; nothing when it was killed itself. */
function exitOf(file: string): Exit | undefined {
  try {
    return { code: Number(readFileSync(file, 'utf8')), time: statSync(file).mtimeMs };
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** A running container as it is; whoever started it may have been killed before its process began. */
function endHalfStarted(state: ContainerState, dir: string): ContainerState | undefined {
  settleFreeze(state, dir);
  if (isAlive(state) && !isUnbegun(dir, state.id)) return state;
  using starting = takeLock(join(dir, 'starting'), 'exclusive');
  if (starting === undefined) return state; // Somebody is about to let it begin.
  const now = readState(join(dir, 'state.json'));
  if (now !== undefined && (!isAlive(now) || isUnbegun(dir, now.id))) killHalfStarted(dir, now.id);
  return now;
}

/** Its monitor was killed before its process began: that waits for ever. */
function endUnbegun(dir: string, id: string): void {
  using starting = takeLock(join(dir, 'starting'), 'exclusive');
  if (starting === undefined) return; // Somebody starts it right now.
  killHalfStarted(dir, id);
  rmSync(join(dir, 'runtime', id), { recursive: true, force: true });
}

/** Where its monitor was killed nobody would ever tell how it ends; what shared its namespaces ends with it. */
function endRest(state: ContainerState, exit: Exit | undefined, dir: string): void {
  const { pid, pidStart } = state;
  const isOrphan = exit === undefined && pid > 0 && pidStart !== undefined;
  if (isOrphan && startOf(pid) === pidStart) deliver(pid, 9);
  clearAway(state, dir);
}

function settled(state: ContainerState, exit: Exit | undefined, now: number): ContainerState {
  return {
    ...state,
    status: 'exited',
    pid: 0,
    exitCode: exit?.code ?? KILLED,
    finished: new Date(exit?.time ?? now).toISOString(),
  };
}

/** What the kernel has not ended with a container's first process, or keeps of it. */
function clearAway({ id, hostConfig }: ContainerState, dir: string): void {
  const root = chrootOf(dir);
  if (root !== undefined) endProcessesIn(root);
  removeCgroup(cgroupPath(id, hostConfig.CgroupParent));
}

function tellEnd(state: ContainerState, tell: ContainerTeller): void {
  const finished = Date.parse(state.finished ?? '');
  const seconds = Math.floor((finished - Date.parse(state.started ?? '')) / 1000);
  if (state.oomKilled === true) tell(state, 'oom', {}, finished);
  const more = { exitCode: String(state.exitCode), execDuration: String(seconds) };
  tell(state, 'die', more, finished);
}

/** Of an ended container whose restart policy starts it again; its monitor has become who does it. */
function orRestarting(ended: ContainerState, dir: string): ContainerState {
  const { restartCount = 0, pauseMs = 0, exitCode } = ended;
  const pause = pauseBeforeRestart(ended.hostConfig.RestartPolicy, {
    exitCode,
    stopped: ended.stopped === true,
    restarts: restartCount,
    ranMs: Date.parse(ended.finished ?? '') - Date.parse(ended.started ?? ''),
    lastPauseMs: pauseMs,
  });
  if (pause === undefined || !hasMonitor(dir, ended.id)) return ended;
  const counted = { restartCount: restartCount + 1, pauseMs: pause, lastExitCode: exitCode };
  return { ...ended, ...counted, status: 'restarting' };
}

/** Whoever was to start it again may have been killed: then nobody will. */
function stillRestarting(state: ContainerState, dir: string): ContainerState | undefined {
  if (hasMonitor(dir, state.id)) return state;
  using starting = takeLock(join(dir, 'starting'), 'exclusive');
  if (starting === undefined) return state; // Somebody starts it right now.
  const now = readState(join(dir, 'state.json'));
  if (now?.status !== 'restarting' || hasMonitor(dir, now.id)) return now;
  const ended: ContainerState = { ...now, status: 'exited' };
  saveState(join(dir, 'state.json'), ended);
  return ended;
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
