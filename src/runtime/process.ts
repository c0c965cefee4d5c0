import type { Duplex } from 'node:stream';
import type { Options, ResultPromise } from 'execa';
import type { OnOutput, Stdio } from '../model/process.js';
import { spawnedBy } from '../sys/spawned.js';
import { outputPipes } from './output-pipes.js';

export interface ChildExit {
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
}

export interface StartOptions {
  readonly stdio: 'pipe' | 'none' | { readonly stdin: boolean };
  readonly env: Readonly<Record<string, string>>;
  /** Descriptors it gets beside 0, 1 and 2: one of ours, or a pipe to it. */
  readonly more?: readonly (number | 'pipe')[];
  readonly cwd?: string;
}

export interface StartedChild {
  /** Our end of its descriptor `fd`, asked for as a pipe: a socket, for both ways. */
  readonly channel: (fd: number) => Duplex;
  /** Undefined when it could not be started: following it tells why. */
  readonly pid: number | undefined;
  readonly running: () => boolean;
  /** Its output goes to `onOutput` from now on, nothing of it is lost; aborting kills it at once. */
  readonly follow: (onOutput: OnOutput, signal: AbortSignal) => Promise<ChildExit>;
  readonly kill: () => void;
}

export interface ChildOptions {
  /** `none`: of what lives on when the program has ended, and would hold our end of a pipe. */
  readonly stdio: Stdio | { readonly kind: 'none' };
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly cwd?: string;
}

/** Runs a program to its end; aborting kills it at once. Rejects when it cannot be started. */
export async function runChild(argv: readonly string[], options: ChildOptions): Promise<ChildExit> {
  const { stdio, env, signal, cwd } = options;
  if (stdio.kind === 'monitor') throw new Error('a monitor has its own streams');
  const plain = stdio.kind === 'inherit' ? stdio : stdio.kind;
  const where = cwd === undefined ? {} : { cwd };
  const child = await startChild(argv, { stdio: plain, env, ...where });
  return child.follow(stdio.kind === 'pipe' ? stdio.onOutput : () => undefined, signal);
}

export async function startChild(
  argv: readonly string[],
  { stdio, env, more = [], cwd }: StartOptions,
): Promise<StartedChild> {
  const { execa } = await import('execa');
  const [file = '', ...args] = argv;
  const pipes = stdio === 'pipe' ? outputPipes() : undefined;
  const ours = stdio === 'none' ? 'ignore' : 'inherit';
  const [out, err] = [pipes?.stdout ?? ours, pipes?.stderr ?? ours];
  const input = typeof stdio === 'object' && stdio.stdin ? 'inherit' : 'ignore';
  const options: Options = {
    // Any descriptor of ours, of which execa's types know the lowest.
    stdio: [input, out as 3, err as 3, ...(more as readonly (3 | 'pipe')[])],
    buffer: false,
    reject: false,
    extendEnv: false,
    env: { ...env },
    ...(cwd === undefined ? {} : { cwd }),
  };
  let child: ResultPromise;
  try {
    child = spawnedBy(() => execa(file, args, options));
  } catch (error) {
    pipes?.close();
    throw error;
  } finally {
    pipes?.started();
  }
  const stop = (): void => void child.kill('SIGKILL');
  const end = async (): Promise<ChildExit> => {
    const { exitCode, signal, code, originalMessage } = await child;
    if (exitCode === undefined && signal === undefined)
      throw new Error(`${file}: ${originalMessage ?? code ?? 'could not be started'}`);
    return { exitCode, signal };
  };
  return {
    kill: () => {
      stop();
      pipes?.close();
    },
    pid: child.pid,
    running: () => child.pid !== undefined && child.exitCode === null && child.signalCode === null,
    channel: (fd) => child.stdio[fd] as unknown as Duplex, // Asked for as a pipe.
    follow: async (onOutput, signal) => {
      signal.addEventListener('abort', stop, { once: true });
      try {
        const [exit] = await Promise.all([end(), pipes?.follow(onOutput)]);
        return exit;
      } finally {
        signal.removeEventListener('abort', stop);
      }
    },
  };
}
