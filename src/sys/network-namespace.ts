import { closeSync, openSync } from 'node:fs';
import { libc } from './libc.js';

const CLONE_NEWNET = 0x40000000;
const OWN = '/proc/thread-self/ns/net';
const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 0o2000002;
/** Makes a bridge of the name given (linux/sockios.h): the one kind of interface that takes no netlink message. */
const SIOCBRADDBR = 0x89a0;

/**
 * A descriptor of a new network namespace. It lives as long as a descriptor or a process holds it. A network namespace
 * is a thread's own matter, so this thread goes there and back; nothing else runs on it meanwhile. With `standIn` it
 * has an interface of that name.
 */
export function newNetworkNamespace(standIn?: string): number {
  const c = libc();
  const before = openSync(OWN, 'r');
  try {
    if (c.declare('int unshare(int)')(CLONE_NEWNET) !== 0) c.fail('unshare');
    try {
      if (standIn !== undefined) addInterface(standIn);
      return openSync(OWN, 'r');
    } finally {
      if (c.declare('int setns(int, int)')(before, CLONE_NEWNET) !== 0) c.fail('setns');
    }
  } finally {
    closeSync(before);
  }
}

function addInterface(name: string): void {
  const c = libc();
  const socket = c.declare('int socket(int, int, int)')(AF_INET, SOCK_DGRAM_CLOEXEC, 0);
  if (socket < 0) c.fail('socket');
  try {
    const word = Buffer.alloc(16);
    word.write(name);
    if (
      c.declare('int ioctl(int, unsigned long, const uint8_t *)')(socket, SIOCBRADDBR, word) !== 0
    )
      c.fail('ioctl', name);
  } finally {
    closeSync(socket);
  }
}
