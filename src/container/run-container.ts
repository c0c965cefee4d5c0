import { randomBytes } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { ensureLayers } from '../cache/ensure-layers.js';
import { hostPath, resolveInside, type SourceTree } from '../cache/source-tree.js';
import { mergedView } from '../cache/merged-view.js';
import { type ContainerState, exitCodeOf } from '../model/container.js';
import type { Digest } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import type { RunConfig } from '../model/oci.js';
import type { ExitStatus, Runtime, TerminalSize } from '../model/process.js';
import type { Scope } from '../model/scope.js';
import type { Snapshot } from '../model/stores.js';
import { hostsFile, resolvConf } from '../runtime/network-files.js';
import { userFiles } from '../cache/user-files.js';
import { resolveUser } from '../runtime/users.js';
import { sys } from '../sys/sys.js';
import { checkProgram } from './check-program.js';
import { resizeTerminal, signalContainer } from './signal-container.js';
import type { ContainerStore } from './container-store.js';
import { randomName } from './names.js';

export interface RunOptions {
  readonly image: string;
  /** After the image: replaces CMD. */
  readonly command: readonly string[];
  readonly name?: string;
  readonly env: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  /** '' clears. */
  readonly entrypoint?: string;
  readonly interactive: boolean;
  readonly terminal: boolean;
  readonly remove: boolean;
  readonly network: 'host' | 'none';
  readonly term?: string;
}

export interface RunDeps {
  readonly containers: ContainerStore;
  readonly runtime: () => Promise<Runtime>;
  readonly temporary: () => Promise<string>;
  readonly now: () => number;
  /** Gets the pass-through for SIGINT, SIGTERM and the like while the container runs. */
  readonly onSignals: (deliver: (signal: NodeJS.Signals) => void) => void;
  /** The size of our terminal, if there is one; `onResize` tells of later ones. */
  readonly terminalSize: () => TerminalSize | undefined;
  readonly onResize: (tell: (size: TerminalSize) => void) => void;
}

export interface RunImage {
  readonly id: Digest;
  readonly manifest: Digest;
  readonly config: RunConfig;
  readonly snapshot: Snapshot;
}

/** Runs a container in the foreground and gives its exit status; its writable layer stays until it is removed. */
export async function runContainer(
  options: RunOptions,
  image: RunImage,
  deps: RunDeps,
  scope: Scope,
): Promise<ExitStatus> {
  const { containers } = deps;
  const args = argsOf(options, image.config);
  await ensureLayers(image.snapshot.layers, scope);
  const state = await register(args, { options, image, deps }, scope);
  const { id, created } = state;
  using _alive = containers.lock(id);
  try {
    return await start(
      { ...state, status: 'running', started: created },
      { options, image, deps },
      scope,
    );
  } finally {
    if (options.remove) containers.remove(id);
  }
}

interface Job {
  readonly options: RunOptions;
  readonly image: RunImage;
  readonly deps: RunDeps;
}

/** Gives it an id and a name; under a lock, so that of two that start at once one finds the name taken. */
async function register(
  args: readonly string[],
  { options, image, deps }: Job,
  scope: Scope,
): Promise<ContainerState> {
  const { containers } = deps;
  await using _names = await containers.lockNames(scope.signal);
  const state: ContainerState = {
    id: randomBytes(32).toString('hex'),
    name: nameFor(options.name, containers),
    image: options.image,
    imageId: image.id,
    manifest: image.manifest,
    layers: image.snapshot.layers.map((layer) => layer.id),
    config: configOf(options, image.config),
    args,
    status: 'created',
    exitCode: 0,
    pid: process.pid,
    created: new Date(deps.now()).toISOString(),
  };
  for (const part of ['upper', 'work'])
    mkdirSync(containers.path(state.id, part), { recursive: true, mode: 0o755 });
  containers.save(state);
  return state;
}

async function start(state: ContainerState, job: Job, scope: Scope): Promise<ExitStatus> {
  const { containers, now } = job.deps;
  containers.save(state);
  const end = (exitCode: number): void => {
    containers.save({
      ...state,
      status: 'exited',
      exitCode,
      finished: new Date(now()).toISOString(),
    });
  };
  try {
    const exit = await inMount(state, job, scope);
    end(exit.code);
    return exit;
  } catch (error) {
    end(exitCodeOf(error));
    throw error;
  }
}

async function inMount(state: ContainerState, job: Job, scope: Scope): Promise<ExitStatus> {
  const { containers, temporary } = job.deps;
  const root = mkdtempSync(join(await temporary(), 'container-'));
  const lowers = job.image.snapshot.layers.map((layer) => layer.path).reverse();
  const empty = containers.path(state.id, 'empty');
  if (lowers.length === 0) mkdirSync(empty);
  const [upper, work] = [containers.path(state.id, 'upper'), containers.path(state.id, 'work')];
  // The kernel marks a work directory it could not finish with; a second start begins with a clean one.
  sys().mountOverlay({ lowers: lowers.length === 0 ? [empty] : lowers, upper, work, target: root });
  try {
    return await exec(state, root, job, scope);
  } finally {
    sys().umount(root);
  }
}

