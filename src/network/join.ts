import { randomBytes } from 'node:crypto';
import { BuildError } from '../model/error.js';
import type { Attachment, Endpoint, EndpointConfig, Network, Subnet } from '../model/network.js';
import { assignAddress, blockOf, macOf } from './assign-address.js';
import { holds, parseIp } from './ip.js';
import type { Room } from './room.js';
import { withSubnets } from './subnets.js';

const PREFIX = 'com.docker.network.container_iface_prefix';

/** A container's place in a network: its addresses; `nth` is its interface's. Under the lock. Throws BuildError `conflict`, `usage`, `not-found`. */
export function joinNetwork(config: EndpointConfig, room: Room, nth: number): Endpoint {
  const network = withSubnets(room.files.find(config.network), room);
  const taken = addressesIn(network.id, room.attachments.list());
  const v4 = subnetFor(network, 4, config.ip);
  if (v4 === undefined) throw new Error(`${network.name} has no IPv4 subnet`); // Each is made with one.
  const ip = assignAddress(v4, taken, config.ip);
  const v6 = network.ipv6 ? subnetFor(network, 6, config.ip6) : undefined;
  const ip6 = v6 === undefined ? undefined : assignAddress(v6, taken, config.ip6);
  return {
    id: randomBytes(32).toString('hex'),
    network,
    interface: `${network.options[PREFIX] ?? 'eth'}${String(nth)}`,
    ip,
    ...(ip6 === undefined ? {} : { ip6 }),
    mac: config.mac ?? macOf(ip),
    aliases: config.aliases,
    ...(config.gwPriority === undefined ? {} : { gwPriority: config.gwPriority }),
  };
}

/** Throws BuildError `usage` in docker's words when an address asked for is in none of the network's subnets. */
export function subnetFor(
  { subnets, name }: Network,
  version: 4 | 6,
  wanted: string | undefined,
): Subnet | undefined {
  const fitting = subnets.filter(({ subnet }) => blockOf(subnet).version === version);
  if (wanted === undefined) return fitting[0];
  const ip = parseIp(wanted);
  const found = fitting.find(({ subnet }) => ip !== undefined && holds(blockOf(subnet), ip));
  if (found !== undefined) return found;
  throw new BuildError(
    'usage',
    `no configured subnet or ip-range contain the IP address ${wanted}`,
    { hint: `${name} has ${fitting.map(({ subnet }) => subnet).join(', ') || 'no such subnet'}` },
  );
}

function addressesIn(network: string, attachments: readonly Attachment[]): ReadonlySet<string> {
  return new Set(
    attachments
      .flatMap(({ endpoints }) => endpoints)
      .filter((endpoint) => endpoint.network.id === network)
      .flatMap(({ ip, ip6 }) => (ip6 === undefined ? [ip] : [ip, ip6])),
  );
}
