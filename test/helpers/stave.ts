import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A store of its own and the real command line on it; everything is removed at the end. */
export interface StaveWorld extends Disposable {
  readonly dir: string;
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  readonly run: (...args: string[]) => Outcome;
  /** Like `run`, but fails the test when the command fails. */
  readonly ok: (...args: string[]) => Outcome;
  /** What it writes to stdout, as bytes. */
  readonly bytes: (...args: string[]) => Buffer;
  readonly start: (args: string[], more?: Readonly<Record<string, string>>) => Promise<Outcome>;
}

/** No command here takes minutes: one that does not end fails its test, and only that. */
const HUNG = { timeout: 5 * 60_000, killSignal: 'SIGKILL' } as const;

const STAVE = join(process.cwd(), 'bin/stave');

/** In `within`, for who needs a filesystem of some kind. */
export function staveWorld(within = process.env['STAVE_TEST_DIR'] ?? tmpdir()): StaveWorld {
  const dir = mkdtempSync(join(within, 'stave-e2e-'));
  const root = join(dir, 'store');
  mkdirSync(join(dir, 'home'));
  const env: NodeJS.ProcessEnv = {
    PATH: process.env['PATH'],
    HOME: join(dir, 'home'),
    XDG_CACHE_HOME: join(tmpdir(), 'stave-test-cache'),
    STAVE_ROOT: root,
    TMPDIR: dir,
    // A bridge costs time and is the machine's: tests of networks ask for it.
    STAVE_NETWORK: 'host',
  };
  const run = (...args: string[]): Outcome => {
    const result = spawnSync(STAVE, args, { env, encoding: 'utf8', maxBuffer: 1 << 28, ...HUNG });
    if (result.error !== undefined)
      throw new Error(`stave ${args.join(' ')}`, { cause: result.error });
    return { status: result.status, stdout: result.stdout, stderr: result.stderr };
  };
  return {
    dir,
    root,
    env,
    run,
    ok: (...args) => {
      const outcome = run(...args);
      if (outcome.status === 0) return outcome;
      throw new Error(`stave ${args.join(' ')}: ${String(outcome.status)}\n${outcome.stderr}`);
    },
    bytes: (...args) => {
      const { status, stdout } = spawnSync(STAVE, args, { env, maxBuffer: 1 << 28, ...HUNG });
      if (status !== 0) throw new Error(`stave ${args.join(' ')}: ${String(status)}`);
      return stdout;
    },
    start: (args, more) => startStave(args, { ...env, ...more }),
    [Symbol.dispose]: () => {
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function startStave(args: string[], env: NodeJS.ProcessEnv): Promise<Outcome> {
  const child = spawn(STAVE, args, { env, stdio: ['ignore', 'pipe', 'pipe'], ...HUNG });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      resolve({ status, stdout, stderr });
    });
  });
}

/** Writes the busybox base every container test starts from: no network, no registry. */
export const BUSYBOX_DOCKERFILE =
  'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox","--install","-s","/bin"]\nCMD ["sh"]\n';
