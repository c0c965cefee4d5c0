import { closeSync } from 'node:fs';
import { libc } from './libc.js';

const FAMILY = { 4: 2, 6: 10 } as const;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

export interface PortAddress {
  readonly protocol: 'tcp' | 'udp';
  readonly version: 4 | 6;
  /** 4 or 16 bytes; all 0 is any. */
  readonly address: Uint8Array;
  /** 0: one that is free. */
  readonly port: number;
}

/**
 * A socket bound to a port, so that nobody else can have it while its descriptor is open. Nothing is ever read from it.
 * Throws bind(2)'s errors: EADDRINUSE, EADDRNOTAVAIL.
 */
export function openPortSocket({ protocol, version, address, port }: PortAddress): {
  readonly fd: number;
  readonly port: number;
} {
  const c = libc();
  const kind = (protocol === 'tcp' ? 1 : 2) | SOCK_CLOEXEC;
  const fd = c.declare('int socket(int, int, int)')(FAMILY[version], kind, 0);
  if (fd < 0) c.fail('socket');
  try {
    const set = c.declare('int setsockopt(int, int, int, const uint8_t *, unsigned int)');
    const one = Buffer.of(1, 0, 0, 0);
    // Connections of an earlier listener that are still closing do not count, as for any server.
    if (protocol === 'tcp' && set(fd, SOL_SOCKET, SO_REUSEADDR, one, 4) !== 0) c.fail('setsockopt');
    if (version === 6 && set(fd, IPPROTO_IPV6, IPV6_V6ONLY, one, 4) !== 0) c.fail('setsockopt');
    const name = socketAddress(version, address, port);
    const bind = c.declare('int bind(int, const uint8_t *, unsigned int)');
    if (bind(fd, name, name.length) !== 0) c.fail('bind');
    // Only a listening socket keeps others with SO_REUSEADDR out.
    if (protocol === 'tcp' && c.declare('int listen(int, int)')(fd, 1) !== 0) c.fail('listen');
    return { fd, port: port === 0 ? portOf(fd, name.length) : port };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** struct sockaddr_in and sockaddr_in6: the port at 2, in network order. */
function socketAddress(version: 4 | 6, address: Uint8Array, port: number): Buffer {
  const name = Buffer.alloc(version === 4 ? 16 : 28);
  name.writeUInt16LE(FAMILY[version], 0);
  name.writeUInt16BE(port, 2);
  name.set(address, version === 4 ? 4 : 8);
  return name;
}

function portOf(fd: number, length: number): number {
  const c = libc();
  const name = Buffer.alloc(length);
  const size = Buffer.of(length, 0, 0, 0);
  if (c.declare('int getsockname(int, uint8_t *, uint8_t *)')(fd, name, size) !== 0)
    c.fail('getsockname');
  return name.readUInt16BE(2);
}
