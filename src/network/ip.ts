import { isIPv4, isIPv6 } from 'node:net';

/** An address as a number. */
export interface Ip {
  readonly version: 4 | 6;
  readonly value: bigint;
}

/** Addresses with a common beginning. `base` is the first, whatever was written. */
export interface Block {
  readonly version: 4 | 6;
  readonly base: bigint;
  readonly prefix: number;
}

const BITS = { 4: 32, 6: 128 } as const;

/** Undefined when it is no address. */
export function parseIp(text: string): Ip | undefined {
  if (isIPv4(text)) return { version: 4, value: fromBytes(text.split('.').map(Number)) };
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const parts = text.replace(/[\d.]+$/, (end) => (isIPv4(end) ? hexOf(end) : end)).split('::');
  const [head = [], tail = []] = parts.map((part) => part.split(':').filter((group) => group));
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  const groups = parts.length === 1 ? head : [...head, ...zeros, ...tail];
  const value = groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
  return { version: 6, value };
}

function hexOf(dotted: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = dotted.split('.').map(Number);
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

function fromBytes(bytes: readonly number[]): bigint {
  return bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

export function ipBytes({ version, value }: Ip): Uint8Array {
  const length = BITS[version] / 8;
  return Uint8Array.from({ length }, (_, i) =>
    Number((value >> BigInt(8 * (length - 1 - i))) & 0xffn),
  );
}

/** IPv6 as RFC 5952 writes it. */
export function formatIp(ip: Ip): string {
  if (ip.version === 4) return ipBytes(ip).join('.');
  const groups = Array.from({ length: 8 }, (_, i) =>
    ((ip.value >> BigInt(16 * (7 - i))) & 0xffffn).toString(16),
  );
  const [zeros] = [...groups.join(':').matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].sort(
    (a, b) => b[0].length - a[0].length,
  );
  if (zeros === undefined) return groups.join(':');
  const text = groups.join(':');
  const head = text.slice(0, zeros.index);
  const tail = text.slice(zeros.index + zeros[0].length).replace(/^:/, '');
  return `${head}::${tail}`;
}

/** `10.0.0.0/8`; undefined when it is none. `10.0.0.5/8` is the same block. */
export function parseBlock(text: string): Block | undefined {
  const [, address = '', digits = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const ip = parseIp(address);
  const prefix = Number(digits);
  if (ip === undefined || prefix > BITS[ip.version]) return undefined;
  const shift = BigInt(BITS[ip.version] - prefix);
  return { version: ip.version, base: (ip.value >> shift) << shift, prefix };
}

export function formatBlock({ version, base, prefix }: Block): string {
  return `${formatIp({ version, value: base })}/${String(prefix)}`;
}

export function blockSize({ version, prefix }: Block): bigint {
  return 1n << BigInt(BITS[version] - prefix);
}

export function holds(block: Block, ip: Ip): boolean {
  return (
    block.version === ip.version &&
    ip.value >= block.base &&
    ip.value < block.base + blockSize(block)
  );
}

export function overlaps(a: Block, b: Block): boolean {
  return (
    a.version === b.version && a.base < b.base + blockSize(b) && b.base < a.base + blockSize(a)
  );
}
