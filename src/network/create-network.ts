import { randomBytes } from 'node:crypto';
import { BuildError } from '../model/error.js';
import type { Network, Subnet } from '../model/network.js';
import { blockOf } from './assign-address.js';
import { checkNetworkOptions } from './check-network-options.js';
import { chooseIpv6Subnet, firstAddress } from './choose-subnet.js';
import { type Block, formatBlock, holds, overlaps, parseBlock, parseIp } from './ip.js';
import { bridgeName, isPredefined } from './network-files.js';
import type { Room } from './room.js';
import { freeSubnet, subnetsOf } from './subnets.js';

/** What `network create` asks for, as written. */
export interface NetworkOptions {
  readonly name: string;
  readonly subnets: readonly string[];
  readonly gateways: readonly string[];
  readonly ranges: readonly string[];
  /** `NAME=ADDRESS`. */
  readonly aux: readonly (readonly [name: string, address: string])[];
  readonly internal: boolean;
  readonly ipv6: boolean;
  readonly attachable: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly ipamOptions: Readonly<Record<string, string>>;
}

/** Under the lock. Throws BuildError `usage`, `conflict` in docker's words. */
export function createNetwork(options: NetworkOptions, room: Room): Network {
  const { name, internal, attachable, labels } = options;
  checkName(name, room);
  checkNetworkOptions(options.options);
  const id = randomBytes(32).toString('hex');
  const subnets = subnetsFor(options, room);
  const network: Network = {
    id,
    name,
    driver: 'bridge',
    created: new Date(room.now()).toISOString(),
    internal,
    ipv6: options.ipv6,
    attachable,
    labels,
    options: options.options,
    ipamOptions: options.ipamOptions,
    subnets,
    bridge: options.options['com.docker.network.bridge.name'] ?? bridgeName(id),
  };
  room.files.write(network);
  return network;
}

function checkName(name: string, { files }: Room): void {
  if (isPredefined(name))
    throw new BuildError('usage', `operation is not permitted on predefined ${name} network`);
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name) || name.length > 255) {
    throw new BuildError(
      'usage',
      `invalid network name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    );
  }
  if (files.list().some((other) => other.name === name)) {
    throw new BuildError('conflict', `network with name ${name} already exists`, {
      hint: `stave network inspect ${name}`,
    });
  }
}

/** docker/cli's createIPAMConfig and moby's validateIpamConfig: ranges and gateways find their subnets. */
function subnetsFor(options: NetworkOptions, room: Room): readonly Subnet[] {
  const blocks = options.subnets.map(parseSubnet);
  checkOverlaps(blocks, room);
  if (options.ranges.length > blocks.length || options.gateways.length > blocks.length)
    throw usage('every ip-range or gateway must have a corresponding subnet');
  const ranges = options.ranges.map((text) => rangeIn(text, blocks));
  const gateways = options.gateways.map((text) => addressIn(text, blocks, 'gateway'));
  const aux = options.aux.map(
    ([name, text]) => [name, addressIn(text, blocks, 'aux-address')] as const,
  );
  const given = blocks.map((block): Subnet => {
    const range = only(ranges.filter(([owner]) => owner === block));
    const gateway = only(gateways.filter(([owner]) => owner === block));
    const others = aux.filter(([, [owner]]) => owner === block);
    return {
      subnet: formatBlock(block),
      gateway: gateway ?? firstAddress(block),
      ...(range === undefined ? {} : { range }),
      ...(others.length === 0
        ? {}
        : { aux: Object.fromEntries(others.map(([name, [, address]]) => [name, address])) }),
    };
  });
  return withBothKinds(given, options, room);
}

function withBothKinds(given: readonly Subnet[], { ipv6 }: NetworkOptions, room: Room): Subnet[] {
  const has = (version: 4 | 6): boolean =>
    given.some(({ subnet }) => blockOf(subnet).version === version);
  if (has(6) && !ipv6) throw usage('an IPv6 subnet was given, but IPv6 is not enabled: add --ipv6');
  return [
    ...given.filter(({ subnet }) => blockOf(subnet).version === 4),
    ...(has(4) ? [] : [freeSubnet(room)]),
    ...given.filter(({ subnet }) => blockOf(subnet).version === 6),
    ...(ipv6 && !has(6) ? [chooseIpv6Subnet()] : []),
  ];
}

function only(found: readonly (readonly [Block, string])[]): string | undefined {
  const [first, second] = found;
  if (first !== undefined && second !== undefined) {
    throw usage(
      `cannot configure multiple addresses (${first[1]}, ${second[1]}) on the same subnet (${formatBlock(first[0])})`,
    );
  }
  return first?.[1];
}

function parseSubnet(text: string): Block {
  const block = parseBlock(text);
  if (block === undefined) throw usage(`invalid subnet: invalid CIDR address: ${text}`);
  if (formatBlock(block).split('/')[0] !== formatBlock(hostBlock(text)).split('/')[0]) {
    throw usage(
      `invalid network config: invalid subnet ${text}: it should be ${formatBlock(block)}`,
    );
  }
  return block;
}

/** The address as written, without its prefix cutting anything off. */
function hostBlock(text: string): Block {
  const ip = parseIp(text.replace(/\/.*$/, ''));
  if (ip === undefined) throw usage(`invalid subnet: invalid CIDR address: ${text}`);
  return { version: ip.version, base: ip.value, prefix: ip.version === 4 ? 32 : 128 };
}

function checkOverlaps(blocks: readonly Block[], room: Room): void {
  const others = subnetsOf(room);
  blocks.forEach((block, i) => {
    if (blocks.slice(0, i).some((other) => overlaps(block, other)))
      throw usage('multiple overlapping subnet configuration is not supported');
    if (others.some((other) => overlaps(block, other))) {
      throw new BuildError(
        'conflict',
        'invalid pool request: Pool overlaps with other one on this address space',
        { hint: `${formatBlock(block)} meets a subnet of another network: stave network ls` },
      );
    }
  });
}

function rangeIn(text: string, blocks: readonly Block[]): readonly [Block, string] {
  const range = parseBlock(text);
  if (range === undefined) throw usage(`invalid ip-range: invalid CIDR address: ${text}`);
  const owner = blocks.find((block) => overlaps(block, range));
  if (owner === undefined) throw usage(`no matching subnet for range ${text}`);
  if (range.prefix < owner.prefix) {
    throw usage(
      `invalid network config: invalid ip-range ${text}: CIDR block is bigger than its parent subnet ${formatBlock(owner)}`,
    );
  }
  return [owner, formatBlock(range)];
}

function addressIn(text: string, blocks: readonly Block[], what: string): readonly [Block, string] {
  const ip = parseIp(text);
  if (ip === undefined)
    throw usage(`invalid ${what}: IP address is not correctly formatted: ${text}`);
  const owner = blocks.find((block) => holds(block, ip));
  if (owner === undefined) throw usage(`no matching subnet for ${what} ${text}`);
  return [owner, text];
}

function usage(message: string): BuildError {
  return new BuildError('usage', message, {
    hint: 'for example --subnet 10.20.0.0/24 --gateway 10.20.0.1',
  });
}
