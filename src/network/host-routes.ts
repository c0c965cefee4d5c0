import { readFileSync } from 'node:fs';
import { type Block } from './ip.js';

export interface HostRoute {
  readonly interface: string;
  readonly block: Block;
}

/** The machine's IPv4 routes but the default one (/proc/net/route): subnets that somebody uses. */
export function hostRoutes(file = '/proc/net/route'): readonly HostRoute[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [name = '', destination = '', , , , , , mask = ''] = line.trim().split(/\s+/);
      if (!/^[0-9A-F]{8}$/.test(destination) || !/^[0-9A-F]{8}$/.test(mask)) return [];
      const prefix = bitsOf(BigInt(`0x${mask}`));
      if (prefix === 0) return [];
      return [{ interface: name, block: { version: 4 as const, base: swap(destination), prefix } }];
    });
}

/** The kernel prints a word of memory as this machine reads it: little-endian here, as on all we run on. */
function swap(hex: string): bigint {
  const bytes = hex.match(/../g) ?? [];
  return BigInt(`0x${bytes.toReversed().join('')}`);
}

function bitsOf(value: bigint): number {
  return value.toString(2).replaceAll('0', '').length;
}
