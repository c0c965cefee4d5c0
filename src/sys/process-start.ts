import { readFileSync } from 'node:fs';
import { hasCode } from '../model/has-code.js';

/** Field 22 of /proc/pid/stat (proc_pid_stat(5)): a pid may be another's by now, this may not. Undefined when it is gone. */
export function startOf(pid: number): string | undefined {
  return statOf(pid)?.[19];
}

/** The fields of /proc/pid/stat from the third on: state, parent, ... */
export function statOf(pid: number): readonly string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH', 'ENOTDIR')) return undefined;
    throw error;
  }
}
