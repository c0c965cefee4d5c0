import { closeSync, constants, openSync } from 'node:fs';
import { cstring, libc } from './libc.js';

const TIOCSCTTY = 0x540e;
const [AF_UNIX, SOCK_STREAM, SOCK_CLOEXEC] = [1, 1, 0o2000000];
const [SOL_SOCKET, SCM_RIGHTS, MSG_NOSIGNAL] = [1, 1, 0x4000];
const SUN_PATH = 108;

export interface PseudoTerminal {
  /** Whoever shows it. */
  readonly master: number;
  /** The programs'. */
  readonly slave: number;
}

/** A new terminal of the machine's /dev/pts. Throws an errno error. */
export function openPseudoTerminal(): PseudoTerminal {
  const c = libc();
  const master = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY);
  try {
    if (c.declare('int unlockpt(int)')(master) !== 0) c.fail('unlockpt');
    const name = Buffer.alloc(64);
    if (c.declare('int ptsname_r(int, uint8_t *, size_t)')(master, name, name.length) !== 0)
      c.fail('ptsname_r');
    const path = name.subarray(0, name.indexOf(0)).toString();
    return { master, slave: openSync(path, constants.O_RDWR | constants.O_NOCTTY) };
  } catch (error) {
    closeSync(master);
    throw error;
  }
}

/** It becomes the controlling terminal of this process, which leads a session, and its descriptors 0, 1 and 2. */
export function takeTerminal(slave: number): void {
  const c = libc();
  if (c.declare('int ioctl(int, unsigned long, int)')(slave, TIOCSCTTY, 0) !== 0) c.fail('ioctl');
  const dup2 = c.declare('int dup2(int, int)');
  for (const fd of [0, 1, 2]) if (dup2(slave, fd) !== fd) c.fail('dup2');
}

/** Sends a descriptor to whoever listens on a socket in the filesystem (unix(7), SCM_RIGHTS). */
export function sendDescriptor(socketPath: string, fd: number): void {
  const c = libc();
  const socket = c.declare('int socket(int, int, int)')(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) c.fail('socket');
  try {
    const address = Buffer.alloc(2 + SUN_PATH);
    address.writeUInt16LE(AF_UNIX, 0);
    cstring(socketPath).copy(address, 2, 0, SUN_PATH);
    const connect = c.declare('int connect(int, const uint8_t *, uint32_t)');
    if (connect(socket, address, address.length) !== 0) c.fail('connect', socketPath);
    const parts = [Buffer.from('console\0'), Buffer.alloc(16), controlOf(fd), Buffer.alloc(56)];
    const [text, vector, control, message] = parts as [Buffer, Buffer, Buffer, Buffer];
    vector.writeBigUInt64LE(BigInt(c.address(text)), 0);
    vector.writeBigUInt64LE(BigInt(text.length), 8);
    // struct msghdr: no name, one vector, the control message.
    message.writeBigUInt64LE(BigInt(c.address(vector)), 16);
    message.writeBigUInt64LE(1n, 24);
    message.writeBigUInt64LE(BigInt(c.address(control)), 32);
    message.writeBigUInt64LE(BigInt(control.length), 40);
    const send = c.declare('long sendmsg(int, const uint8_t *, int)');
    if (send(socket, message, MSG_NOSIGNAL) < 0) c.fail('sendmsg', socketPath);
  } finally {
    closeSync(socket);
  }
}

/** struct cmsghdr and one descriptor, aligned to 8. */
function controlOf(fd: number): Buffer {
  const control = Buffer.alloc(24);
  control.writeBigUInt64LE(20n, 0);
  control.writeUInt32LE(SOL_SOCKET, 8);
  control.writeUInt32LE(SCM_RIGHTS, 12);
  control.writeInt32LE(fd, 16);
  return control;
}
