import type { Stdio } from '../model/process.js';

export interface ChildExit {
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
}

export interface ChildOptions {
  readonly stdio: Stdio;
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** Runs a program to its end; aborting kills it at once. Rejects when it cannot be started. */
export async function runChild(argv: readonly string[], options: ChildOptions): Promise<ChildExit> {
  const { execa } = await import('execa');
  const [file = '', ...args] = argv;
  const { stdio } = options;
  if (stdio.kind === 'monitor') throw new Error('a monitor has its own streams');
  const piped = stdio.kind === 'pipe';
  const child = execa(file, args, {
    stdin: !piped && stdio.stdin ? 'inherit' : 'ignore',
    stdout: piped ? 'pipe' : 'inherit',
    stderr: piped ? 'pipe' : 'inherit',
    buffer: false,
    reject: false,
    extendEnv: false,
    env: { ...options.env },
  });
  const kill = (): void => void child.kill('SIGKILL');
  options.signal.addEventListener('abort', kill, { once: true });
  if (stdio.kind === 'pipe') {
    child.stdout?.on('data', (data: Uint8Array) => {
      stdio.onOutput('stdout', data);
    });
    child.stderr?.on('data', (data: Uint8Array) => {
      stdio.onOutput('stderr', data);
    });
  }
  try {
    const { exitCode, signal, code, originalMessage } = await child;
    if (exitCode === undefined && signal === undefined) {
      throw new Error(`${file}: ${originalMessage ?? code ?? 'could not be started'}`);
    }
    return { exitCode, signal };
  } finally {
    options.signal.removeEventListener('abort', kill);
  }
}
