import { createInterface } from 'node:readline';
import { CancelledError } from '../model/error.js';
import { say } from './command.js';

/** docker's question: only `y` is yes; no input is no. A signal that cancels the command ends it here too. */
export async function confirm(
  question: string,
  stdout: NodeJS.WriteStream,
  signal: AbortSignal,
): Promise<boolean> {
  say(stdout, `${question} [y/N] `);
  const lines = createInterface({ input: process.stdin, terminal: false });
  try {
    return /^y$/i.test((await firstLine(lines, signal)).trim());
  } finally {
    lines.close();
    // A file has no handle that could keep the process alive.
    if ('unref' in process.stdin) process.stdin.unref();
  }
}

function firstLine(
  lines: ReturnType<typeof createInterface>,
  signal: AbortSignal,
): Promise<string> {
  return new Promise((resolve, reject) => {
    lines.once('line', resolve);
    lines.once('close', () => {
      resolve('');
    });
    signal.addEventListener('abort', () => {
      reject(signal.reason instanceof Error ? signal.reason : new CancelledError('stopped'));
    });
  });
}
