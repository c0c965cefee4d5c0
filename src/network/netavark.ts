import { spawn } from 'node:child_process';
import { accessSync, constants, readFileSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { BuildError } from '../model/error.js';
import { makeDeep } from '../sys/make-deep.js';
import { keepApart } from './keep-apart.js';
import { hasNames, type Job, netavarkInput } from './netavark-input.js';
import { spawned } from '../sys/spawned.js';
import { SYSTEM_PATH } from '../sys/system-path.js';

/** The program that makes bridges, interfaces, rules and names; it keeps no state of its own but the name server's. */
export interface Netavark {
  readonly run: (command: 'setup' | 'teardown', job: Job) => Promise<void>;
}

export interface NetavarkOptions {
  readonly path: string;
  /** For the name server's files; goes at a reboot, as the server does. */
  readonly runDir: string;
  /** Mounts below it are ours: the name server, which outlives us, must not keep them. */
  readonly root: string;
}

const PLACES = ['/usr/lib/podman', '/usr/libexec/podman', '/usr/local/libexec/podman'].concat([
  '/usr/local/lib/podman',
  '/usr/local/bin',
  '/usr/bin',
]);

/** Why containers cannot have networks here; undefined when they can. */
export function missingPrograms(path: string): readonly string[] {
  const missing = ['netavark', 'aardvark-dns'].filter((name) => findIn(name, PLACES) === undefined);
  const search = `${SYSTEM_PATH}:${path}`.split(delimiter);
  return findIn('iptables', search) === undefined ? [...missing, 'iptables'] : missing;
}

export function notInstalled(missing: readonly string[]): BuildError {
  return new BuildError(
    'runtime',
    `container networks need ${missing.join(' and ')}, not installed here`,
    {
      hint: `apt-get install ${missing.join(' ')}, or use --network host`,
    },
  );
}

function findIn(name: string, directories: readonly string[]): string | undefined {
  return directories.map((dir) => join(dir, name)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export function createNetavark(options: NetavarkOptions): Netavark {
  return {
    run: async (command, job) => {
      const missing = missingPrograms(options.path);
      if (missing.length > 0) throw notInstalled(missing);
      makeDeep(options.runDir, 0o700);
      forgetDeadServer(serverPid(options.runDir));
      const argv = commandLine(command, job, options);
      const input = JSON.stringify(netavarkInput(job));
      const { code, output } = await runProgram(argv, input, `${SYSTEM_PATH}:${options.path}`);
      if (command === 'setup') await keepApart(options.path);
      if (code === 0) return;
      throw new BuildError('runtime', `netavark ${command} failed: ${reasonOf(output)}`, {
        hint: 'iptables and bridges must work here: try iptables -t nat -L',
      });
    },
  };
}

function serverPid(runDir: string): string {
  return join(runDir, 'aardvark-dns/aardvark.pid');
}

/** netavark takes any process with that pid for the server (a zombie, after a crash anybody) and would signal it. */
function forgetDeadServer(file: string): void {
  try {
    const stat = readFileSync(`/proc/${readFileSync(file, 'utf8').trim()}/stat`, 'latin1');
    if (/\(aardvark-dns\) [^ZX]/.test(stat)) return;
  } catch {
    // No file, or no process.
  }
  rmSync(file, { force: true });
}

/** The server that answers for names, while there are names to answer for. */
export function isServing(runDir: string): boolean {
  forgetDeadServer(serverPid(runDir));
  try {
    accessSync(serverPid(runDir));
    return true;
  } catch {
    return false;
  }
}

function commandLine(command: string, job: Job, { runDir, root }: NetavarkOptions): string[] {
  const dns = findIn('aardvark-dns', PLACES) ?? '';
  const own = [findIn('netavark', PLACES) ?? '', '--config', runDir, '--rootless=false'].concat([
    `--aardvark-binary=${dns}`,
    command,
    job.namespace,
  ]);
  return !hasNames(job.endpoint.network) ? own : [...withoutMounts(root), ...own];
}

/** In a mount namespace of its own, without what we mounted: a server started there keeps none of it alive. */
function withoutMounts(root: string): string[] {
  const script = 'while [ "$1" != -- ]; do umount -l "$1"; shift; done; shift; exec "$@"';
  const unshare = ['unshare', '--mount', '--propagation', 'unchanged', 'sh', '-c', script, 'sh'];
  return [...unshare, ...mountsBelow(root), '--'];
}

function mountsBelow(root: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => (line.split(' ')[4] ?? '').replace(/\\(\d{3})/g, octal))
    .filter((target) => target.startsWith(`${root}/`))
    .toReversed();
}

function octal(_: string, digits: string): string {
  return String.fromCharCode(Number.parseInt(digits, 8));
}

interface Exit {
  readonly code: number | null;
  readonly output: string;
}

async function runProgram(argv: readonly string[], input: string, path: string): Promise<Exit> {
  const [program = '', ...args] = argv;
  const child = spawned(
    spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      cwd: '/',
      env: { PATH: path, RUST_LOG: 'error' },
    }),
  );
  const output = collect(child.stdout);
  const errors = collect(child.stderr);
  endWith(child.stdin, input);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  // The server it may have started has our pipes no longer; what a failed one wrote is all there.
  if (code !== 0) await Promise.all([output.closed, errors.closed]);
  child.stdout.destroy();
  child.stderr.destroy();
  return { code, output: output.text() || errors.text() };
}

function endWith(stream: Writable, input: string): void {
  stream.on('error', () => undefined); // It ended early: its exit code tells.
  stream.end(input);
}

function collect(stream: Readable): { text: () => string; closed: Promise<void> } {
  let text = '';
  stream.on('data', (data: Buffer) => (text += data.toString()));
  const closed = new Promise<void>((resolve) => stream.once('close', resolve));
  return { text: () => text, closed };
}

/** netavark answers `{"error": "..."}` on stdout. */
function reasonOf(output: string): string {
  try {
    const { error } = JSON.parse(output) as { error?: unknown };
    return typeof error === 'string' ? error : output.trim();
  } catch {
    return output.trim();
  }
}
