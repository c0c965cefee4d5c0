import { libc } from './libc.js';

const F_SETFL = 4;
const F_SETOWN = 8;
const F_SETSIG = 10;
const O_RDWR_ASYNC = 0o20002;
/** By default it does nothing: who is not ready for it, or no longer cares, comes to no harm. */
const SIGURG = 23;

/** Lets the kernel send SIGURG to a process whenever a connection or datagram arrives at a socket (fcntl(2), O_ASYNC). */
export function signalArrivals(fd: number, pid: number): void {
  const c = libc();
  const fcntl = c.declare('int fcntl(int, int, int)');
  for (const [command, value] of [
    [F_SETOWN, pid],
    [F_SETSIG, SIGURG],
    [F_SETFL, O_RDWR_ASYNC],
  ])
    if (fcntl(fd, command, value) !== 0) c.fail('fcntl');
}
