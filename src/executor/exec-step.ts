import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { removeTree } from '../cache/remove-tree.js';
import { resolveInside, type SourceTree, toBytes, toText } from '../cache/source-tree.js';
import { BuildError } from '../model/error.js';
import type { CacheMountSpec, ExecSpec, Vertex } from '../model/graph.js';
import type { ExitStatus, Identity, StepProcess } from '../model/process.js';
import type { Scope } from '../model/scope.js';
import type { ActiveLayer, Snapshot } from '../model/stores.js';
import type { DeviceEdits } from '../runtime/cdi.js';
import { mountNewTmpfs } from '../sys/mounts.js';
import { sys } from '../sys/sys.js';
import { CleanupStack } from './cleanup-stack.js';
import { hostnameOf, networkFiles, scriptMount } from './exec-files.js';
import { hostSource, type MountSource } from '../runtime/attach-mounts.js';
import { type ExecRoot, type ExecRootJob, mountedRoot } from './exec-root.js';
import { modeAt, MountSources, planTargets } from './exec-mounts.js';
import { secretFile, secretValue, secretVariable } from './exec-secrets.js';
import { sshSocket } from './exec-ssh.js';
import { exitHint } from './exit-hint.js';
import type { ExecutorDeps } from './executor-deps.js';
import { LogTail } from './log-tail.js';
import { MountStubs } from './mount-stubs.js';
import { SecretMask } from './secret-mask.js';
import { UpperWriter } from './upper-writer.js';

export interface StepJob {
  readonly spec: ExecSpec;
  readonly vertex: Vertex;
  /** The root first. */
  readonly inputs: readonly Snapshot[];
  readonly layer: ActiveLayer;
  /** The root before the step. */
  readonly view: SourceTree;
  readonly user: Identity & { readonly home: string };
}

/** Runs the step's process in its mounts. Afterwards `layer.upper` holds what it changed, and nothing else. */
export async function runStep(job: StepJob, deps: ExecutorDeps, scope: Scope): Promise<void> {
  const { spec, layer, view, user } = job;
  await using stack = new CleanupStack();
  const runtime = await deps.runtime();
  runtime.warmUp();
  const chroot = runtime.isolation === 'chroot';
  const directory = await scratchDirectory({ spec, chroot, stack }, deps, scope);
  const writer = new UpperWriter(layer.upper, view);
  ensureWorkdir(writer, spec.cwd, user);
  ensureMountPoints(writer);
  const { sources, variables, commitCaches } = await openMounts(
    { ...job, writer, directory, stack, chroot },
    deps,
    scope,
  );
  const edits = await editsOf(spec, deps);
  const devices = edits.mounts.map(({ target, source, readonly }) =>
    hostSource(target, source, { readonly }),
  );
  const stubs = new MountStubs(writer, view);
  const all = [...sources, ...devices];
  planTargets(all, writer, stubs);
  writer.finish();
  const scripts = scriptMount(spec.script, directory);
  const place = { spec, layer, sources: all, scripts, directory, stack };
  const root = await (chroot ? furnished(place, scope) : mountedRoot(place, scope));
  const container = containerOf(job, { root, variables, edits }, deps);
  await runContainer(container, job, deps, scope);
  await root.end();
  stubs.remove();
  commitCaches();
}

const NO_EDITS: DeviceEdits = { env: [], devices: [], mounts: [] };

async function editsOf({ devices }: ExecSpec, { settings }: ExecutorDeps): Promise<DeviceEdits> {
  if (devices.length === 0) return NO_EDITS;
  const { deviceEdits, devicesOf } = await import('./exec-devices.js');
  return deviceEdits(devicesOf(devices, settings.allow ?? []));
}

interface Opening extends StepJob {
  readonly chroot: boolean;
  readonly writer: UpperWriter;
  readonly directory: string;
  readonly stack: CleanupStack;
}

interface OpenedMounts {
  readonly sources: readonly MountSource[];
  readonly variables: readonly string[];
  readonly commitCaches: () => void;
}

