import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Pids of those that have `what` on their command line. */
export function processesOf(what: string): number[] {
  return readdirSync('/proc').flatMap((pid) =>
    /^\d+$/.test(pid) && lineOf(pid).includes(what) ? [Number(pid)] : [],
  );
}

/** Of a process; '' when there is none. Arguments end with a NUL. */
export function lineOf(pid: string): string {
  try {
    return readFileSync(join('/proc', pid, 'cmdline'), 'latin1');
  } catch {
    return ''; // It ended meanwhile.
  }
}
