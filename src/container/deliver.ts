import { hasCode } from '../model/has-code.js';

/** True if there was somebody to deliver to; a negative pid is a process group. */
export function deliver(pid: number, signal: number): boolean {
  if (pid === 0 || pid === -1) return false;
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (hasCode(error, 'ESRCH')) return false; // It ended meanwhile.
    throw error;
  }
}
