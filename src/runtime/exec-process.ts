import { closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecEnd, ExecSpec } from '../model/process.js';
import type { Scope } from '../model/scope.js';
import { listenForDescriptor } from '../sys/descriptor-socket.js';
import { foreignChild } from '../sys/foreign-child.js';
import { becomeSubreaper } from '../sys/process-calls.js';
import { enterCgroup } from './enter-cgroup.js';
import { sizeOf } from './follow-size.js';
import { keepTerminal } from './keep-terminal.js';
import { madeBy } from './made-by.js';
import { execProcess } from './oci-spec.js';
import type { Prepared } from './prepare.js';
import { runChild } from './process.js';
import { relayTerminal } from './relay-terminal.js';
import { throwRuntimeFailure } from './runtime-failure.js';
import { runtimeOptions } from './runtime-options.js';
import { SYSTEM_PATH } from '../sys/system-path.js';

const ENVIRONMENT = { PATH: SYSTEM_PATH };
const KILLED = 128 + 9;

export interface ExecPlace {
  /** containers/<id>. */
  readonly dir: string;
  readonly scope: Scope;
}

/** Runs one more process in a container: how it ended. Throws BuildError as Runtime does. */
export async function runExec(
  prepared: Prepared,
  spec: ExecSpec,
  { dir, scope }: ExecPlace,
): Promise<ExecEnd> {
  const file = join(prepared.dir, 'process.json');
  const log = join(prepared.dir, 'exec.log');
  const { adopted } = madeBy(dir);
  const entering = adopted === undefined ? [] : enterCgroup(adopted);
  const begin = [...entering, prepared.program, ...runtimeOptions(prepared, dir, log), 'exec'];
  const size = spec.terminal && !spec.detach ? sizeOf(process.stdout) : undefined;
  writeFileSync(file, JSON.stringify(execProcess(spec, size)), { mode: 0o600 });
  const line: CommandLine = (...flags) => [...begin, ...flags, '--process', file, spec.id];
  const run = spec.terminal ? onTerminal : onStreams;
  const end = await run(line, spec, { dir: prepared.dir, signal: scope.signal });
  if (end === 'detached') return { code: 0, detached: true };
  if (end !== 0) throwRuntimeFailure(log, spec);
  return { code: end };
}

export type CommandLine = (...flags: readonly string[]) => readonly string[];

interface RunPlace {
  /** Private, and goes with this process. */
  readonly dir: string;
  readonly signal: AbortSignal;
}

async function onStreams(line: CommandLine, spec: ExecSpec, place: RunPlace): Promise<number> {
  const detach = spec.detach ? ['--detach'] : [];
  const pidFile = spec.pidFile === undefined ? [] : ['--pid-file', spec.pidFile];
  const argv = line(...detach, ...pidFile);
  const { signal } = place;
  const exit = await runChild(argv, { stdio: stdioOf(spec), env: ENVIRONMENT, signal });
  return exit.exitCode ?? KILLED;
}

function stdioOf({ detach, onOutput, stdin }: ExecSpec) {
  if (detach) return { kind: 'none' } as const;
  if (onOutput !== undefined) return { kind: 'pipe', onOutput } as const;
  return { kind: 'inherit', stdin, terminal: false } as const;
}

/**
 * The terminal is ours: crun 1.8, which would show it, stops when the process ends, whatever is still to be read (as
 * containers/crun#1838). Only we have its master, so it hangs up whatever becomes of us.
 */
export async function onTerminal(
  line: CommandLine,
  spec: ExecSpec,
  { dir, signal }: RunPlace,
): Promise<number | 'detached'> {
  const pidFile = join(dir, 'exec.pid');
  const socketPath = join(dir, 'console');
  becomeSubreaper(); // The runtime ends once the process runs, which thereby is our child.
  using socket = listenForDescriptor(socketPath);
  // By the name alone: a path could be too long for a socket.
  const argv = line('--detach', '--pid-file', pidFile, '--console-socket', 'console');
  try {
    const exit = await runChild(argv, {
      ...{ cwd: dir, stdio: { kind: 'none' } as const, env: ENVIRONMENT, signal },
    });
    if (exit.exitCode !== 0) return exit.exitCode ?? KILLED;
    using terminal = open(socket.receive());
    if (!spec.detach)
      return await follow(Number(readFileSync(pidFile, 'utf8')), terminal.fd, spec, signal);
    await keepTerminal(terminal.fd);
    return 0;
  } finally {
    for (const path of [pidFile, socketPath]) rmSync(path, { force: true });
  }
}

/** Shows it on our terminal. */
async function follow(
  pid: number,
  master: number,
  spec: ExecSpec,
  signal: AbortSignal,
): Promise<number | 'detached'> {
  using child = foreignChild(pid);
  const { stdout, stdin } = process;
  const streams = { stdout, ...(spec.stdin ? { stdin } : {}), detachKeys: spec.detachKeys ?? [] };
  const end = await relayTerminal({ master, child }, streams, signal);
  if (end === 'detached') await keepTerminal(master);
  return end ?? KILLED;
}

function open(fd: number): Disposable & { readonly fd: number } {
  return {
    fd,
    [Symbol.dispose]: () => {
      closeSync(fd);
    },
  };
}
