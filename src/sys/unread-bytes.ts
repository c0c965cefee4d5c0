import { libc } from './libc.js';

/** asm-generic/ioctls.h; the same on x86_64 and arm64. */
const FIONREAD = 0x541b;

/** How much of a pipe was written and not read yet. */
export function unreadBytes(fd: number): number {
  const c = libc();
  const count = Buffer.alloc(4);
  if (c.declare('int ioctl(int, unsigned long, uint8_t *)')(fd, FIONREAD, count) !== 0)
    c.fail('ioctl');
  return count.readInt32LE(0);
}
