import { libc } from './libc.js';

/** asm-generic/ioctls.h; the same on x86_64 and arm64. */
const TIOCSWINSZ = 0x5414;

/** Tells an open terminal its size; who runs in its foreground gets SIGWINCH. */
export function setTerminalSize(
  fd: number,
  { columns, rows }: { readonly columns: number; readonly rows: number },
): void {
  const size = Buffer.from(Uint16Array.from([rows, columns, 0, 0]).buffer);
  const c = libc();
  if (c.declare('int ioctl(int, unsigned long, const uint8_t *)')(fd, TIOCSWINSZ, size) !== 0)
    c.fail('ioctl');
}
