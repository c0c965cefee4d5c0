import { randomBytes } from 'node:crypto';
import { spendReserve } from './cache/reserve.js';
import { adaptHost } from './container/adapt-host.js';
import { attach as attachTo, type AttachEnd, type AttachStreams } from './container/attach.js';
import {
  killContainer,
  notRunning,
  signalNumber,
  stopContainer,
} from './container/container-signals.js';
import { deliver } from './container/deliver.js';
import { checkName, createContainer } from './container/create-container.js';
import { execInContainer, type ExecOptions } from './container/exec-container.js';
import { fillVolumes } from './container/fill-volumes.js';
import { followLog, type FollowOptions } from './container/follow-log.js';
import {
  pauseContainer,
  refusePaused,
  refuseRestarting,
  unpauseContainer,
} from './container/pause-container.js';
import { removeContainer as remove, type RemoveOptions } from './container/remove-container.js';
import { startContainer as start } from './container/start-container.js';
import { type HostChange, updateContainer } from './container/update-container.js';
import { openLayers } from './commit.js';
import { companions } from './companions.js';
import { chooseNetworks } from './choose-networks.js';
import { openImage } from './image-source.js';
import { proxyVariables } from './proxy-variables.js';
import { runImage } from './run-image.js';
import { tellResizes } from './tell-resizes.js';
import { type ContainerState, lastExitCode } from './model/container.js';
import { BuildError } from './model/error.js';
import { DEFAULT_HOST_CONFIG } from './model/host-config.js';
import type { MachineLimits } from './model/machine-limits.js';
import type { RunOptions } from './model/run-options.js';
import { sizeOf } from './runtime/follow-size.js';
import { machineLimits } from './runtime/machine-limits.js';
import type { LogLine } from './model/log-lines.js';
import type { ExecEnd } from './model/process.js';
import { canonicalName } from './model/reference.js';
import type { Scope } from './model/scope.js';
import type { Workshop } from './workshop.js';

const forever: Scope = { signal: new AbortController().signal, emit: () => undefined };

/** Creates a container of an image, pulling it first when it is not in the store, as docker does. */
export async function createFromImage(
  options: RunOptions,
  workshop: Workshop,
  stderr: NodeJS.WriteStream,
): Promise<ContainerState> {
  const say = (line: string): unknown => stderr.write(`${line}\n`);
  checkOptions(options);
  const image = await runImage(options, workshop, say);
  const reference = image.references[0];
  const snapshot = await openImage(
    {
      reference: reference === undefined ? 'scratch' : canonicalName(reference),
      layers: image.document.layers,
      diffIDs: image.config.rootfs.diff_ids,
    },
    workshop,
  );
  const from = { id: image.id, manifest: image.manifest.digest, snapshot };
  const { mode, endpoints } = chooseNetworks(options, workshop, stderr);
  const given = { ...options.host, NetworkMode: mode, AutoRemove: options.remove };
  const machine = (): MachineLimits => machineLimits();
  const asked = { ...DEFAULT_HOST_CONFIG, ...given };
  const { host, warnings } = adaptHost(asked, { ...workshop, machine, hostname: options.hostname });
  for (const warning of warnings) say(`WARNING: ${warning}`);
  const state = await createContainer(
    { ...options, host, env: withProxies(options.env, workshop) },
    { ...from, config: image.config.config ?? {} },
    { ...workshop, endpoints },
    forever,
  );
  workshop.containers.tell(state, 'create');
  await fillVolumes(state, { ...workshop, snapshot });
  return state;
}

function withProxies(given: readonly string[], workshop: Workshop): readonly string[] {
  const names = new Set(given.map((entry) => entry.split('=', 1)[0]));
  const proxies = Object.entries(proxyVariables(workshop)).filter(([name]) => !names.has(name));
  return [...given, ...proxies.map(([name, value]) => `${name}=${value}`)];
}

/** What docker's engine refuses of what each flag alone allows. Throws BuildError `usage`. */
function checkOptions({ stopSignal, hostname, host }: RunOptions): void {
  if (stopSignal !== undefined) signalNumber(stopSignal);
  if (hostname === undefined || host.UTSMode !== 'host') return;
  throw new BuildError('usage', 'conflicting options: hostname and the UTS mode', {
    hint: 'with --uts host the name is that of the machine',
  });
}

export interface AttachRequest {
  readonly streams: AttachStreams;
  readonly detachKeys: readonly number[];
  /** Signals to us go to the container. */
  readonly proxySignals: boolean;
}

/** Starts a container in the background: its monitor sees to its removal, if it is to be removed. */
export async function startContainer(state: ContainerState, workshop: Workshop): Promise<void> {
  const snapshot = await openLayers(state, workshop);
  await start(state, { ...workshop, snapshot, ...companions(workshop), attached: false });
}

