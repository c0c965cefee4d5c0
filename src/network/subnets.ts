import { existsSync } from 'node:fs';
import { BuildError } from '../model/error.js';
import type { Network, Subnet } from '../model/network.js';
import { blockOf } from './assign-address.js';
import { chooseSubnet } from './choose-subnet.js';
import { hostRoutes } from './host-routes.js';
import { type Block, overlaps } from './ip.js';
import type { Room } from './room.js';

/**
 * A network as it can be set up: a default network without a subnet gets one, and a subnet of our choice that somebody
 * else uses by now is changed while no container has it. Under the lock.
 */
export function withSubnets(network: Network, room: Room): Network {
  if (network.subnets.length > 0 && !isInTheWay(network, room)) return network;
  const others = network.subnets.filter(({ chosen, subnet }) => chosen !== true || isV6(subnet));
  const changed = { ...network, subnets: [freeSubnet(room, network.id), ...others] };
  const created = network.subnets.length > 0 ? {} : { created: new Date(room.now()).toISOString() };
  const written = { ...changed, ...created };
  room.files.write(written);
  return written;
}

function isV6(subnet: string): boolean {
  return subnet.includes(':');
}

/** Its bridge is not there, and its addresses lead elsewhere. */
function isInTheWay({ bridge, subnets, id }: Network, { attachments }: Room): boolean {
  if (existsSync(`/sys/class/net/${bridge}`)) return false;
  const mine = subnets.filter(({ chosen }) => chosen === true).map(({ subnet }) => blockOf(subnet));
  const routes = hostRoutes();
  if (!mine.some((block) => routes.some((route) => overlaps(route.block, block)))) return false;
  return !attachments.list().some(({ endpoints }) => endpoints.some((e) => e.network.id === id));
}

/** Throws BuildError `conflict` in docker's words. */
export function freeSubnet(room: Room, except = ''): Subnet {
  const taken = [...subnetsOf(room, except), ...hostRoutes().map(({ block }) => block)];
  const subnet = chooseSubnet(taken);
  if (subnet !== undefined) return subnet;
  throw new BuildError('conflict', 'all predefined address pools have been fully subnetted', {
    hint: 'stave network prune, or give one: --subnet 10.20.0.0/24',
  });
}

/** Of all networks but one. */
export function subnetsOf({ files }: Room, except = ''): Block[] {
  return files
    .list()
    .filter(({ id }) => id !== except)
    .flatMap(({ subnets }) => subnets.map(({ subnet }) => blockOf(subnet)));
}
