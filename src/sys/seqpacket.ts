import { createRequire } from 'node:module';
import { closeSync } from 'node:fs';
import type * as Koffi from 'koffi';
import { errnoError } from './errno-error.js';
import { AF_UNIX, withUnixAddress } from './unix-address.js';

/** A connected SOCK_SEQPACKET socket, which node:net does not know. */
export interface PacketSocket extends Disposable {
  /** The next packet; undefined when the other side closed. One at a time: it waits on a thread of libuv's pool. */
  readonly receive: () => Promise<Buffer | undefined>;
  /** A whole packet. False when the other side is gone. */
  readonly send: (data: Uint8Array) => Promise<boolean>;
  /** No more will be sent. */
  readonly endSending: () => void;
}

const [SOCK_SEQPACKET, SOCK_CLOEXEC] = [5, 0o2000000];
const [SHUT_WR, SHUT_RDWR, MSG_NOSIGNAL] = [1, 2, 0x4000];
/** conmon's packets are at most 8 KiB and one byte. */
const LARGEST = 65_536;

/** Connects to a socket in the filesystem. Throws an errno error (ENOENT, ECONNREFUSED). */
export function connectPackets(path: string): PacketSocket {
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  const libc = koffi.load('libc.so.6');
  const fail = (call: string): never => {
    throw errnoError(koffi.errno(), call, path);
  };
  const socket = libc.func('int socket(int, int, int)') as (...args: number[]) => number;
  const connect = libc.func('int connect(int, const uint8_t *, uint32_t)');
  const recv = libc.func('long recv(int, uint8_t *, size_t, int)');
  const send = libc.func('long send(int, const uint8_t *, size_t, int)');
  const shutdown = libc.func('int shutdown(int, int)') as (fd: number, how: number) => number;
  const fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd < 0) fail('socket');
  withUnixAddress(path, (address) => {
    if ((connect as (...args: unknown[]) => number)(fd, address, address.length) >= 0) return;
    const error = errnoError(koffi.errno(), 'connect', path);
    closeSync(fd);
    throw error;
  });
  let open = true;
  let waiting = 0;
  // A call that still waits for its thread would else meet a closed descriptor, or another's of the same number, for ever.
  const closeWhenIdle = (): void => {
    if (!open && waiting === 0) closeSync(fd);
  };
  const later = (call: typeof recv, ...args: unknown[]): Promise<number> =>
    new Promise((resolve, reject) => {
      waiting++;
      call.async(...args, (error: Error | null, result: number) => {
        waiting--;
        closeWhenIdle();
        if (error === null) resolve(result);
        else reject(error);
      });
    });
  return {
    receive: async () => {
      if (!open) return undefined;
      const buffer = Buffer.allocUnsafe(LARGEST);
      const length = await later(recv, fd, buffer, buffer.length, 0);
      return length > 0 ? buffer.subarray(0, length) : undefined;
    },
    send: async (data) =>
      open && (await later(send, fd, Buffer.from(data), data.length, MSG_NOSIGNAL)) >= 0,
    endSending: () => {
      if (open) shutdown(fd, SHUT_WR);
    },
    [Symbol.dispose]: () => {
      if (!open) return;
      open = false;
      shutdown(fd, SHUT_RDWR); // Wakes a receive that waits.
      closeWhenIdle();
    },
  };
}