/** Starts a container and stays with it: gives its exit code, or undefined when the detach keys were pressed. */
export async function runAttached(
  state: ContainerState,
  request: AttachRequest,
  workshop: Workshop,
): Promise<number | undefined> {
  const { containers } = workshop;
  const snapshot = await openLayers(state, workshop);
  using _kept = containers.keep(state.id);
  let pumping: Promise<AttachEnd> | undefined;
  const { onResize, begin } = tellResizes(state, containers.tell);
  const size = sizeOf(request.streams.stdout);
  await start(state, {
    ...workshop,
    snapshot,
    ...companions(workshop),
    attached: true,
    ...(size === undefined ? {} : { size }),
    onCreated: (bundle, pid) => {
      const { terminal } = state;
      routeSignals(terminal, request, pid);
      pumping = attachTo(bundle, { ...request, terminal, onResize }).pump();
      containers.tell(state, 'attach');
      pumping.catch(() => undefined); // Awaited below, unless the start failed.
    },
  });
  if (pumping === undefined) throw new BuildError('conflict', `${state.name} runs already`);
  begin();
  return await follow(state.id, pumping, workshop);
}

/** Attaches to a container that runs. */
export async function attachContainer(
  name: string,
  request: AttachRequest,
  workshop: Workshop,
): Promise<number | undefined> {
  const { containers } = workshop;
  const state = containers.find(name);
  if (!containers.isRunning(state.id)) {
    throw new BuildError('conflict', 'You cannot attach to a stopped container, start it first', {
      hint: `stave start ${state.name}`,
    });
  }
  refusePaused(state, 'You cannot attach to a paused container, unpause it first');
  using _kept = containers.keep(state.id);
  const { terminal } = state;
  routeSignals(terminal, request, state.pid);
  containers.tell(state, 'attach');
  const { onResize, begin } = tellResizes(state, containers.tell);
  begin();
  const options = { ...request, terminal, redraw: true, onResize };
  const attachment = attachTo(containers.path(state.id, 'bundle'), options);
  return await follow(state.id, attachment.pump(), workshop);
}

async function follow(
  id: string,
  pumping: Promise<AttachEnd>,
  { containers }: Workshop,
): Promise<number | undefined> {
  // Not told: docker's client keeps the keys to itself, so its engine tells nothing either.
  if ((await pumping) === 'detached') return undefined;
  await containers.waitForEnd(id, forever.signal);
  return exitCodeNow(id, containers);
}

function exitCodeNow(id: string, containers: Workshop['containers']): number {
  const state = containers.read(id);
  return state === undefined ? KILLED : lastExitCode(state);
}

const ENDING = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/** By way of exit, so that the terminal is put back as it was. */
function letSignalsEnd(): void {
  for (const [name, number] of Object.entries(ENDING)) {
    process.removeAllListeners(name);
    process.once(name, () => process.exit(128 + number));
  }
}

const KILLED = 137;

/** A terminal sends its own signals; when it hangs up, we go and the container stays. */
function routeSignals(terminal: boolean, { proxySignals }: AttachRequest, pid: number): void {
  if (terminal) letSignalsEnd();
  else if (proxySignals) passSignals((signal) => deliver(pid, signal));
}

/** The container decides what a signal means; the second SIGINT or SIGTERM within it is its business too. */
function passSignals(send: (signal: number) => void): void {
  const passed = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGUSR1: 10, SIGUSR2: 12, SIGTERM: 15 };
  for (const [name, number] of Object.entries(passed)) {
    process.removeAllListeners(name);
    process.on(name, () => {
      send(number);
    });
  }
}

export interface StopOptions {
  /** Name or number; absent: what the image says. */
  readonly signal?: string;
  /** Absent: 10 s, or what the image says. */
  readonly timeoutMs?: number;
}

const STOP_MS = 10_000;

export async function stop(
  name: string,
  { signal, timeoutMs }: StopOptions,
  { containers, store }: Workshop,
): Promise<void> {
  using _reserve = spendReserve(store.root);
  const state = containers.find(name);
  const own = state.config.StopTimeout;
  const wait = timeoutMs ?? (own === undefined ? STOP_MS : own * 1000);
  const options = {
    timeoutMs: wait,
    ...(signal === undefined ? {} : { signal: signalNumber(signal) }),
  };
  const runs = containers.isRunning(state.id);
  await stopContainer(state, options, containers);
  const ended = runs ? containers.read(state.id) : undefined;
  if (ended !== undefined) containers.tell(ended, 'stop');
}

/** Stops a container, if it runs, and starts it. */
export async function restart(
  name: string,
  options: StopOptions,
  workshop: Workshop,
): Promise<void> {
  await stop(name, options, workshop);
  const state = workshop.containers.find(name);
  await startContainer(state, workshop);
  workshop.containers.tell(state, 'restart');
}