/** Every mount's source, in the order they are mounted: the engine's own files first, then as written. */
async function openMounts(job: Opening, deps: ExecutorDeps, scope: Scope): Promise<OpenedMounts> {
  const { spec, vertex, inputs, directory, stack, chroot } = job;
  const opened = new MountSources(
    {
      specs: spec.mounts,
      inputs,
      fresh: vertex.ignoreCache,
      chroot,
      onWait: waiting(job, deps, scope),
    },
    deps,
    { stack, scope },
  );
  await opened.takeCaches();
  const files = networkFiles(spec, deps.settings.addHosts ?? [], directory).filter((file) =>
    isPlain(file, job),
  );
  const sources: MountSource[] = files;
  const variables: string[] = [];
  for (const [i, mount] of spec.mounts.entries()) {
    const name = `m${String(i)}`;
    if (mount.type === 'bind') sources.push(await opened.bind(mount));
    else if (mount.type === 'cache') sources.push(await opened.cache(mount));
    else if (mount.type === 'tmpfs') {
      if (mount.target !== '/dev/shm')
        sources.push(opened.tmpfs(mount, modeAt(mount.target, job.view, job.writer)));
    } else if (mount.type === 'secret') {
      const value = secretValue(mount, deps.secrets);
      const file = secretFile(mount, value, directory, name);
      if (file !== undefined) sources.push(file);
      variables.push(...secretVariable(mount, value));
    } else {
      const given = deps.settings.ssh ?? [];
      const socket = await sshSocket(mount, given, { directory, name, stack });
      if (socket !== undefined) sources.push(socket);
    }
  }
  const commitCaches = (): void => {
    opened.commitCaches();
  };
  return { sources, variables, commitCaches };
}

/** An image may have /etc/hosts lead into /proc: then it does without ours. */
function isPlain({ target }: MountSource, { view }: StepJob): boolean {
  const path = resolveInside(view, toBytes(target), true);
  return path !== undefined && path !== '' && !/^(proc|sys|dev)(\/|$)/.test(path);
}

function waiting({ vertex }: StepJob, deps: ExecutorDeps, scope: Scope) {
  return (mount: CacheMountSpec): void => {
    const data = Buffer.from(`waiting for another step that uses the cache mount ${mount.id}\n`);
    const time = deps.now();
    scope.emit({ type: 'log', vertex: vertex.digest, stream: 'stderr', data, time });
  };
}

/** Files of the step's own; on a tmpfs when something secret is among them, so that it is on no disk. */
async function scratchDirectory(
  { spec: { mounts }, chroot, stack }: Pick<Opening, 'spec' | 'chroot' | 'stack'>,
  deps: ExecutorDeps,
  { emit }: Scope,
): Promise<string> {
  const parent = mkdtempSync(join(await deps.temporary(), 'run-'));
  stack.defer(() => {
    deps.later(() => removeTree(parent, () => false));
  });
  const directory = join(parent, 'f');
  mkdirSync(directory, { mode: 0o700 });
  if (!mounts.some(({ type }) => type === 'secret' || type === 'ssh')) return directory;
  if (chroot) {
    emit({ type: 'warning', message: SECRETS_ON_DISK });
    return directory;
  }
  mountNewTmpfs(directory, { mode: '0700', size: '64m' }, { nosuid: true, nodev: true });
  stack.defer(() => {
    sys().umount(directory);
  });
  return directory;
}

const SECRETS_ON_DISK =
  'secrets of a step in a chroot are on the disk of the store while it runs: no tmpfs can be mounted';

/** A missing working directory is made, 0755 and the user's; one below /proc would be the host's. */
function ensureWorkdir(writer: UpperWriter, cwd: string, owner: Identity): void {
  const path = writer.resolve(toBytes(cwd), true);
  if (/^(proc|dev|sys)\//.test(path)) {
    throw new BuildError(
      'syntax',
      `working directory /${toText(path)} is not inside the container's root`,
      { hint: 'WORKDIR must name a directory of the image' },
    );
  }
  if (writer.entryType(path) !== 'directory') writer.ensureDirectory(path, owner);
}

/**
 * Where the runtime mounts; made by us, for it would make them with modes of its own. They stay, as docker leaves them
 * (a runtime made them there, too); /etc goes again where only our files were in it, as every other stub.
 */
function ensureMountPoints(writer: UpperWriter): void {
  for (const path of ['dev', 'proc', 'sys']) {
    if (writer.entryType(path) === undefined) writer.ensureDirectory(path, { uid: 0, gid: 0 });
  }
}

