import { spawn } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
  existsSync,
  mkdtempSync,
} from 'node:fs';
import { Socket } from 'node:net';
import { constants as os } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import type {
  ExecEnd,
  ExecSpec,
  ExitStatus,
  Monitor,
  MonitorPlace,
  ProcessSpec,
} from '../model/process.js';
import type { Scope } from '../model/scope.js';
import { sys } from '../sys/sys.js';
import { attachSystem } from './attach-system.js';
import { whyNoProc } from './blocked.js';
import { JOB_FILE } from './chroot-container.js';
import { chrootOf } from './chroot-of.js';
import { chrootFailure } from './chroot-failure.js';
import {
  CHANNEL,
  type ChrootContainerJob,
  type ChrootFailure,
  type ChrootJob,
} from './chroot-job.js';
import { chrootMain } from './chroot-main-file.js';
import { jobOf } from './job-of.js';
import { noteMadeBy } from './made-by.js';
import { onTerminal } from './exec-process.js';
import { sizeOf } from './follow-size.js';
import { emptyPlace, monitorLine, startConmon } from './monitor.js';
import { cannot, checkRoot, checkUser, findProgram, type RuntimeOptions } from './prepare.js';
import { startChild } from './process.js';
import { spawned } from '../sys/spawned.js';
import { SYSTEM_PATH } from '../sys/system-path.js';

/**
 * Containers of root of a container without privileges: conmon as on every rung, and a program of ours in the place of the
 * OCI runtime. The container's process is in a chroot, with nothing mounted, and shares all else. `mounts`: what a runtime
 * mounts is, but for a /proc of its own.
 */