async function exec(
  state: ContainerState,
  root: string,
  { options, image, deps }: Job,
  scope: Scope,
): Promise<ExitStatus> {
  const tree = mergedView([root]);
  const user = resolveUser(userFiles(tree), options.user ?? image.config.User ?? '');
  const cwd =
    options.workdir ??
    (image.config.WorkingDir === undefined || image.config.WorkingDir === ''
      ? '/'
      : image.config.WorkingDir);
  ensureWorkdir(tree, root, cwd);
  const hostname = state.id.slice(0, 12);
  const env = environment(options, image.config, { home: user.home, hostname });
  checkProgram(tree, { args: state.args, env, cwd, user });
  const runtime = await deps.runtime();
  const size = deps.terminalSize();
  return runtime.run(
    {
      id: `container-${state.id.slice(0, 16)}`,
      root,
      args: state.args,
      env,
      cwd,
      user,
      network: options.network,
      hostname,
      mounts: networkMounts(deps.containers.path(state.id), hostname, options.network),
      stdio: {
        kind: 'inherit',
        stdin: options.interactive,
        terminal: options.terminal,
        ...(size === undefined ? {} : { size }),
      },
      onStart: (pid) => {
        deps.onSignals((signal) => {
          signalContainer(pid, signal);
        });
        if (options.terminal) {
          deps.onResize((size) => {
            resizeTerminal(pid, size);
          });
        }
      },
    },
    scope,
  );
}

function nameFor(wanted: string | undefined, containers: ContainerStore): string {
  const taken = new Map(containers.list().map(({ name, id }) => [name, id]));
  if (wanted === undefined) return randomName(new Set(taken.keys()));
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(wanted)) {
    throw new BuildError(
      'usage',
      `Invalid container name (${wanted}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    );
  }
  const other = taken.get(wanted);
  if (other === undefined) return wanted;
  throw new BuildError(
    'conflict',
    `Conflict. The container name "/${wanted}" is already in use by container "${other}". You have to remove (or rename) that container to be able to reuse that name.`,
    {
      hint: `stave rm ${wanted}`,
    },
  );
}

/** ENTRYPOINT and CMD as docker joins them: a given entrypoint drops the image's CMD. */
function argsOf({ entrypoint, command }: RunOptions, config: RunConfig): readonly string[] {
  const own =
    entrypoint === undefined ? (config.Entrypoint ?? []) : entrypoint === '' ? [] : [entrypoint];
  const rest = command.length > 0 ? command : entrypoint === undefined ? (config.Cmd ?? []) : [];
  const args = [...own, ...rest];
  if (args.length > 0) return args;
  throw new BuildError('usage', 'No command specified', {
    hint: 'the image has no CMD: name a command after it',
  });
}

/** What docker keeps as the container's Config: an image committed from it starts the same. */
function configOf(options: RunOptions, config: RunConfig): RunConfig {
  const { entrypoint, command, user, workdir } = options;
  const own =
    entrypoint === undefined ? config.Entrypoint : entrypoint === '' ? null : [entrypoint];
  const cmd = command.length > 0 ? command : entrypoint === undefined ? config.Cmd : null;
  return {
    ...config,
    ...(own === undefined ? {} : { Entrypoint: own }),
    ...(cmd === undefined ? {} : { Cmd: cmd }),
    ...(user === undefined ? {} : { User: user }),
    ...(workdir === undefined ? {} : { WorkingDir: workdir }),
    Env: mergeEnv(config.Env ?? [], options.env),
  };
}

/** Later entries replace earlier ones of the same name, in their place. */
function mergeEnv(...lists: readonly (readonly string[])[]): string[] {
  const merged = new Map<string, string>();
  for (const entry of lists.flat()) merged.set(entry.slice(0, entry.indexOf('=')), entry);
  return [...merged.values()];
}

function environment(
  options: RunOptions,
  config: RunConfig,
  { home, hostname }: { home: string; hostname: string },
): string[] {
  const base = [
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    `HOSTNAME=${hostname}`,
  ].concat(options.terminal ? [`TERM=${options.term ?? 'xterm'}`] : [], `HOME=${home}`);
  return mergeEnv(base, config.Env ?? [], options.env);
}

/** Made inside the root, through the mount; a path that leads below /proc is refused. */
function ensureWorkdir(tree: SourceTree, root: string, cwd: string): void {
  if (!cwd.startsWith('/')) {
    throw new BuildError(
      'usage',
      `the working directory '${cwd}' is invalid, it needs to be an absolute path`,
    );
  }
  const path = resolveInside(tree, Buffer.from(cwd).toString('latin1'), true) ?? '';
  if (/^(proc|dev|sys)\//.test(path)) {
    throw new BuildError('usage', `working directory ${cwd} is not inside the container's root`);
  }
  const full = hostPath(root, path);
  if (lstatSync(full, { throwIfNoEntry: false }) === undefined)
    mkdirSync(full, { recursive: true, mode: 0o755 });
}

/** Kept with the container, so that every start has the same. */
function networkMounts(directory: string, hostname: string, network: 'host' | 'none') {
  const host = existsSync('/etc/resolv.conf') ? readFileSync('/etc/resolv.conf', 'utf8') : '';
  const files = {
    hosts: hostsFile(hostname),
    'resolv.conf': resolvConf(host, network),
    hostname: `${hostname}\n`,
  };
  return Object.entries(files).map(([name, text]) => {
    const source = join(directory, name);
    writeFileSync(source, text, { mode: 0o644 });
    return { source, target: `/etc/${name}`, readonly: false };
  });
}