interface Place {
  readonly root: ExecRoot;
  /** Variables of secrets. */
  readonly variables: readonly string[];
  readonly edits: DeviceEdits;
}

type Container = Omit<StepProcess, 'onOutput'>;

/** Only where nothing can be mounted: others never load it. */
async function furnished(place: ExecRootJob, scope: Scope): Promise<ExecRoot> {
  const { furnishedRoot } = await import('./furnished-root.js');
  return furnishedRoot(place, scope);
}

function containerOf(
  { spec, user }: StepJob,
  { root, variables, edits }: Place,
  { settings }: ExecutorDeps,
): Container {
  const { ulimits, cgroupParent, resources } = settings;
  const shm = spec.mounts.find(({ type, target }) => type === 'tmpfs' && target === '/dev/shm');
  const shmSize = shm?.type === 'tmpfs' && shm.size > 0 ? shm.size : settings.shmSize;
  return {
    root: root.path,
    args: spec.args,
    env: [...environment(spec, user.home), ...variables, ...edits.env],
    cwd: spec.cwd,
    user,
    network: spec.network === 'none' ? 'none' : 'host',
    hostname: hostnameOf(spec),
    mounts: root.mounts,
    confinement: {
      insecure: spec.security === 'insecure',
      devices: edits.devices,
      ...(ulimits === undefined ? {} : { ulimits }),
      ...(shmSize === undefined ? {} : { shmSize }),
      ...(cgroupParent === undefined ? {} : { cgroupParent }),
      ...(resources === undefined ? {} : { resources }),
    },
  };
}

/** SSH_AUTH_SOCK of the first ssh mount, what is set, HOME as a login would have it unless the image says otherwise. */
function environment(spec: ExecSpec, home: string): string[] {
  const given = spec.env.map(({ name, value }) => `${name}=${value}`);
  const has = (wanted: string): boolean => spec.env.some(({ name }) => name === wanted);
  const ssh = spec.mounts.find(({ type }) => type === 'ssh');
  const socket =
    ssh?.target === undefined || has('SSH_AUTH_SOCK') ? [] : [`SSH_AUTH_SOCK=${ssh.target}`];
  return [...socket, ...given, ...(has('HOME') ? [] : [`HOME=${home}`])];
}

async function runContainer(
  container: Container,
  job: StepJob,
  deps: ExecutorDeps,
  scope: Scope,
): Promise<void> {
  const output = outputOf(job, deps, scope);
  const runtime = await deps.runtime();
  try {
    const exit = await runtime.run({ ...container, onOutput: output.add }, scope);
    output.end();
    if (exit.code !== 0) throw failure(job, exit, output.tail);
  } finally {
    output.end();
  }
}

type Stream = 'stdout' | 'stderr';

/** What a step says goes out as events, without the secrets of this build. */
function outputOf({ vertex }: StepJob, deps: ExecutorDeps, scope: Scope) {
  const tail = new LogTail();
  const say = (stream: Stream, data: Uint8Array): void => {
    if (data.length === 0) return;
    tail.add(data);
    scope.emit({ type: 'log', vertex: vertex.digest, stream, data, time: deps.now() });
  };
  if (deps.secrets.ids.length === 0) return { tail, add: say, end: () => undefined };
  const hidden = deps.secrets.masked();
  const masks = { stdout: new SecretMask(hidden), stderr: new SecretMask(hidden) };
  return {
    tail,
    add: (stream: Stream, data: Uint8Array): void => {
      say(stream, masks[stream].add(data));
    },
    end: (): void => {
      say('stdout', masks.stdout.end());
      say('stderr', masks.stderr.end());
    },
  };
}

function failure({ spec, vertex }: StepJob, exit: ExitStatus, tail: LogTail): BuildError {
  const how =
    exit.signal === undefined ? `exit code: ${String(exit.code)}` : `killed by ${exit.signal}`;
  const command = spec.args.join(' ');
  const hint = exitHint(exit, spec.args, tail.lines());
  return new BuildError(
    'run-failed',
    `process ${JSON.stringify(command)} did not complete successfully: ${how}`,
    { range: vertex.range, details: tail.lines(), ...(hint === undefined ? {} : { hint }) },
  );
}
