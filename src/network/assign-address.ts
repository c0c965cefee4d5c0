import type { Subnet } from '../model/network.js';
import { BuildError } from '../model/error.js';
import { type Block, blockSize, formatIp, holds, type Ip, parseBlock, parseIp } from './ip.js';

/**
 * The lowest free address of a subnet. `wanted` must be in it and free. Throws BuildError `usage` or `conflict` in
 * docker's words.
 */
export function assignAddress(
  { subnet, gateway, range, aux }: Subnet,
  taken: ReadonlySet<string>,
  wanted?: string,
): string {
  const block = blockOf(subnet);
  const reserved = new Set([gateway, ...Object.values(aux ?? {})].map(canonical));
  const isFree = (address: string): boolean => !taken.has(address) && !reserved.has(address);
  if (wanted !== undefined) {
    const address = canonical(wanted);
    if (isFree(address)) return address;
    throw new BuildError('conflict', 'Address already in use', {
      hint: `${address} is another container's or the gateway's`,
    });
  }
  for (const address of candidates(block, blockOf(range ?? subnet)))
    if (isFree(address)) return address;
  throw new BuildError(
    'conflict',
    `no available IPv${String(block.version)} addresses on this network's address pools: ${range ?? subnet}`,
    { hint: 'remove containers of this network, or make a larger one' },
  );
}

/** The first is the network itself, the last is broadcast (IPv4), unless it has no more than two. */
function* candidates(block: Block, range: Block): Generator<string> {
  const end = range.base + blockSize(range);
  const small = blockSize(block) <= 2n;
  for (let value = range.base; value < end; value++) {
    const ip: Ip = { version: block.version, value };
    const isEdge =
      value === block.base || (ip.version === 4 && value === block.base + blockSize(block) - 1n);
    if ((small || !isEdge) && holds(block, ip)) yield formatIp(ip);
  }
}

export function blockOf(text: string): Block {
  const block = parseBlock(text);
  if (block === undefined) throw new Error(`no subnet: ${text}`); // Checked when the network was made.
  return block;
}

function canonical(address: string): string {
  const ip = parseIp(address);
  return ip === undefined ? address : formatIp(ip);
}

/** docker's: a container's hardware address is made of its IPv4 address, so it stays the same with it. */
export function macOf(address: string): string {
  const bytes = address.split('.').map((byte) => Number(byte).toString(16).padStart(2, '0'));
  return ['02', '42', ...bytes].join(':');
}
