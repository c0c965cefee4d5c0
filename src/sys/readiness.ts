import { closeSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';
import { createPipe } from './pipe.js';

/** poll(2), for descriptors that Node has no stream for. */
export interface Readiness extends Disposable {
  /** Waits on a thread of libuv's pool until one of them is; false when disposed of. */
  readonly readable: (...fds: readonly number[]) => Promise<boolean>;
  readonly writable: (fd: number) => Promise<boolean>;
}

const [POLLIN, POLLOUT] = [1, 4];
/** struct pollfd: int fd, short events, short revents. */
const POLLFD = 8;

/** What waits would keep the process from exiting, also when a signal ends it: dispose of it at `exit`, too. */
export function readiness(): Readiness {
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  const poll = koffi.load('libc.so.6').func('int poll(uint8_t *, unsigned long, int)');
  const wake = createPipe();
  let [open, waiting] = [true, 0];
  const closeWhenIdle = (): void => {
    if (open || waiting > 0) return;
    closeSync(wake.readEnd);
    closeSync(wake.writeEnd);
  };
  const wait = (fds: readonly number[], events: number): Promise<boolean> => {
    if (!open) return Promise.resolve(false);
    waiting++;
    const polled = pollfds(wake.readEnd, fds, events);
    return new Promise((resolve, reject) => {
      poll.async(polled, fds.length + 1, -1, (error: Error | null) => {
        waiting--;
        closeWhenIdle();
        if (error === null) resolve(open);
        else reject(error);
      });
    });
  };
  return {
    readable: (...fds) => wait(fds, POLLIN),
    writable: (fd) => wait([fd], POLLOUT),
    [Symbol.dispose]: () => {
      if (!open) return;
      open = false;
      writeSync(wake.writeEnd, 'x'); // Nobody reads it: it wakes all that wait.
      closeWhenIdle();
    },
  };
}

function pollfds(wakeFd: number, fds: readonly number[], events: number): Buffer {
  const polled = Buffer.alloc((fds.length + 1) * POLLFD);
  [wakeFd, ...fds].forEach((fd, i) => {
    polled.writeInt32LE(fd, i * POLLFD);
    polled.writeInt16LE(i === 0 ? POLLIN : events, i * POLLFD + 4);
  });
  return polled;
}
