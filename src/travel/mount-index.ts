import type { Digest } from '../model/digest.js';
import { isDigest } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import type { EntryFacts } from '../model/stores.js';
import { MAX_CHUNK } from './chunks.js';

/** A chunk: sha256 in hex, length. */
export type ChunkFact = readonly [hex: string, bytes: number];

/** Chunks one after the other, packed together under the digest of what that gives. */
export interface Pack {
  readonly digest: Digest;
  readonly size: number;
  readonly chunks: readonly ChunkFact[];
}

/** One file of a mount. Texts are latin1: a character is a byte. */
export interface TravelEntry {
  /** Relative; '' is the mount itself, which comes first. */
  readonly path: string;
  readonly type: EntryFacts['type'];
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since 1970, in decimal. */
  readonly mtime: string;
  /** Target of a symbolic link; first name of a hard link. */
  readonly link?: string;
  readonly device?: readonly [major: number, minor: number];
  readonly xattrs?: Readonly<Record<string, string>>;
  readonly size?: number;
  /** Numbers of its chunks, counted over all packs in order. */
  readonly chunks?: readonly number[];
}

export interface TravelMount {
  /** Its directory's name in the store. */
  readonly key: string;
  readonly namespace: string;
  readonly id: string;
  /** RFC 3339. */
  readonly created: string;
  readonly lastUsed: string;
  readonly entries: readonly TravelEntry[];
}

/** What an export holds. */
export interface MountIndex {
  readonly version: 1;
  readonly packs: readonly Pack[];
  readonly mounts: readonly TravelMount[];
}

const VERSION = 1;
const MAX_ENTRIES = 4_000_000;
const MAX_ID = 0xfffffffe;
const TYPES = ['file', 'link', 'symlink', 'character-device', 'block-device', 'directory'].concat(
  'fifo',
);

type Fields = Readonly<Record<string, unknown>>;

/** Checks what somebody else may have written, so that nothing in it can surprise whoever unpacks it. */
export function readMountIndex(text: string, from: string): MountIndex {
  const fail = (why: string): never => {
    throw new BuildError('archive', `${from}: not an export of cache mounts: ${why}`);
  };
  const root = fieldsOf(parsed(text, fail), fail);
  if (root['version'] !== VERSION) fail(`version ${JSON.stringify(root['version'])}`);
  const packs = listOf(root['packs'], fail).map((pack) => readPack(fieldsOf(pack, fail), fail));
  const count = packs.reduce((sum, { chunks }) => sum + chunks.length, 0);
  const mounts = listOf(root['mounts'], fail).map((mount) =>
    readMount(fieldsOf(mount, fail), count, fail),
  );
  const keys = new Set(mounts.map(({ key }) => key));
  if (keys.size !== mounts.length) fail('a mount twice');
  if (mounts.reduce((sum, { entries }) => sum + entries.length, 0) > MAX_ENTRIES)
    fail('too many files');
  return { version: VERSION, packs, mounts };
}

type Fail = (why: string) => never;

function parsed(text: string, fail: Fail): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return fail('its index is no JSON');
  }
}

function readPack(pack: Fields, fail: Fail): Pack {
  const { digest, size } = pack;
  if (typeof digest !== 'string' || !isDigest(digest)) return fail('a pack without a digest');
  const chunks = listOf(pack['chunks'], fail).map((chunk): ChunkFact => {
    const [hex, bytes] = listOf(chunk, fail);
    if (typeof hex !== 'string' || !/^[0-9a-f]{64}$/.test(hex)) return fail('a chunk of no digest');
    if (!isCount(bytes) || bytes === 0 || bytes > MAX_CHUNK) return fail('a chunk of no size');
    return [hex, bytes];
  });
  return isCount(size) ? { digest, size, chunks } : fail('a pack without a size');
}

