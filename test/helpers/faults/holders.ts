import { type ChildProcess, spawn } from 'node:child_process';
import type { StaveWorld } from '../stave.js';

/** A command that goes on, and what it has said so far. */
export interface Running {
  readonly child: ChildProcess;
  /** Resolves when its output matches; rejects when it ends before. */
  readonly says: (what: RegExp) => Promise<void>;
  readonly text: () => string;
  readonly ended: Promise<number | null>;
  /** To it and its process group. */
  readonly signal: (signal: NodeJS.Signals) => void;
}

export function startRunning(world: StaveWorld, args: readonly string[]): Running {
  const child = spawn('bin/stave', args, {
    env: world.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  const heard: (() => void)[] = [];
  const hear = (data: Buffer): void => {
    text += data.toString();
    for (const each of heard) each();
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return {
    child,
    text: () => text,
    ended,
    says: (what) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (what.test(text)) resolve();
        };
        heard.push(look);
        look();
        void ended.then((status) => {
          if (!what.test(text)) reject(new Error(`it ended with ${String(status)}: ${text}`));
        });
      }),
    signal: (signal) => {
      process.kill(-(child.pid ?? 0), signal);
    },
  };
}
