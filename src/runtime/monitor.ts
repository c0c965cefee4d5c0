import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { BuildError } from '../model/error.js';
import type { Monitor, MonitorPlace, ProcessSpec } from '../model/process.js';
import { privileges, userNamespaceName } from '../sys/privileges.js';
import { deviceNodes } from './device-nodes.js';
import { runExec } from './exec-process.js';
import { seccompOf } from './load-seccomp.js';
import { madeBy, noteMadeBy } from './made-by.js';
import { needsCgroup } from './oci-cgroup.js';
import { ociJson } from './oci-spec.js';
import { cannot, checkRoot, checkUser, findProgram, type Prepared } from './prepare.js';
import type { RuntimeOptions } from './prepare.js';
import { runChild } from './process.js';
import { prepareOnce } from './prepare-once.js';
import { throwRuntimeFailure } from './runtime-failure.js';
import { runtimeOptions } from './runtime-options.js';
import { spawned } from '../sys/spawned.js';
import { SYSTEM_PATH } from '../sys/system-path.js';

const ENVIRONMENT = { PATH: SYSTEM_PATH };

/** conmon: a small process per container that keeps its terminal, its log and its exit code. */
export function createMonitor(options: RuntimeOptions): Monitor {
  const prepared = prepareOnce(options);
  return {
    create: async (spec, place) =>
      create(spec, place, { ...(await prepared.get(place.runtime)), path: options.path }),
    start: async (id, dir) => control(await prepared.get(madeBy(dir).kind), dir, ['start', id]),
    exec: async (spec, dir, scope) =>
      runExec(await prepared.get(madeBy(dir).kind), spec, { dir, scope }),
    [Symbol.asyncDispose]: () => prepared[Symbol.asyncDispose](),
  };
}

interface Tools extends Prepared {
  readonly path: string;
}

async function create(spec: ProcessSpec, place: MonitorPlace, tools: Tools): Promise<number> {
  const conmon = findProgram('conmon', tools.path);
  if (conmon === undefined) throw cannot('conmon is not installed', 'apt-get install conmon');
  checkRoot(spec.root, tools.kind);
  checkUser(spec.user);
  const { dir } = place;
  emptyPlace(dir);
  // Not disposed of: they are mounted where it lives, and go with the tmpfs.
  const nodes = deviceNodes(tools.dir, spec.id, spec.confinement);
  const config = ociJson(spec, seccompOf(spec.confinement, tools.seccomp), nodes?.path);
  writeFileSync(join(dir, 'bundle/config.json'), config, { mode: 0o600 });
  noteMadeBy(dir, { kind: tools.kind, cgroup: needsCgroup(spec) });
  const { pid = -1, message = '' } = await startConmon(
    [conmon, ...monitorLine(spec, place, { ...tools, options: runtimeOptions(tools, dir) })],
    { held: [place.lockFd, ...place.sockets], cwd: join(dir, 'bundle') },
  );
  if (pid > 0) return pid;
  throwRuntimeFailure(join(dir, 'runtime.log'), spec);
  throw new BuildError('runtime', `the container could not be started: ${message.trim()}`);
}

/** Without what was of its last life, and with what others find it by: before the monitor is there. */
export function emptyPlace(dir: string): void {
  rmSync(join(dir, 'monitor.pid'), { force: true });
  for (const part of ['bundle', 'runtime', 'exit']) {
    rmSync(join(dir, part), { recursive: true, force: true });
    mkdirSync(join(dir, part), { mode: 0o700 });
  }
  // Whoever shall enter or signal the container must join its user namespace (bin/rootless.sh).
  if (privileges().userNamespace)
    writeFileSync(join(dir, 'userns'), `${userNamespaceName()}\n`, { mode: 0o600 });
}

/** What a monitor calls to make a container. */
export interface MonitoredRuntime {
  readonly program: string;
  readonly options: readonly string[];
}

/** Who detaches leaves a terminal's input open for the next; without a terminal the end of input is the input's end. */
const TERMINAL = ['-t', '--leave-stdin-open'];