function readMount(mount: Fields, chunkCount: number, fail: Fail): TravelMount {
  const { key, namespace, id, created, lastUsed } = mount;
  if (typeof key !== 'string' || !/^[0-9a-f]{40}(\.\d{1,4})?$/.test(key))
    return fail('a mount whose key is none');
  const texts = [namespace, id, created, lastUsed];
  if (!texts.every((each) => typeof each === 'string' && each.length <= 4096))
    return fail('a mount without a name or a time');
  const times = [created, lastUsed].map((time) => Date.parse(String(time)));
  if (times.some(Number.isNaN)) return fail('a mount with a time that is none');
  const entries = listOf(mount['entries'], fail).map((entry) =>
    readEntry(fieldsOf(entry, fail), chunkCount, fail),
  );
  return {
    ...{ key, entries },
    ...{ namespace: String(namespace), id: String(id) },
    ...{ created: String(created), lastUsed: String(lastUsed) },
  };
}

function readEntry(entry: Fields, chunkCount: number, fail: Fail): TravelEntry {
  const { path, type, mode, uid, gid, mtime, link } = entry;
  if (typeof path !== 'string' || path.length > 4096) return fail('a path that is none');
  const bad = (what: string): never => fail(`${what} of ${JSON.stringify(path)}`);
  if (typeof type !== 'string' || !TYPES.includes(type)) return bad('the type');
  if (!isCount(mode) || mode > 0o7777) return bad('the mode');
  if (!isCount(uid) || !isCount(gid) || uid > MAX_ID || gid > MAX_ID) return bad('the owner');
  if (typeof mtime !== 'string' || !/^-?\d{1,20}$/.test(mtime)) return bad('the time');
  const needsLink = type === 'link' || type === 'symlink';
  if (needsLink !== (typeof link === 'string') || String(link).includes('\0'))
    return bad('the link');
  const kind = type as TravelEntry['type']; // One of TYPES.
  const xattrs = entry['xattrs'] === undefined ? undefined : readXattrs(entry['xattrs'], bad);
  return {
    ...{ path, type: kind, mode, uid, gid, mtime },
    ...(typeof link === 'string' ? { link } : {}),
    ...(type.endsWith('-device') ? { device: readDevice(entry['device'], bad) } : {}),
    ...(xattrs === undefined ? {} : { xattrs }),
    ...(type === 'file' ? readContent(entry, chunkCount, bad) : {}),
  };
}

function readContent(
  { size, chunks }: Fields,
  chunkCount: number,
  bad: Fail,
): { size: number; chunks: readonly number[] } {
  if (!isCount(size)) return bad('the size');
  const numbers = listOf(chunks, bad);
  const known = (each: unknown): each is number => isCount(each) && each < chunkCount;
  return numbers.every(known) ? { size, chunks: numbers } : bad('a chunk');
}

/** 0:0 would hide what lies below, in the overlay that a rollback makes. */
function readDevice(device: unknown, bad: Fail): readonly [number, number] {
  const [major, minor] = listOf(device, bad);
  if (!isCount(major) || !isCount(minor) || major > 0xfff || minor > 0xfffff)
    return bad('a device');
  return major === 0 && minor === 0 ? bad('a device 0:0') : [major, minor];
}

function readXattrs(xattrs: unknown, bad: Fail): Readonly<Record<string, string>> {
  const fields = Object.entries(fieldsOf(xattrs, bad));
  const fine = fields.every(
    ([name, value]) =>
      (name === 'security.capability' || /^user\.(?!overlay\.|stave\.)/.test(name)) &&
      !name.includes('\0') &&
      typeof value === 'string',
  );
  return fine ? (Object.fromEntries(fields) as Record<string, string>) : bad('an attribute');
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0; // A safe integer is a number.
}

function fieldsOf(value: unknown, fail: Fail): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return fail('a part that is no object');
  return value as Fields; // Any object may be asked for any field.
}

function listOf(value: unknown, fail: Fail): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : fail('a part that is no list');
}
