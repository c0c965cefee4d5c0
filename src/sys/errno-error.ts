import { getSystemErrorName } from 'node:util';

/** An error like those of node:fs: `code` ('ENOSPC'), `errno` (negative), `syscall`, `path`. */
export interface ErrnoError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly path?: string;
}

/** `errno` as the kernel gives it, positive. */
export function errnoError(errno: number, syscall: string, path?: string | Buffer): ErrnoError {
  const code = nameOf(errno);
  const where = path === undefined ? '' : ` '${path.toString()}'`;
  return Object.assign(new Error(`${code}: ${syscall}${where}`), {
    code,
    errno: -errno,
    syscall,
    ...(path === undefined ? {} : { path: path.toString() }),
  });
}

function nameOf(errno: number): string {
  try {
    return getSystemErrorName(-errno);
  } catch {
    return `errno ${String(errno)}`;
  }
}