export function createChrootMonitor(options: RuntimeOptions, has?: 'mounts'): Monitor {
  return {
    create: (spec, place) => {
      if (has !== undefined) attach(spec);
      return create(spec, place, options);
    },
    start,
    exec: (spec, dir, scope) => {
      const entering = has === undefined ? [] : enterMounts(dir);
      return exec(spec, dir, { options, scope, entering });
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function attach({ root, mounts, confinement }: ProcessSpec): void {
  const [late] = confinement?.lateMounts ?? [];
  if (late !== undefined) {
    const { what, remedy } = whyNoProc();
    throw cannot(`a mount on ${late.destination} cannot be had in a chroot: ${what}`, remedy);
  }
  checkRoot(root, 'crun');
  attachSystem(root, mounts, confinement);
}

/** Its mounts are in the namespace of whoever started it, which its monitor keeps. */
function enterMounts(dir: string): string[] {
  const monitor = readFileSync(join(dir, 'monitor.pid'), 'utf8').trim();
  return ['nsenter', `--mount=/proc/${monitor}/ns/mnt`, '--wd=.', '--'];
}

const FIFO = 0o010600;

async function create(
  spec: ProcessSpec,
  place: MonitorPlace,
  options: RuntimeOptions,
): Promise<number> {
  const conmon = findProgram('conmon', options.path);
  if (conmon === undefined) throw cannot('conmon is not installed', 'apt-get install conmon');
  checkRoot(spec.root, 'crun');
  checkUser(spec.user);
  const { dir, lockFd, sockets } = place;
  emptyPlace(dir);
  const { start, begun } = pipesOf(spec.id, dir);
  mkdirSync(join(dir, 'runtime', spec.id), { mode: 0o700 });
  for (const pipe of [start, begun]) sys().mknod(pipe, FIFO, 0, 0);
  const { stdio } = spec;
  const size = stdio.kind === 'monitor' && stdio.size !== undefined ? { size: stdio.size } : {};
  const job: ChrootContainerJob = { ...(await jobOf(spec, options)), ...size, start, begun };
  writeFileSync(join(dir, 'bundle', JOB_FILE), JSON.stringify(job), { mode: 0o600 });
  noteMadeBy(dir, { kind: 'chroot', cgroup: false });
  const runtime = { program: process.execPath, options: [chrootMain()] };
  const { pid = -1, message = '' } = await startConmon(
    [conmon, ...monitorLine(spec, place, runtime)],
    { held: [lockFd, ...sockets], cwd: join(dir, 'bundle') },
  );
  if (pid > 0) return pid;
  throw new BuildError('runtime', `the container could not be started: ${message.trim()}`);
}

/** The first has the name that says of a container of any runtime that it has not begun. */
function pipesOf(id: string, dir: string): { readonly start: string; readonly begun: string } {
  const path = (name: string): string => join(dir, 'runtime', id, name);
  return { start: path('exec.fifo'), begun: path('begun') };
}

async function start(id: string, dir: string): Promise<void> {
  const pipes = pipesOf(id, dir);
  const answer = new Socket({
    fd: openSync(pipes.begun, constants.O_RDONLY | constants.O_NONBLOCK),
    readable: true,
    writable: false,
  });
  try {
    const said = textOf(answer);
    letBegin(pipes.start);
    const text = await said;
    if (text === '') return;
    const { args } = JSON.parse(readFileSync(join(dir, 'bundle', JOB_FILE), 'utf8')) as ChrootJob;
    throw chrootFailure(JSON.parse(text) as ChrootFailure, args[0] ?? '');
  } finally {
    answer.destroy();
  }
}

function letBegin(pipe: string): void {
  let fd: number;
  try {
    fd = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (!hasCode(error, 'ENXIO', 'ENOENT')) throw error;
    throw new BuildError('runtime', 'the container ended before its program began');
  }
  writeSync(fd, '.');
  closeSync(fd);
}

async function textOf(stream: Duplex): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}

interface ExecHow {
  /** argv before that of the process. */
  readonly entering: readonly string[];
  readonly options: RuntimeOptions;
  readonly scope: Scope;
}

async function exec(
  spec: ExecSpec,
  dir: string,
  { options, scope, entering }: ExecHow,
): Promise<ExecEnd> {
  if (spec.confinement?.insecure === true)
    throw cannot(
      'exec --privileged cannot be had in a chroot',
      'stave doctor shows what is in the way',
    );
  const root = chrootOf(dir) ?? '';
  const confinement = { devices: [], insecure: false, ...spec.confinement };
  const job = await jobOf({ ...spec, root, confinement }, options);
  const argv = [...entering, process.execPath, chrootMain(), 'step'];
  if (spec.detach) return execDetached(argv, spec, { ...job, stays: true });
  if (spec.terminal && spec.onOutput === undefined)
    return execOnTerminal(argv.slice(0, -1), spec, { job, options, scope });
  const { onOutput } = spec;
  const stdio = onOutput === undefined ? { stdin: spec.stdin } : 'pipe';
  const child = await startChild(argv, { stdio, env: ENVIRONMENT, more: ['pipe'] });
  if (spec.pidFile !== undefined) writeFileSync(spec.pidFile, String(child.pid ?? 0));
  const channel = child.channel(CHANNEL).on('error', () => undefined);
  const said = textOf(channel).catch(() => '');
  channel.write(`${JSON.stringify(job)}\n`);
  const { exitCode, signal } = await child.follow(onOutput ?? (() => undefined), scope.signal);
  return endOf({ said: await said, code: exitCode, signal }, spec);
}

/** As a runtime that is asked to: it leaves the process, which is ours then, and gives its terminal to us. */
async function execOnTerminal(
  begin: readonly string[],
  spec: ExecSpec,
  { job, options, scope }: Omit<ExecHow, 'entering'> & { readonly job: ChrootJob },
): Promise<ExecEnd> {
  const dir = mkdtempSync(join(await options.temporary(), 'exec-'));
  const [file, failure] = [join(dir, JOB_FILE), join(dir, 'failure')];
  const size = sizeOf(process.stdout);
  const asked = { ...job, stays: true, ...(size === undefined ? {} : { size }) };
  writeFileSync(file, JSON.stringify(asked), { mode: 0o600 });
  const line = (...flags: readonly string[]): string[] => [
    ...begin,
    'exec',
    file,
    failure,
    ...flags,
  ];
  const end = await onTerminal(line, spec, { dir, signal: scope.signal });
  if (end === 'detached') return { code: 0, detached: true };
  const said = existsSync(failure) ? readFileSync(failure, 'utf8') : '';
  return endOf({ said, code: end, signal: undefined }, spec);
}

interface Ended {
  readonly said: string;
  readonly code: number | null | undefined;
  readonly signal: string | null | undefined;
}

function endOf({ said, code, signal }: Ended, { args }: ExecSpec): ExitStatus {
  if (said !== '') throw chrootFailure(JSON.parse(said) as ChrootFailure, args[0] ?? '');
  if (typeof signal !== 'string') return { code: code ?? 0 };
  return { code: 128 + os.signals[signal as NodeJS.Signals], signal };
}

const ENVIRONMENT = { PATH: SYSTEM_PATH };

async function execDetached(
  [program = '', ...args]: readonly string[],
  spec: ExecSpec,
  job: object,
): Promise<ExitStatus> {
  const child = spawned(
    spawn(program, args, {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
      detached: true,
      env: ENVIRONMENT,
    }),
  );
  child.unref();
  const channel = child.stdio[CHANNEL] as Duplex;
  if (spec.pidFile !== undefined) writeFileSync(spec.pidFile, String(child.pid ?? 0));
  channel.write(`${JSON.stringify(job)}\n`);
  const failure = await textOf(channel);
  if (failure !== '') throw chrootFailure(JSON.parse(failure) as ChrootFailure, spec.args[0] ?? '');
  return { code: 0 };
}
