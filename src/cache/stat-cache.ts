import { type BigIntStats, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { randomBytes } from 'node:crypto';
import { hasCode } from '../model/has-code.js';

/** Remembers files' sha256 by what lstat says of them, so that an unchanged file is not read again. */
export interface StatCache {
  /** sha256 hex, when size, mtime, ctime, inode and mode are as they were. */
  readonly get: (path: string, stat: BigIntStats) => string | undefined;
  readonly set: (path: string, stat: BigIntStats, hex: string) => void;
  /** True once any path with a NUL was kept: what a caller notes beside a file's hash. */
  readonly hasNotes: () => boolean;
  /** Writes the file if anything changed; a failure costs time later, never the build. */
  readonly save: () => void;
}

const MAGIC = 'stave stat cache 2';
/** Columns of 64 bits an entry: size, mtime, ctime, inode, mode. */
const COLUMNS = 5;
/** A file changed this shortly before it was hashed may change again within the clock's granularity (git's racy rule). */
const RACY_NS = 50_000_000n;

interface Table {
  readonly index: ReadonlyMap<string, number>;
  readonly numbers: BigUint64Array;
  readonly hashes: Buffer;
  readonly notes: boolean;
}

/** `now`: nanoseconds since the epoch when the scan begins. */
export function openStatCache(file: string, now: bigint): StatCache {
  const table = load(file);
  const used = new Map<string, { readonly stat: readonly bigint[]; readonly hex: string }>();
  let changed = false;
  let { notes } = table;
  return {
    hasNotes: () => notes,
    get: (path, stat) => {
      const at = table.index.get(path);
      if (at === undefined) return undefined;
      const columns = columnsOf(stat);
      const base = at * COLUMNS;
      if (columns.some((value, i) => table.numbers[base + i] !== value)) return undefined;
      const hex = table.hashes.toString('hex', at * 32, at * 32 + 32);
      used.set(path, { stat: columns, hex });
      return hex;
    },
    set: (path, stat, hex) => {
      const racy = stat.mtimeNs > now - RACY_NS || stat.ctimeNs > now - RACY_NS;
      if (racy || path.includes('\n')) return;
      used.set(path, { stat: columnsOf(stat), hex });
      changed = true;
      notes ||= path.includes('\0');
    },
    save: () => {
      if (changed || used.size < table.index.size) store(file, used);
    },
  };
}

function columnsOf(stat: BigIntStats): bigint[] {
  return [stat.size, stat.mtimeNs, stat.ctimeNs, stat.ino, stat.mode].map((n) =>
    BigInt.asUintN(64, n),
  );
}

const EMPTY: Table = {
  index: new Map(),
  numbers: new BigUint64Array(),
  hashes: Buffer.alloc(0),
  notes: false,
};

/** Layout: `MAGIC count nameBytes\n`, padding to 8, numbers, hashes, names by line (latin1). */
function load(file: string): Table {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return EMPTY;
    throw error;
  }
  const header = bytes.subarray(0, 128).toString('latin1').split('\n')[0] ?? '';
  const match = new RegExp(`^${MAGIC} (\\d+) (\\d+)$`).exec(header);
  const [count, nameBytes] = [Number(match?.[1]), Number(match?.[2])];
  const start = 128;
  const numbersEnd = start + count * COLUMNS * 8;
  const hashesEnd = numbersEnd + count * 32;
  if (match === null || bytes.length !== hashesEnd + nameBytes) return EMPTY;
  const numbers = new BigUint64Array(
    bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + numbersEnd),
  );
  const names = bytes.toString('latin1', hashesEnd);
  const index = new Map<string, number>();
  if (count > 0) for (const [i, name] of names.split('\n').entries()) index.set(name, i);
  const notes = names.includes('\0');
  return { index, numbers, hashes: bytes.subarray(numbersEnd, hashesEnd), notes };
}

function store(
  file: string,
  entries: ReadonlyMap<string, { stat: readonly bigint[]; hex: string }>,
): void {
  const numbers = new BigUint64Array(entries.size * COLUMNS);
  const hashes = Buffer.alloc(entries.size * 32);
  let at = 0;
  for (const { stat, hex } of entries.values()) {
    numbers.set(stat, at * COLUMNS);
    hashes.write(hex, at * 32, 'hex');
    at++;
  }
  const names = Buffer.from([...entries.keys()].join('\n'), 'latin1');
  const header = Buffer.alloc(128);
  header.write(`${MAGIC} ${String(entries.size)} ${String(names.length)}\n`);
  const bytes = Buffer.concat([header, Buffer.from(numbers.buffer), hashes, names]);
  const temporary = `${file}.${randomBytes(6).toString('hex')}`;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(temporary, bytes, { mode: 0o600 });
  renameSync(temporary, file);
}
