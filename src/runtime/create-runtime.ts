import {
  accessSync,
  constants,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { BuildError } from '../model/error.js';
import type { ExitStatus, ProcessSpec, Runtime } from '../model/process.js';
import type { Scope } from '../model/scope.js';
import { sys } from '../sys/sys.js';
import { programNotExecutable, programNotFound } from './exec-error.js';
import { loadSeccomp } from './load-seccomp.js';
import { needsCgroup } from './oci-cgroup.js';
import { ociJson, type Seccomp } from './oci-spec.js';
import { runChild } from './process.js';

export interface RuntimeOptions {
  /** A private directory that goes with the process. */
  readonly temporary: () => Promise<string>;
  /** For what is made once a machine (the compiled seccomp filter). */
  readonly cacheDir: string;
  readonly path: string;
  /** True if this process has a mount namespace of its own (bin/stave made it). */
  readonly privateMounts: boolean;
  readonly uid: number;
}

interface Prepared {
  readonly kind: 'crun' | 'runc';
  readonly program: string;
  readonly seccomp: Seccomp;
  /** On a tmpfs of our own: bundles and the runtime's state. */
  readonly dir: string;
}

/** The first rung: root, overlay, an OCI runtime. Nothing is looked for before the first run. */
export function createRuntime(options: RuntimeOptions): Runtime {
  let prepared: Promise<Prepared> | undefined;
  return {
    run: async (process, scope) => {
      prepared ??= prepare(options);
      return run(process, await prepared, scope);
    },
    [Symbol.asyncDispose]: async () => {
      const made = await prepared?.catch(() => undefined);
      prepared = undefined;
      if (made !== undefined) sys().umount(made.dir);
    },
  };
}

async function prepare(options: RuntimeOptions): Promise<Prepared> {
  if (options.uid !== 0)
    throw cannot('RUN as an ordinary user is not supported yet', 'run stave as root');
  if (!options.privateMounts) {
    throw cannot(
      'RUN needs a mount namespace of its own, and this process has none',
      'start it by bin/stave; unshare(2) must be permitted (CAP_SYS_ADMIN)',
    );
  }
  const [kind, program] = findRuntime(options.path);
  if (kind === 'crun') hideHybridCgroups();
  const dir = join(await options.temporary(), 'runtime');
  mkdirSync(dir, { mode: 0o700 });
  sys().mountTmpfs(dir, 'mode=0700,size=16m');
  return { kind, program, seccomp: loadSeccomp(kind, options.cacheDir, dir), dir };
}

function findRuntime(path: string): ['crun' | 'runc', string] {
  for (const kind of ['crun', 'runc'] as const) {
    const found = path
      .split(delimiter)
      .map((dir) => join(dir, kind))
      .find(isExecutable);
    if (found !== undefined) return [kind, found];
  }
  throw cannot('neither crun nor runc is installed', 'apt-get install crun');
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const CGROUP2_MAGIC = 0x63677270;

/** crun refuses a host with both cgroup versions; in our own mount namespace the second can be hidden. */
function hideHybridCgroups(): void {
  const unified = '/sys/fs/cgroup/unified';
  if (lstatSync(unified, { throwIfNoEntry: false }) === undefined) return;
  if (statfsSync(unified).type === CGROUP2_MAGIC) sys().umount(unified);
}

async function run(spec: ProcessSpec, prepared: Prepared, scope: Scope): Promise<ExitStatus> {
  scope.signal.throwIfAborted();
  checkRoot(spec.root);
  const bundle = join(prepared.dir, spec.id);
  mkdirSync(bundle);
  writeFileSync(join(bundle, 'config.json'), ociJson(spec, prepared.seccomp));
  const log = join(bundle, 'log');
  try {
    const exit = await runChild([...SUPERVISOR, ...commandLine(spec, prepared, bundle, log)], {
      stdio: spec.stdio,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      signal: scope.signal,
      ...(spec.onStart === undefined ? {} : { onStart: spec.onStart }),
    });
    scope.signal.throwIfAborted();
    if (exit.signal !== undefined) return { code: 128 + 9, signal: exit.signal };
    const code = exit.exitCode ?? 0;
    if (code !== 0) throwRuntimeFailure(log, spec);
    return { code };
  } finally {
    rmSync(bundle, { recursive: true, force: true });
  }
}

/**
 * Nothing survives our SIGKILL: the kernel kills unshare when we die, that kills its child, the first process of a PID
 * namespace, and with it everything in the namespace, daemons that left their session included.
 */
const SUPERVISOR = ['setpriv', '--pdeathsig', 'KILL', '--', 'unshare', '--pid', '--fork'].concat([
  '--kill-child=KILL',
  '--mount-proc',
]);

function commandLine(
  spec: ProcessSpec,
  { kind, program, dir }: Prepared,
  bundle: string,
  log: string,
): string[] {
  // A cgroup costs crun a third of its start; who asks for none gets none.
  const manager = needsCgroup(spec) ? 'cgroupfs' : 'disabled';
  const cgroups = kind === 'crun' ? [`--cgroup-manager=${manager}`] : [];
  const global = ['--root', join(dir, 'state'), '--log', log, '--log-format', 'json', ...cgroups];
  return [program, ...global, 'run', '--bundle', bundle, spec.id];
}

/** Mount points of the runtime must be directories: a symlink there lets an image write outside (CVE-2026-41579). */
function checkRoot(root: string): void {
  for (const name of ['dev', 'proc', 'sys']) {
    const stat = lstatSync(join(root, name), { throwIfNoEntry: false });
    if (stat === undefined || stat.isDirectory()) continue;
    throw cannot(
      `/${name} of the image is not a directory`,
      'the image is broken or hostile: it cannot be run',
    );
  }
}

/** A process that ends with an error leaves no line here; a runtime that could not start it does. */
function throwRuntimeFailure(log: string, spec: ProcessSpec): void {
  const lines =
    lstatSync(log, { throwIfNoEntry: false }) === undefined
      ? []
      : readFileSync(log, 'utf8').split('\n');
  const errors = lines.filter((line) => line.includes('"error"')).map(messageOf);
  const [message] = errors;
  if (message === undefined) return;
  const program = spec.args[0] ?? '';
  if (/not found|no such file/i.test(message)) throw programNotFound(program);
  // crun opens what it will execute: a directory is refused with EPERM there.
  if (/open executable: operation not permitted|is a directory/i.test(message))
    throw programNotExecutable(program, 'is a directory');
  if (/permission denied/i.test(message)) throw programNotExecutable(program, 'permission denied');
  if (/exec format/i.test(message)) throw programNotExecutable(program, 'exec format error');
  throw new BuildError('runtime', `the container could not be started: ${message}`);
}

function messageOf(line: string): string {
  try {
    return (JSON.parse(line) as { msg?: string }).msg ?? line;
  } catch {
    return line;
  }
}

function cannot(message: string, hint: string): BuildError {
  return new BuildError('runtime', message, { hint });
}
