import { closeSync } from 'node:fs';
import { libc } from './libc.js';
import { AF_UNIX, withUnixAddress } from './unix-address.js';

/** A listening socket in the filesystem, by which another program gives one descriptor of its own (SCM_RIGHTS). */
export interface DescriptorSocket extends Disposable {
  /** What was sent already, for nothing is waited for. Throws an errno error (EAGAIN) when nothing was. */
  readonly receive: () => number;
}

const [SOCK_STREAM, SOCK_NONBLOCK, SOCK_CLOEXEC] = [1, 0o4000, 0o2000000];
const KIND = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
const MSG_CMSG_CLOEXEC = 0x40000000;
const [SOL_SOCKET, SCM_RIGHTS] = [1, 1];

export function listenForDescriptor(path: string): DescriptorSocket {
  const c = libc();
  const fd = c.declare('int socket(int, int, int)')(AF_UNIX, KIND, 0);
  if (fd < 0) c.fail('socket');
  const bind = c.declare('int bind(int, const uint8_t *, unsigned int)');
  try {
    withUnixAddress(path, (address) => {
      if (bind(fd, address, address.length) !== 0) c.fail('bind', path);
    });
    if (c.declare('int listen(int, int)')(fd, 1) !== 0) c.fail('listen', path);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return {
    receive: () => {
      const accept = c.declare('int accept4(int, void *, void *, int)');
      const from = accept(fd, null, null, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (from < 0) c.fail('accept4', path);
      try {
        return receiveDescriptor(from);
      } finally {
        closeSync(from);
      }
    },
    [Symbol.dispose]: () => {
      closeSync(fd);
    },
  };
}

/** struct cmsghdr (size_t length, int level, int type) and an int, padded to a size_t. */
const CONTROL = 24;

function receiveDescriptor(socket: number): number {
  const c = libc();
  // With the descriptor comes its name, or at least a byte.
  const [data, control] = [Buffer.alloc(4096), Buffer.alloc(CONTROL)];
  const iov = words(c.address(data), data.length);
  const message = words(0, 0, c.address(iov), 1, c.address(control), control.length, 0);
  const received = c.declare('long recvmsg(int, uint8_t *, int)');
  if (received(socket, message, MSG_CMSG_CLOEXEC) < 0) c.fail('recvmsg');
  if (control.readInt32LE(8) !== SOL_SOCKET || control.readInt32LE(12) !== SCM_RIGHTS)
    throw new Error('no descriptor came by the socket');
  return control.readInt32LE(16);
}

/** The fields of a structure of pointers and sizes. */
function words(...values: readonly number[]): Buffer {
  return Buffer.from(BigUint64Array.from(values.map(BigInt)).buffer);
}
