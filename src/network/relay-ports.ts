import { closeSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import type { Attachment, Endpoint } from '../model/network.js';
import { createPipe } from '../sys/pipe.js';
import { wayOf } from './port-way.js';
import type { TakenPort } from './publish-ports.js';
import { type Relay, type Relayed, startRelay } from './relay.js';

export interface RelayedPorts {
  /** Sockets that only keep others off their ports. */
  readonly held: readonly number[];
  /** Of the other ports. Its input: it ends when nobody holds that any more. */
  readonly relay?: Relay & { readonly input: number };
}

/** Starts a relay for the ports that need one. `namespace`: a descriptor of the one from where it reaches the container, if not from here. */
export function relayPorts(
  taken: readonly TakenPort[],
  endpoint: Endpoint | undefined,
  namespace?: number,
): RelayedPorts {
  const ports = taken.map(({ port }) => port);
  const place = { ip6: endpoint?.ip6 !== undefined, ports };
  const held: number[] = [];
  const relayed: Relayed[] = [];
  for (const { port, fd } of taken) {
    if (fd === undefined) continue;
    if (wayOf(port, place).relay) relayed.push(relayedTo({ port, fd }, endpoint));
    else held.push(fd);
  }
  return relayed.length === 0 ? { held } : { held, relay: begin(relayed, namespace) };
}

function relayedTo({ port, fd }: Required<TakenPort>, endpoint: Endpoint | undefined): Relayed {
  const { hostIp, protocol } = port;
  const { ip = '', ip6 = ip } = endpoint ?? {};
  return {
    fd,
    protocol: protocol === 'udp' ? 'udp' : 'tcp',
    host: hostIp,
    address: isIPv6(hostIp) ? ip6 : ip,
    port: port.port,
  };
}

function begin(relayed: readonly Relayed[], namespace: number | undefined) {
  const { readEnd, writeEnd } = createPipe();
  try {
    const place = { input: readEnd, ...(namespace === undefined ? {} : { namespace }) };
    return { ...startRelay(relayed, place), input: writeEnd };
  } catch (error) {
    [writeEnd, ...relayed.map(({ fd }) => fd)].forEach(closeSync);
    throw error;
  } finally {
    closeSync(readEnd);
  }
}

/** As it is kept. */
export function withRelay(attachment: Attachment, relay: Relay | undefined): Attachment {
  return relay === undefined ? attachment : { ...attachment, relay: relay.process };
}
