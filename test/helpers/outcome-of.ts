import type { ChildProcess } from 'node:child_process';
import type { Outcome } from './stave.js';

/** How a process ends, and what it wrote to its pipes until then. */
export function outcomeOf(child: ChildProcess): Promise<Outcome> {
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  child.stdout?.on('data', (data: Buffer) => chunks.stdout.push(data));
  child.stderr?.on('data', (data: Buffer) => chunks.stderr.push(data));
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (status) => {
      const text = (from: Buffer[]): string => Buffer.concat(from).toString();
      done({ status, stdout: text(chunks.stdout), stderr: text(chunks.stderr) });
    });
  });
}
