import { randomBytes } from 'node:crypto';
import type { Subnet } from '../model/network.js';
import { type Block, blockSize, formatBlock, formatIp, overlaps } from './ip.js';

/** moby's default address pools (libnetwork, ipamutils): 172.17 to 172.31, then 192.168 in pieces of 4,096. */
function* pools(): Generator<Block> {
  for (let i = 17; i < 32; i++)
    yield { version: 4, base: (172n << 24n) | (BigInt(i) << 16n), prefix: 16 };
  for (let i = 0; i < 16; i++)
    yield { version: 4, base: (0xc0a8n << 16n) | BigInt(i << 12), prefix: 20 };
}

/** The first of the pools' subnets that meets none of `taken`; undefined when there is none. */
export function chooseSubnet(taken: readonly Block[]): Subnet | undefined {
  for (const block of pools())
    if (!taken.some((other) => overlaps(block, other))) return withGateway(block);
  return undefined;
}

/** A unique local subnet (RFC 4193): its 40 random bits are what keeps it from meeting others. */
export function chooseIpv6Subnet(): Subnet {
  const random = BigInt(`0x${randomBytes(5).toString('hex')}`);
  return withGateway({ version: 6, base: (0xfdn << 120n) | (random << 80n), prefix: 64 });
}

function withGateway(block: Block): Subnet {
  return { subnet: formatBlock(block), gateway: firstAddress(block), chosen: true };
}

/** The first address a machine may have: a network's gateway, unless another is given. */
export function firstAddress(block: Block): string {
  const value = blockSize(block) > 2n ? block.base + 1n : block.base;
  return formatIp({ version: block.version, value });
}
