import { createHash } from 'node:crypto';
import { existsSync, readFileSync, type Stats } from 'node:fs';
import { hasCode } from '../model/has-code.js';
import { replaceFile } from './durable.js';

/** What of lstat(2) tells whether a file changed; times in milliseconds with their fraction. */
export type StatFacts = Pick<Stats, 'size' | 'mtimeMs' | 'ctimeMs' | 'ino' | 'mode'>;

/** Remembers files' sha256 by what lstat says of them, so that an unchanged file is not read again. */
export interface StatCache {
  /** sha256 hex, when size, mtime, ctime, inode and mode are as they were. */
  readonly get: (path: string, stat: StatFacts) => string | undefined;
  readonly set: (path: string, stat: StatFacts, hex: string) => void;
  /** True once any path with a NUL was kept: what a caller notes beside a file's hash. */
  readonly hasNotes: () => boolean;
  /** Writes the file if anything changed; a failure costs time later, never the build. */
  readonly save: () => void;
}

const MAGIC = 'stave stat cache 5';
/** Columns of doubles an entry: size, mtime, ctime, inode, mode. */
const COLUMNS = 5;
const HEX = 64;
/** A file changed this shortly before it was hashed may change again within the clock's granularity (git's racy rule). */
const RACY_MS = 50;

interface Table {
  /** Paths in the order in which they were asked for. */
  readonly names: readonly string[];
  readonly numbers: Float64Array;
  /** Of all entries, one after the other. */
  readonly hex: string;
  readonly notes: boolean;
}

interface Learned {
  readonly stat: StatFacts;
  readonly hex: string;
}

/** `now`: nanoseconds since the epoch when the scan begins; `passing`: see `replaceFile`. */
export function openStatCache(file: string, now: bigint, passing?: string): StatCache {
  const table = load(file);
  const find = finder(table.names);
  const seen = new Uint8Array(table.names.length);
  const learned = new Map<string, Learned>();
  const asked: string[] = [];
  const begin = Number(now / 1_000_000n);
  let { notes } = table;
  return {
    hasNotes: () => notes,
    get: (path, stat) => {
      asked.push(path);
      const at = find(path);
      if (at === undefined || !matches(table.numbers, at * COLUMNS, stat)) return undefined;
      seen[at] = 1;
      return table.hex.slice(at * HEX, at * HEX + HEX);
    },
    set: (path, stat, hex) => {
      const racy = Math.max(stat.mtimeMs, stat.ctimeMs) > begin - RACY_MS;
      if (racy || path.includes('\n')) return;
      learned.set(path, { stat, hex });
      notes ||= path.includes('\0');
    },
    save: () => {
      if (learned.size === 0 && !seen.includes(0)) return;
      const known = (path: string): Learned | undefined => knownOf(table, seen, find(path));
      store(file, inOrder(asked, learned, known), passing);
    },
  };
}

/** A tree is walked in the same order each time: mostly the name after the last one is asked for. */
function finder(names: readonly string[]): (path: string) => number | undefined {
  let next = 0;
  let index: ReadonlyMap<string, number> | undefined;
  return (path) => {
    if (names[next] === path) return next++;
    index ??= new Map(names.map((name, i) => [name, i]));
    const at = index.get(path);
    if (at !== undefined) next = at + 1;
    return at;
  };
}

function matches(numbers: Float64Array, at: number, stat: StatFacts): boolean {
  return (
    numbers[at] === stat.size &&
    numbers[at + 1] === stat.mtimeMs &&
    numbers[at + 2] === stat.ctimeMs &&
    numbers[at + 3] === stat.ino &&
    numbers[at + 4] === stat.mode
  );
}

/** What was asked for in this build, old and new: the rest is of files that are gone. */
function inOrder(
  asked: readonly string[],
  learned: ReadonlyMap<string, Learned>,
  known: (path: string) => Learned | undefined,
): Map<string, Learned> {
  const all = new Map<string, Learned>();
  for (const path of asked) {
    const entry = learned.get(path) ?? known(path);
    if (entry !== undefined) all.set(path, entry);
  }
  for (const [path, entry] of learned) all.set(path, entry);
  return all;
}

function knownOf({ numbers, hex }: Table, seen: Uint8Array, at = -1): Learned | undefined {
  if (seen[at] !== 1) return undefined;
  const row = numbers.subarray(at * COLUMNS, at * COLUMNS + COLUMNS);
  const [size = 0, mtimeMs = 0, ctimeMs = 0, ino = 0, mode = 0] = row;
  const stat = { size, mtimeMs, ctimeMs, ino, mode };
  return { stat, hex: hex.slice(at * HEX, at * HEX + HEX) };
}

const EMPTY: Table = { names: [], numbers: new Float64Array(), hex: '', notes: false };

/** False for one that is there and not as it was written: it counts as not there. */
export function isWholeStatCache(file: string): boolean {
  return !existsSync(file) || load(file) !== EMPTY;
}

/**
 * Layout: `MAGIC count nameBytes sha256\n`, padding to 128, numbers, hashes, names by line (latin1). The sum is of what
 * follows: a bit that flips in a hash would be a wrong layer.
 */
function load(file: string): Table {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return EMPTY;
    throw error;
  }
  const header = bytes.subarray(0, 128).toString('latin1').split('\n')[0] ?? '';
  const match = new RegExp(`^${MAGIC} (\\d+) (\\d+) ([0-9a-f]{64})$`).exec(header);
  const [count, nameBytes] = [Number(match?.[1]), Number(match?.[2])];
  const start = 128;
  const numbersEnd = start + count * COLUMNS * 8;
  const hashesEnd = numbersEnd + count * 32;
  if (match === null || bytes.length !== hashesEnd + nameBytes) return EMPTY;
  if (sumOf(bytes.subarray(start)) !== match[3]) return EMPTY;
  const numbers = new Float64Array(
    bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + numbersEnd),
  );
  const text = bytes.toString('latin1', hashesEnd);
  const names = count > 0 ? text.split('\n') : [];
  const hex = bytes.toString('hex', numbersEnd, hashesEnd);
  return { names, numbers, hex, notes: text.includes('\0') };
}

function sumOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function store(
  file: string,
  entries: ReadonlyMap<string, Learned>,
  passing: string | undefined,
): void {
  const numbers = new Float64Array(entries.size * COLUMNS);
  const hashes = Buffer.alloc(entries.size * 32);
  let at = 0;
  for (const { stat, hex } of entries.values()) {
    const { size, mtimeMs, ctimeMs, ino, mode } = stat;
    numbers.set([size, mtimeMs, ctimeMs, ino, mode], at * COLUMNS);
    hashes.write(hex, at * 32, 'hex');
    at++;
  }
  const names = Buffer.from([...entries.keys()].join('\n'), 'latin1');
  const body = Buffer.concat([Buffer.from(numbers.buffer), hashes, names]);
  const header = Buffer.alloc(128);
  header.write(`${MAGIC} ${String(entries.size)} ${String(names.length)} ${sumOf(body)}\n`);
  replaceFile(file, Buffer.concat([header, body]), passing);
}