/** Stops a container's processes where they are. Throws BuildError `conflict` in docker's words. */
export function pause(name: string, workshop: Workshop): Promise<void> {
  return pauseContainer(workshop.containers.find(name), { ...workshop, ...companions(workshop) });
}

export function unpause(name: string, workshop: Workshop): Promise<void> {
  return unpauseContainer(workshop.containers.find(name), { ...workshop, ...companions(workshop) });
}

export async function kill(name: string, signal: string, { containers }: Workshop): Promise<void> {
  try {
    await killContainer(containers.find(name), signalNumber(signal), containers);
  } catch (error) {
    if (!(error instanceof BuildError) || error.code === 'usage') throw error;
    const { code, message, hint } = error;
    throw new BuildError(code, `cannot kill container: ${name}: ${message}`, {
      ...(hint === undefined ? {} : { hint }),
    });
  }
}

/** Waits for a container's end and gives its exit code. */
export async function waitForExit(
  name: string,
  { containers }: Workshop,
  signal: AbortSignal,
): Promise<number> {
  const state = containers.find(name);
  using _kept = containers.keep(state.id);
  await containers.waitForEnd(state.id, signal);
  return exitCodeNow(state.id, containers);
}

export function rename(name: string, given: string, { containers }: Workshop): void {
  const state = containers.find(name);
  const to = given.replace(/^\//, '');
  if (to === state.name)
    throw new BuildError('usage', 'Renaming a container with the same name as its current name');
  checkName(to, new Map(containers.list().map((other) => [other.name, other.id])));
  const renamed = { ...state, name: to };
  containers.save(renamed);
  containers.tell(renamed, 'rename', { oldName: `/${state.name}` });
}

/** Changes limits, of a running container at once. Gives what this machine cannot enforce. */
export function update(
  name: string,
  change: HostChange,
  workshop: Workshop,
): Promise<readonly string[]> {
  return updateContainer(name, change, { ...workshop, machine: () => machineLimits() });
}

/** A container that runs. Throws BuildError `conflict` in docker's words. */
export function findRunning(name: string, { containers }: Workshop): ContainerState {
  const state = containers.find(name);
  refuseRestarting(state);
  if (!containers.isRunning(state.id)) throw notRunning(state.id);
  return state;
}

/** By name or id; a running one only with `force`. Throws BuildError `conflict`, `not-found`. */
export async function removeContainer(
  name: string,
  options: RemoveOptions,
  workshop: Workshop,
): Promise<void> {
  using _reserve = spendReserve(workshop.store.root);
  await remove(name, options, workshop.containers);
}

/** Runs one more process in a container that runs. Throws BuildError `conflict` when it does not. */
export async function exec(
  name: string,
  options: ExecOptions,
  workshop: Workshop,
): Promise<ExecEnd> {
  const state = findRunning(name, workshop);
  refusePaused(state, `Container ${name} is paused, unpause the container before exec`);
  const snapshot = await openLayers(state, workshop);
  const scope = options.terminal ? untilSignal() : forever;
  const { tell } = workshop.containers;
  const execID = randomBytes(32).toString('hex');
  const [program, ...args] = options.command;
  const line = `${program ?? ''} ${args.join(' ')}`; // docker's, with a space after a program alone.
  tell(state, `exec_create: ${line}`, { execID });
  tell(state, `exec_start: ${line}`, { execID });
  const ended = await execInContainer(state, options, { ...workshop, snapshot }, scope);
  if (ended.detached === true) return ended;
  const exit = scope.signal.aborted ? { code: 128 + Number(scope.signal.reason) } : ended;
  if (!options.detach) tell(state, 'exec_die', { execID, exitCode: String(exit.code) });
  return exit;
}

/** A signal to us takes the terminal away from what runs on it, which ends by that. */
function untilSignal(): Scope {
  const controller = new AbortController();
  for (const [name, number] of Object.entries(ENDING)) {
    process.removeAllListeners(name);
    process.on(name, () => {
      controller.abort(number);
    });
  }
  return { ...forever, signal: controller.signal };
}

/** What a container wrote, and with `follow` what it writes until it ends. */
export function containerLog(
  name: string,
  options: Omit<FollowOptions, 'isRunning'>,
  { containers }: Workshop,
): AsyncIterable<readonly LogLine[]> {
  const { id, hostConfig } = containers.find(name);
  if (hostConfig.LogConfig.Type === 'none')
    throw new BuildError('unsupported', 'configured logging driver does not support reading');
  const isRunning = (): boolean => containers.isRunning(id);
  return followLog(containers.path(id, 'log'), { ...options, isRunning });
}
