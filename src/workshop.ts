import { homedir } from 'node:os';
import { join } from 'node:path';
import { createJournal, type Journal } from './cache/journal.js';
import { openStore, type Store } from './cache/store.js';
import { storeRoot } from './cache/store-root.js';
import { type ContainerStore, createContainerStore } from './container/container-store.js';
import { type ContainerTeller, containerHappenings, type Happening } from './model/engine-event.js';
import { createVolumeStore, type VolumeStore } from './container/volume-store.js';
import type { Monitor, Runtime } from './model/process.js';
import type { Network } from './model/network.js';
import { createNetworks, type Networks } from './network/networks.js';
import type { Platform } from './model/oci.js';
import { hostPlatform } from './sys/host-platform.js';
import { removeStepCgroups } from './runtime/step-cgroups.js';
import { SYSTEM_PATH } from './sys/system-path.js';

/** The rooms' long-lived objects, made once a process. */
export interface Workshop extends AsyncDisposable {
  /** Opened at its first use. */
  readonly store: Store;
  /** Looks for a container runtime at its first run, not before. */
  readonly runtime: () => Promise<Runtime>;
  /** Runs containers that outlive this process. */
  readonly monitor: () => Promise<Monitor>;
  readonly containers: ContainerStore;
  /** Of what happened. */
  readonly journal: Journal;
  /** Something happened to an object of the store. */
  readonly tell: (...happenings: readonly Happening[]) => void;
  readonly volumes: () => VolumeStore;
  /** A private directory on the store's filesystem that goes with the process. */
  readonly temporary: () => string;
  /** Of containers, and what those have on the host. */
  readonly networks: () => Networks;
  readonly platform: Platform;
  readonly env: NodeJS.ProcessEnv;
  readonly home: string;
  readonly cacheDir: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export function openWorkshop(root: string | undefined, env: NodeJS.ProcessEnv): Workshop {
  const home = env['HOME'] ?? homedir();
  const uid = process.getuid?.() ?? 0;
  const now = (): number => Date.now();
  // What only reads a Dockerfile neither needs a store nor makes one.
  let opened: Store | undefined;
  const store = (): Store =>
    (opened ??= openStore({
      root: root ?? storeRoot(env, isRootless(env) ? ORDINARY : uid, home),
      now: () => new Date(now()),
      onDead: removeStepCgroups,
    }));
  const temporary = async (): Promise<string> => (await store().lease()).dir;
  const cacheDir = join(env['XDG_CACHE_HOME'] ?? join(home, '.cache'), 'stave');
  const path = env['PATH'] ?? SYSTEM_PATH;
  const options = { temporary, cacheDir, path, privateMounts: hasPrivateMounts(env) };
  let runtime: Promise<Runtime> | undefined;
  let monitor: Promise<Monitor> | undefined;
  const makeRuntime = async (): Promise<Runtime> => {
    const { chooseRuntime } = await import('./runtime/choose-runtime.js');
    return chooseRuntime({ ...options, idle: store().chores.run });
  };
  const makeMonitor = async (): Promise<Monitor> => {
    const { chooseMonitor } = await import('./runtime/choose-monitor.js');
    return chooseMonitor(options);
  };
  const rooms = objectRooms(store, { now, path });
  return {
    get store() {
      return store();
    },
    runtime: () => (runtime ??= makeRuntime()),
    monitor: () => (monitor ??= makeMonitor()),
    get containers() {
      return rooms.containers();
    },
    get journal() {
      return rooms.journal();
    },
    tell: (...happenings) => {
      rooms.tell(happenings);
    },
    volumes: rooms.volumes,
    temporary: () => store().leaseDir(),
    networks: rooms.networks,
    platform: hostPlatform(),
    env,
    home,
    cacheDir,
    now,
    async [Symbol.asyncDispose]() {
      try {
        if (rooms.touchedContainers()) await rooms.networks().sweep();
        for (const each of [runtime, monitor]) await (await each)?.[Symbol.asyncDispose]();
      } finally {
        await opened?.[Symbol.asyncDispose](); // Whatever resisted: what is ours in the store goes.
      }
    },
  };
}

/** Stores of what lives beside images; each change in them is told in the journal. */
function objectRooms(
  store: () => Store,
  { now, path }: { readonly now: () => number; readonly path: string },
) {
  let containers: ContainerStore | undefined;
  const openJournal = (): Journal => createJournal(store().path('events'));
  const tell = (happenings: readonly Happening[], timeMs = now()): void => {
    const timeUs = Math.round(timeMs * 1000);
    openJournal().append(happenings.map((happening) => ({ ...happening, timeUs })));
  };
  const tellContainer: ContainerTeller = (state, action, more = {}, timeMs = now()) => {
    const find = (text: string): Network | undefined => openNetworks().files.known(text);
    tell(containerHappenings(state, { action, more }, find), timeMs);
  };
  const openVolumes = (): VolumeStore =>
    createVolumeStore(store().path('volumes'), now, {
      temporary: store().leaseDir,
      tell: (id, action) => {
        tell([{ type: 'volume', action, id, attributes: { driver: 'local' } }]);
      },
    });
  const openContainers = (): ContainerStore =>
    (containers ??= createContainerStore(store().path('containers'), {
      ...{ now, volumes: openVolumes(), tell: tellContainer },
    }));
  let networks: Networks | undefined;
  const openNetworks = (): Networks =>
    (networks ??= createNetworks({
      root: store().root,
      path,
      now,
      temporary: store().leaseDir,
      isRunning: (id) => openContainers().isRunning(id),
    }));
  return {
    containers: openContainers,
    journal: openJournal,
    networks: openNetworks,
    volumes: openVolumes,
    tell,
    touchedContainers: () => containers !== undefined,
  };
}

/** Root only in a user namespace that bin/stave made. */
function isRootless(env: NodeJS.ProcessEnv): boolean {
  return hasPrivateMounts(env) && env['STAVE_ROOTLESS'] !== undefined;
}

/** Any uid but root's: whose store is in their home. */
const ORDINARY = 65_534;

/** bin/stave leaves its pid, which exec keeps, after it entered a mount namespace of its own. */
export function hasPrivateMounts(env: NodeJS.ProcessEnv): boolean {
  return env['STAVE_PRIVATE_MOUNTS'] === String(process.pid);
}
