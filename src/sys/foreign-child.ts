import { closeSync } from 'node:fs';
import { libc } from './libc.js';

/** A child that Node did not start, and so does not wait for. */
export interface ForeignChild extends Disposable {
  /** Readable (poll(2)) once it ended. */
  readonly fd: number;
  /** Takes away what is left of it: its exit code, or 128 and the signal; undefined while it lives. */
  readonly exitCode: () => number | undefined;
}

const WNOHANG = 1;

/** It must not have been waited for: its pid could be another's. */
export function foreignChild(pid: number): ForeignChild {
  const c = libc();
  const fd = c.syscall('pidfd_open', pid, 0); // Closed in whatever we start.
  if (fd < 0) c.fail('pidfd_open', String(pid));
  return {
    fd,
    exitCode: () => {
      const status = Buffer.alloc(4);
      const waited = c.declare('int waitpid(int, uint8_t *, int)')(pid, status, WNOHANG);
      if (waited < 0) c.fail('waitpid', String(pid));
      return waited === 0 ? undefined : codeOf(status.readInt32LE(0));
    },
    [Symbol.dispose]: () => {
      closeSync(fd);
    },
  };
}

/** WIFSIGNALED, WTERMSIG, WEXITSTATUS. */
function codeOf(status: number): number {
  const signal = status & 0x7f;
  return signal === 0 ? (status >> 8) & 0xff : 128 + signal;
}
