import { closeSync } from 'node:fs';
import { openPortSocket } from '../sys/port-socket.js';
import { ipBytes } from './ip.js';

/** moby's test (netutils.IsV6Listenable): where the loopback has no IPv6, ports are not published on it. */
export function listensOnIpv6(): boolean {
  try {
    const address = ipBytes({ version: 6, value: 1n });
    closeSync(openPortSocket({ protocol: 'tcp', version: 6, address, port: 0 }).fd);
    return true;
  } catch {
    return false;
  }
}
