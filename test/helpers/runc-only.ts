import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from './run-program.js';

/** A PATH below `dir` with all that stave needs and runc, but no crun. */
export function runcOnly(dir: string): string {
  const bin = join(dir, 'runc-only');
  mkdirSync(bin);
  for (const name of ['runc', 'conmon', 'node', 'unshare', 'setpriv', 'readlink', 'sh'])
    symlinkSync(runProgram('sh', '-c', `command -v ${name}`).trim(), join(bin, name));
  return bin;
}
