import { constants } from 'node:fs';
import { libc } from './libc.js';

const F_SETFL = 4;

/** Whether reading and writing wait (fcntl(2)), of whoever has this descriptor or a copy of it. */
export function setBlocking(fd: number, blocking: boolean): void {
  const c = libc();
  const set = c.declare('int fcntl(int, int, int)');
  if (set(fd, F_SETFL, blocking ? 0 : constants.O_NONBLOCK) !== 0) c.fail('fcntl');
}
