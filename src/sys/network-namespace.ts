import { closeSync, openSync } from 'node:fs';
import { libc } from './libc.js';

const CLONE_NEWNET = 0x40000000;
const OWN = '/proc/thread-self/ns/net';

/**
 * A descriptor of a new network namespace. It lives as long as a descriptor, a mount or a process holds it. A network
 * namespace is a thread's own matter, so this thread goes there and back; nothing else runs on it meanwhile.
 */
export function newNetworkNamespace(): number {
  const c = libc();
  const before = openSync(OWN, 'r');
  try {
    if (c.declare('int unshare(int)')(CLONE_NEWNET) !== 0) c.fail('unshare');
    try {
      return openSync(OWN, 'r');
    } finally {
      if (c.declare('int setns(int, int)')(before, CLONE_NEWNET) !== 0) c.fail('setns');
    }
  } finally {
    closeSync(before);
  }
}
