import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import type { ContainerState } from '../model/container.js';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import { attachVolumes } from './attach-volumes.js';
import { type CopyDeps, copyOf } from './container-copy.js';
import type { ContainerStore } from './container-store.js';
import { isFilled } from './fill-volumes.js';
import { startOf } from '../sys/process-start.js';
import { mountContainer } from './mount-container.js';

import { containerIsolation } from '../runtime/container-isolation.js';
import type { VolumeStore } from './volume-store.js';

/** A container's filesystem, held by a descriptor: what is looked up in it cannot lead out of it. */
export interface ContainerRoot extends AsyncDisposable {
  readonly fd: number;
  /** Device numbers of what is not the container's: its /proc, /sys and /dev while it runs. */
  readonly hidden: ReadonlySet<number>;
}

export interface RootDeps extends CopyDeps {
  readonly containers: ContainerStore;
  readonly volumes: () => VolumeStore;
}

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;

/**
 * Opens the filesystem as the container's processes see it, volumes included; of one that does not run, its layers with
 * what it wrote. With `write` a stopped one is locked meanwhile, so that it cannot start under our hands.
 */
export async function openContainerRoot(
  state: ContainerState,
  write: boolean,
  deps: RootDeps,
): Promise<ContainerRoot> {
  if (!deps.containers.isRunning(state.id)) {
    const mounts = (state.mounts ?? []).filter(({ type }) => type !== 'tmpfs');
    // What is mounted needs places, which may have to be made.
    const writes = write || mounts.length > 0;
    const lock = writes ? await deps.containers.lock(state.id) : undefined;
    if (!writes || lock !== undefined) return openStopped({ ...state, mounts }, deps, lock);
  }
  // Where nothing is mounted in it, and its processes may be others' who do not let themselves be looked at.
  const copy = copyOf(deps.containers, state.id);
  if (copy !== undefined && containerIsolation() === 'chroot')
    return held(openDirectory(copy, state));
  const fd = openDirectory(`/proc/${String(state.pid)}/root`, state);
  if (state.pidStart !== undefined && startOf(state.pid) !== state.pidStart) {
    closeSync(fd);
    throw justEnded(state);
  }
  const hidden = ['dev', 'proc', 'sys'].map((name) => deviceOf(fd, name));
  const own = deviceOf(fd, '.');
  return held(fd, new Set(hidden.filter((device) => device !== undefined && device !== own)));
}

/** With its volumes and binds. */
async function openStopped(
  state: ContainerState,
  deps: RootDeps,
  lock: Disposable | undefined,
): Promise<ContainerRoot> {
  try {
    const root = await mountStopped(state, deps, lock);
    if (lock === undefined || containerIsolation() === 'chroot') return root;
    try {
      const filled = isFilled(state, deps.containers);
      const place = { root: root.path, volumes: deps.volumes(), devices: false, filled };
      await attachVolumes(state, place);
      return root;
    } catch (error) {
      await root[Symbol.asyncDispose]();
      throw error;
    }
  } catch (error) {
    lock?.[Symbol.dispose]();
    throw error;
  }
}

/** The layers of a container with what it wrote, without what is mounted in it: what `export` shows. */
export async function openContainerLayers(
  state: ContainerState,
  deps: RootDeps,
): Promise<ContainerRoot> {
  const { containers } = deps;
  if (!containers.isRunning(state.id)) return mountStopped(state, deps, undefined);
  // In our namespace nothing is mounted in it.
  const copy = copyOf(containers, state.id);
  if (copy !== undefined) return held(openDirectory(copy, state));
  const monitor = readFileSync(containers.path(state.id, 'monitor.pid'), 'utf8').trim();
  // Mounted in the namespace of whoever started it, which its monitor keeps.
  return held(openDirectory(`/proc/${monitor}/root${containers.path(state.id, 'root')}`, state));
}

/** A mount of our own, in our mount namespace; without `lock` it is read-only. */
async function mountStopped(
  state: ContainerState,
  deps: RootDeps,
  lock: Disposable | undefined,
): Promise<ContainerRoot & { readonly path: string }> {
  const directory = mkdtempSync(join(deps.temporary(), 'root-'));
  const [root, work] = [join(directory, 'root'), join(directory, 'work')];
  for (const made of [root, work]) mkdirSync(made);
  const place = { target: root, ...(lock === undefined ? {} : { work }) };
  const mounted = await mountContainer(state.id, place, deps);
  const opened = held(openDirectory(mounted.path, state));
  return {
    ...opened,
    path: mounted.path,
    [Symbol.asyncDispose]: async () => {
      await opened[Symbol.asyncDispose]();
      mounted[Symbol.dispose]();
      lock?.[Symbol.dispose]();
    },
  };
}

function held(fd: number, hidden: ReadonlySet<number | undefined> = new Set()): ContainerRoot {
  return {
    fd,
    hidden: new Set([...hidden].filter((device) => device !== undefined)),
    [Symbol.asyncDispose]: () => {
      closeSync(fd);
      return Promise.resolve();
    },
  };
}

function openDirectory(path: string, state: ContainerState): number {
  try {
    return openSync(path, DIRECTORY);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH')) throw justEnded(state);
    throw error;
  }
}

function justEnded({ name }: ContainerState): BuildError {
  return new BuildError('conflict', `container ${name} ended meanwhile`, { hint: 'try again' });
}

function deviceOf(root: number, name: string): number | undefined {
  return statSync(`/proc/self/fd/${String(root)}/${name}`, { throwIfNoEntry: false })?.dev;
}
