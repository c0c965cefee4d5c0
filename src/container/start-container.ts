import { existsSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { mergedView } from '../cache/merged-view.js';
import { hostPath, resolveInside, type SourceTree, toBytes } from '../cache/source-tree.js';
import { userFiles } from '../cache/user-files.js';
import { type ContainerState, exitCodeOf } from '../model/container.js';
import { DEFAULT_PATH, workingDir } from '../model/container-defaults.js';
import { BuildError } from '../model/error.js';
import type { ContainerNetworks } from '../model/network.js';
import type { Monitor, ProcessSpec, TerminalSize } from '../model/process.js';
import { ramInBytes } from '../model/units.js';
import type { Snapshot } from '../model/stores.js';
import { containerIsolation } from '../runtime/container-isolation.js';
import { usesDeviceCgroup } from '../runtime/oci-devices.js';
import { cgroupPath, needsCgroup } from '../runtime/oci-cgroup.js';
import { findProgram } from '../runtime/prepare.js';
import { removeCgroup } from '../runtime/remove-cgroup.js';
import { resolveGroup, resolveUser, type UserFiles } from '../runtime/users.js';
import { makeDeep } from '../sys/make-deep.js';
import { atEnd, setAtEnd } from './at-end.js';
import { claimEnd, type HeldLock } from './container-locks.js';
import { checkProgram } from './check-program.js';
import { confinementOf } from './confinement-of.js';
import { type StartingNetwork, startNetwork } from './container-network.js';
import type { ContainerStore } from './container-store.js';
import { mergeEnv } from './create-container.js';
import { deliver } from './deliver.js';
import { isFilled } from './fill-volumes.js';
import { furnishRoot } from './furnish-root.js';
import { startOf } from '../sys/process-start.js';
import { startChecker } from './health-checker.js';
import { mountContainer } from './mount-container.js';
import { refusePaused } from './pause-container.js';
import { refuseInChroot } from './refuse-in-chroot.js';
import type { VolumeStore } from './volume-store.js';

export interface StartDeps {
  readonly containers: ContainerStore;
  readonly monitor: () => Promise<Monitor>;
  readonly now: () => number;
  /** The image's layers. */
  readonly snapshot: Snapshot;
  readonly env: NodeJS.ProcessEnv;
  readonly volumes: () => VolumeStore;
  /** A private directory on the store's filesystem that goes with the process. */
  readonly temporary: () => string;
  /** Of our terminal, for its own to begin with. */
  readonly size?: TerminalSize;
  readonly networks: () => ContainerNetworks;
  /**
   * argv, without the container's id, of what sees to the end of containers: takes down what they left on the host,
   * removes those that are to be removed, says how long to wait before one is started again.
   */
  readonly reaper: readonly string[];
  /** argv, without the container's id and start, of what probes its health once and prints the pause in seconds. */
  readonly prober: readonly string[];
  /** This process stays, and removes the container itself. */
  readonly attached: boolean;
  /** Its restart policy starts it: only if that was not called off meanwhile. */
  readonly again?: boolean;
  /** Called when the container is made and before its process begins: what attaches now misses nothing. */
  readonly onCreated?: (bundle: string, pid: number) => void;
}

/**
 * Starts a container under a monitor of its own, which outlives this process. Resolves when its process runs. Starting
 * one that runs does nothing. Throws what Monitor.create throws, with the exit code kept as docker keeps it.
 */
export async function startContainer(given: ContainerState, deps: StartDeps): Promise<void> {
  const { containers, now, again = false } = deps;
  refusePaused(given, 'cannot start a paused container, try unpause instead');
  using _starting = await containers.lockStart(given.id);
  const state = containers.read(given.id) ?? given;
  if ((state.status === 'restarting') !== again) return;
  using lock = await runLock(state.id, containers, again ? PATIENT : 1);
  if (lock === undefined) return;
  const started = new Date(now()).toISOString();
  let begun = false;
  try {
    await using network = await startNetwork(state, deps);
    const spec = await prepare(state, network, deps);
    for (const part of ['exit', 'died'])
      rmSync(containers.path(state.id, part), { recursive: true, force: true });
    const monitor = await deps.monitor();
    const dir = containers.path(state.id);
    const ends = state.autoRemove || needsCgroup(spec) || containerIsolation() !== 'namespaces';
    const restarts = state.hostConfig.RestartPolicy.Name !== 'no';
    setAtEnd(dir, restarts || network.attached || (ends && !deps.attached));
    const onExit = atEnd(dir, [...deps.reaper, state.id]);
    const { sockets } = network;
    const place = { dir, lockFd: lock.fd, sockets, onExit, ...monitorSettings(state) };
    const pid = await monitor.create(spec, place);
    try {
      await network.ready;
      deps.onCreated?.(containers.path(state.id, 'bundle'), pid);
      containers.save(running(state, { pid, started, again }));
      // Before its end can be seen.
      containers.tell(state, 'start');
    } catch (error) {
      await abandon(state.id, pid, { containers, error });
    }
    begun = true;
    await monitor.start(spec.id, dir);
    network.commit();
  } catch (error) {
    removeCgroup(cgroupPath(state.id, state.hostConfig.CgroupParent)); // A runtime that fails leaves it.
    const finished = new Date(now()).toISOString();
    const status = state.started === undefined ? 'created' : 'exited';
    const why = error instanceof Error ? { error: error.message } : {};
    const exitCode = exitCodeOf(error);
    if (begun && claimEnd(containers.path(state.id)))
      containers.tell(state, 'die', { exitCode: String(exitCode) });
    containers.save({ ...fresh(state), status, exitCode, pid: 0, finished, ...why });
    throw error;
  }
  await startChecker({ ...state, started }, { dir: containers.path(state.id), probe: deps.prober });
}

interface Started {
  readonly pid: number;
  readonly started: string;
  readonly again: boolean;
}

function running(state: ContainerState, { pid, started, again }: Started): ContainerState {
  const pidStart = startOf(pid);
  const who = pidStart === undefined ? { pid } : { pid, pidStart };
  const { restartCount = 0, pauseMs = 0 } = again ? state : {};
  const counted = { restartCount, pauseMs };
  return { ...fresh(state), status: 'running', exitCode: 0, ...who, started, ...counted };
}

function monitorSettings({ hostConfig, openStdin }: ContainerState) {
  const { Runtime, LogConfig } = hostConfig;
  const most = ramInBytes(LogConfig.Config['max-size'] ?? '');
  return {
    openStdin,
    log: LogConfig.Type !== 'none',
    ...(most === undefined ? {} : { logBytes: most }),
    ...(Runtime === undefined ? {} : { runtime: Runtime }),
  };
}

const PATIENT = 200;

/** Who copies into a container that does not run holds its lock for a while: nobody starts it a second time by itself. */
async function runLock(
  id: string,
  containers: ContainerStore,
  tries: number,
): Promise<HeldLock | undefined> {
  for (let left = tries; left > 0; left--) {
    const lock = await containers.lock(id);
    if (lock !== undefined) return lock;
  }
  return undefined;
}

/** Without what was of its last life. */
function fresh({ stopped: _stopped, error: _error, ...state }: ContainerState): ContainerState {
  return state;
}

interface Abandon {
  readonly containers: ContainerStore;
  readonly error: unknown;
}

const GONE_MS = 10_000;

/** Made, but not to be started: its monitor ends with it. */
async function abandon(id: string, pid: number, { containers, error }: Abandon): Promise<never> {
  deliver(pid, 9);
  const end = performance.now() + GONE_MS;
  while (!existsSync(containers.path(id, 'exit', id)) && performance.now() < end) await delay(5);
  throw error;
}

async function prepare(
  state: ContainerState,
  network: StartingNetwork,
  deps: StartDeps,
): Promise<ProcessSpec> {
  refuseInChroot(state.hostConfig, containerIsolation());
  const confinement = confinementOf(state, (id) => pidOf(id, deps.containers));
  const devices = confinement.insecure || usesDeviceCgroup(confinement);
  const root = await mountRoot(state, deps, devices);
  const lateMounts = await furnishRoot(state, {
    ...{ root, volumes: deps.volumes(), devices },
    filled: isFilled(state, deps.containers),
    ...{ files: network.mounts, readonly: confinement.readonlyRoot === true },
  });
  const tree = mergedView([root]);
  const { config } = state;
  const user = userOf(state, userFiles(tree));
  const cwd = workingDir(config);
  ensureWorkdir(tree, root, cwd);
  const env = environment(state, user.home);
  const init = state.hostConfig.Init === true ? findInit(deps.env['PATH'] ?? '') : undefined;
  checkProgram(tree, { args: state.args, env, cwd, user });
  return {
    id: state.id,
    root,
    args: init === undefined ? state.args : [INIT, '--', ...state.args],
    env,
    cwd,
    user,
    confinement: { ...confinement, ...(lateMounts.length === 0 ? {} : { lateMounts }) },
    network: network.namespace,
    hostname: state.hostname,
    mounts: init === undefined ? [] : [{ source: init, target: INIT, readonly: true }],
    stdio: {
      kind: 'monitor',
      terminal: state.terminal,
      ...(deps.size === undefined ? {} : { size: deps.size }),
    },
  };
}

/** Where docker has it. */
const INIT = '/sbin/docker-init';

/** Statically linked, for it runs in any image. */
const INITS = ['docker-init', 'tini-static', 'catatonit'];

function findInit(path: string): string {
  for (const name of INITS) {
    const found = findProgram(name, path);
    if (found !== undefined) return found;
  }
  throw new BuildError('runtime', `--init: none of ${INITS.join(', ')} is installed`, {
    hint: 'apt-get install tini',
  });
}

function userOf({ config, hostConfig }: ContainerState, files: UserFiles) {
  const user = resolveUser(files, config.User ?? '');
  const groups = (hostConfig.GroupAdd ?? []).map((group) => resolveGroup(files, group));
  return { ...user, additionalGids: [...new Set([...user.additionalGids, ...groups])] };
}

function pidOf(id: string, containers: ContainerStore): number {
  const other = containers.find(id);
  if (containers.isRunning(other.id)) return other.pid;
  throw new BuildError('conflict', `cannot join PID of a non running container: ${other.id}`, {
    hint: `stave start ${other.name}`,
  });
}

/** In this process' mount namespace, which the monitor shares: it goes with the last of the two. */
async function mountRoot(
  { id }: ContainerState,
  deps: StartDeps,
  devices: boolean,
): Promise<string> {
  const { containers } = deps;
  const root = containers.path(id, 'root');
  // The kernel marks a work directory it could not finish with: each start begins with a clean one.
  const work = containers.path(id, 'work');
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work);
  return (await mountContainer(id, { target: root, work, devices }, deps)).path;
}

function environment({ config, hostname, terminal }: ContainerState, home: string): string[] {
  const base = [`PATH=${DEFAULT_PATH}`, `HOSTNAME=${hostname}`].concat(
    terminal ? ['TERM=xterm'] : [],
    `HOME=${home}`,
  );
  return mergeEnv(base, config.Env ?? []);
}

/** Made inside the root, through the mount; a path that leads below /proc is refused. */
function ensureWorkdir(tree: SourceTree, root: string, cwd: string): void {
  if (!cwd.startsWith('/')) {
    throw new BuildError(
      'usage',
      `the working directory '${cwd}' is invalid, it needs to be an absolute path`,
    );
  }
  const path = resolveInside(tree, toBytes(cwd), true) ?? '';
  if (/^(proc|dev|sys)\//.test(path)) {
    throw new BuildError('usage', `working directory ${cwd} is not inside the container's root`);
  }
  const full = hostPath(root, path);
  if (lstatSync(full, { throwIfNoEntry: false }) === undefined) makeDeep(full, 0o755);
}
