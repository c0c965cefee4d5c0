import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

/** Runs a program to its end and gives what it printed; its stderr is the failure when it fails. */
export function runProgram(program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout;
}
