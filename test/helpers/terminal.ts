import { spawn as spawnPty } from '@lydell/node-pty';

/** A program on a terminal of its own. Nothing waits for a time: `until` waits for what is shown. */
export interface Terminal {
  /** Everything shown so far. */
  readonly text: () => string;
  readonly type: (keys: string) => void;
  readonly hangUp: () => void;
  /** At once, and it alone. */
  readonly kill: () => void;
  readonly resize: (columns: number, rows: number) => void;
  /** Resolves when what was shown since `from` (a length of `text`) matches. */
  readonly until: (pattern: RegExp, from?: number) => Promise<void>;
  readonly exit: Promise<number>;
}

/** What is not shown by then never will be. */
const HUNG_MS = 2 * 60_000;

export function openTerminal(
  program: string,
  args: string[],
  env: NodeJS.ProcessEnv,
  size = { cols: 80, rows: 24 },
): Terminal {
  const own = { ...env, TERM: 'xterm' } as Record<string, string>;
  const pty = spawnPty(program, args, { ...size, cwd: process.cwd(), env: own });
  let text = '';
  let changed: () => void = () => undefined;
  pty.onData((data) => {
    text += data;
    changed();
  });
  return {
    text: () => text,
    type: (keys) => {
      pty.write(keys);
    },
    hangUp: () => {
      pty.kill('SIGHUP');
    },
    kill: () => {
      process.kill(pty.pid, 'SIGKILL');
    },
    resize: (columns, rows) => {
      pty.resize(columns, rows);
    },
    until: (pattern, from = 0) =>
      new Promise((resolve, reject) => {
        const late = setTimeout(() => {
          reject(new Error(`${args.join(' ')} never showed ${String(pattern)}, but:\n${text}`));
        }, HUNG_MS);
        late.unref(); // The terminal keeps us here as long as it lives; after that nobody waits for more of it.
        changed = () => {
          if (!pattern.test(text.slice(from))) return;
          clearTimeout(late);
          changed = () => undefined;
          resolve();
        };
        changed();
      }),
    exit: new Promise((resolve) => {
      pty.onExit(({ exitCode }) => {
        resolve(exitCode);
      });
    }),
  };
}

/**
 * The lines a program shows on a terminal, and its exit code as `[0]`. The terminal outlives it, so that nothing is lost
 * by whoever reads it here.
 */
export async function shownBy(
  program: string,
  args: string[],
  env: NodeJS.ProcessEnv,
  size?: { readonly cols: number; readonly rows: number },
): Promise<readonly string[]> {
  const script = '"$@"; echo "[$?]"; read -r _';
  const terminal = openTerminal('sh', ['-c', script, 'sh', program, ...args], env, size);
  await terminal.until(/^\[\d+\]\r$/m);
  const shown = terminal.text().split(/\r*\n/).filter(Boolean);
  terminal.type('\n');
  await terminal.exit;
  return shown;
}