export function monitorLine(
  spec: ProcessSpec,
  place: MonitorPlace,
  { program, options }: MonitoredRuntime,
): string[] {
  const { dir, openStdin, onExit = [] } = place;
  const { stdio, id } = spec;
  const [command, ...args] = onExit;
  return ['--api-version', '1', '-c', id, '-u', id, '-n', id, '-r', program]
    .concat(options.flatMap((option) => ['--runtime-arg', option]))
    .concat(['-b', join(dir, 'bundle'), '-p', join(dir, 'pid'), '-P', join(dir, 'monitor.pid')])
    .concat([
      '--exit-dir',
      join(dir, 'exit'),
      '-l',
      place.log ? `k8s-file:${join(dir, 'log')}` : 'off',
    ])
    .concat(place.logBytes === undefined ? [] : ['--log-size-max', String(place.logBytes)])
    .concat(['--full-attach', '--no-sync-log', '--log-level', 'error'])
    .concat(stdio.kind === 'monitor' && stdio.terminal ? TERMINAL : [], openStdin ? ['-i'] : [])
    .concat(command === undefined ? [] : ['--exit-command', command])
    .concat(args.flatMap((arg) => ['--exit-command-arg', arg]));
}

interface Created {
  /** Of the container's first process; -1 when it could not be made. */
  readonly pid?: number;
  readonly message?: string;
}

/**
 * conmon daemonizes; it tells the pid through a pipe, and keeps the descriptors of the lock and the ports. Where it stands
 * it leaves a file `oom` when the kernel ended a process for its memory.
 */
export async function startConmon(
  argv: readonly string[],
  { held, cwd }: { readonly held: readonly number[]; readonly cwd: string },
): Promise<Created> {
  const [program = '', ...args] = argv;
  const child = spawned(
    spawn(program, args, {
      cwd,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', ...held],
      env: { ...ENVIRONMENT, _OCI_SYNCPIPE: '3' },
    }),
  );
  const [errors, sync] = [collect(child.stdio[2]), collect(child.stdio[3])];
  await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  const line = await sync.line;
  const message = line === undefined ? await errors.all : '';
  // conmon keeps the pipe as long as it lives; we must not live as long for it.
  for (const stream of [child.stdio[2], child.stdio[3]]) (stream as Readable | null)?.destroy();
  if (line === undefined) return { pid: -1, message };
  const answer = JSON.parse(line) as { data?: number; pid?: number; message?: string };
  return { pid: answer.data ?? answer.pid ?? -1, message: answer.message ?? '' };
}

/** The first line of a stream, and all of it. */
function collect(stream: unknown): {
  readonly line: Promise<string | undefined>;
  readonly all: Promise<string>;
} {
  const readable = stream as NodeJS.ReadableStream; // Both were asked for as pipes.
  let text = '';
  let first: (line: string | undefined) => void = () => undefined;
  let whole: (text: string) => void = () => undefined;
  const line = new Promise<string | undefined>((resolve) => (first = resolve));
  const all = new Promise<string>((resolve) => (whole = resolve));
  readable.on('data', (data: Buffer) => {
    text += data.toString();
    if (text.includes('\n')) first(text.slice(0, text.indexOf('\n')));
  });
  readable.on('close', () => {
    first(text === '' ? undefined : text);
    whole(text);
  });
  return { line, all };
}

async function control(prepared: Prepared, dir: string, command: readonly string[]): Promise<void> {
  const argv = [prepared.program, ...runtimeOptions(prepared, dir), ...command];
  const exit = await runChild(argv, {
    stdio: { kind: 'pipe', onOutput: () => undefined },
    env: ENVIRONMENT,
    signal: new AbortController().signal,
  });
  if (exit.exitCode === 0) return;
  const { process } = JSON.parse(readFileSync(join(dir, 'bundle/config.json'), 'utf8')) as {
    process: { args: string[]; cwd: string };
  };
  throwRuntimeFailure(join(dir, 'runtime.log'), process);
  throw new BuildError('runtime', `${command.join(' ')} failed`);
}
