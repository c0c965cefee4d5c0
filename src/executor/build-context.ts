import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { readFile } from '../cache/file-hash.js';
import { typeOf } from '../cache/merged-view.js';
import { hostPath, joinPath, type SourceEntry, type SourceTree } from '../cache/source-tree.js';
import { openStatCache, type StatCache } from '../cache/stat-cache.js';
import { xattrDigest } from '../cache/xattrs.js';
import type { IgnoreRules, Verdict } from './match.js';

/** The user's files under the ignore rules, read in place. Owners are 0:0, as docker's. */
export interface BuildContext extends SourceTree {
  readonly dir: string;
  readonly ignore: IgnoreRules;
  /** Why a path is not in the context, when a rule says so. */
  readonly verdict: (path: string) => Verdict;
  /** An entry as it is on disk, whatever the rules say: for messages. */
  readonly unfiltered: (path: string) => SourceEntry | undefined;
  /** Keeps what was hashed for the next build. */
  readonly save: () => void;
}

export interface ContextOptions {
  readonly dir: string;
  readonly ignore: IgnoreRules;
  /** Where hashes are kept for the next build; absent for files that will not be there again. */
  readonly statCacheFile?: string;
  /** Nanoseconds since the epoch. */
  readonly now: bigint;
}

/** Small files read for their hash are kept for the copy that likely follows, up to this much in all. */
const KEEP_FILE = 64 << 10;
const KEEP_ALL = 64 << 20;

/** Beside a file's hash in the stat cache: the digest of its extended attributes. */
const XATTRS = '\0xattrs';

/** Walks on demand and remembers; a directory that is not asked for is never read. */
export function openContext({ dir, ignore, statCacheFile, now }: ContextOptions): BuildContext {
  const stats = new Map<string, BigIntStats>();
  const listed = new Map<string, readonly SourceEntry[]>();
  const read = new Map<string, FileFacts & { readonly stat: BigIntStats }>();
  const contents = keptContents();
  let cache: StatCache | undefined;
  const statCache = (): StatCache | undefined =>
    statCacheFile === undefined ? undefined : (cache ??= openStatCache(statCacheFile, now));

  const unfiltered = (path: string): SourceEntry | undefined => {
    const file = hostPath(dir, path);
    const stat = lstatSync(file, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    stats.set(path, stat);
    return describe(path, file, stat);
  };
  const included = (entry: SourceEntry): boolean => {
    if (ignore.empty || !ignore.verdict(entry.path).ignored) return true;
    // An ignored directory is there only as the way to something a rule takes in again.
    if (entry.type !== 'directory' || ignore.prunes(entry.path)) return false;
    return children(entry.path).length > 0;
  };
  const entry = (path: string): SourceEntry | undefined => {
    const found = unfiltered(path);
    return found === undefined || path === '' || included(found) ? found : undefined;
  };
  const children = (path: string): readonly SourceEntry[] => {
    const known = listed.get(path);
    if (known !== undefined) return known;
    const names = readdirSync(hostPath(dir, path), { encoding: 'latin1' }).sort();
    const entries = names
      .map((name) => unfiltered(joinPath(path, name)))
      .filter((found) => found !== undefined)
      .filter(included);
    listed.set(path, entries);
    return entries;
  };
  const facts = ({ path, file }: SourceEntry): FileFacts => {
    const stat = stats.get(path) ?? lstatSync(file, { bigint: true });
    const last = read.get(path);
    if (last !== undefined && isSame(last.stat, stat)) return last;
    const known = recall(statCache(), path, stat);
    const found = { stat, ...(known ?? learn(statCache(), { path, file, stat }, contents)) };
    read.set(path, found);
    return found;
  };
  return {
    dir,
    ignore,
    entry,
    children,
    unfiltered,
    verdict: (path) => ignore.verdict(path),
    contentHash: (of) => facts(of).hash,
    takeContent: ({ path }) => contents.take(path),
    xattrDigest: (of) => (of.type === 'file' ? facts(of).xattrs : xattrDigest(of.file)),
    save: () => cache?.save(),
  };
}

interface KeptContents {
  readonly keep: (path: string, content: Buffer) => void;
  readonly take: (path: string) => Buffer | undefined;
}

function keptContents(): KeptContents {
  const contents = new Map<string, Buffer>();
  let room = KEEP_ALL;
  return {
    keep: (path, content) => {
      if (content.length > room) return;
      room -= content.length;
      contents.set(path, content);
    },
    take: (path) => {
      const content = contents.get(path);
      contents.delete(path);
      room += content?.length ?? 0;
      return content;
    },
  };
}

/** What reading a file told; both are in the stat cache. */
interface FileFacts {
  readonly hash: string;
  readonly xattrs: string;
}

/** A file whose hash is known has had its attributes noted if it has any: setting one changes the ctime. */
function recall(
  cache: StatCache | undefined,
  path: string,
  stat: BigIntStats,
): FileFacts | undefined {
  const hash = cache?.get(path, stat);
  if (cache === undefined || hash === undefined) return undefined;
  return { hash, xattrs: cache.hasNotes() ? (cache.get(`${path}${XATTRS}`, stat) ?? '') : '' };
}

/** The same file, unchanged, looked at twice. */
function isSame(a: BigIntStats, b: BigIntStats): boolean {
  if (a === b) return true;
  return a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;
}

interface Unread {
  readonly path: string;
  readonly file: string | Buffer;
  readonly stat: BigIntStats;
}

function learn(
  cache: StatCache | undefined,
  { path, file, stat }: Unread,
  contents: KeptContents,
): FileFacts {
  const { hash, hasXattrs, content } = readFile(file, KEEP_FILE);
  if (content !== undefined) contents.keep(path, content);
  const xattrs = hasXattrs ? xattrDigest(file) : '';
  cache?.set(path, stat, hash);
  if (xattrs !== '') cache?.set(`${path}${XATTRS}`, stat, xattrs);
  return { hash, xattrs };
}

function describe(path: string, file: string | Buffer, stat: BigIntStats): SourceEntry {
  const type = typeOf(stat);
  return {
    path,
    // A socket travels as an empty file (BuildKit's fsutil).
    type: type === 'socket' ? 'file' : type,
    mode: Number(stat.mode & 0o7777n),
    uid: 0,
    gid: 0,
    size: type === 'file' ? Number(stat.size) : 0,
    mtimeNs: stat.mtimeNs,
    ...(type === 'socket' ? {} : { live: true }),
    rdev: Number(stat.rdev),
    file: type === 'socket' ? '/dev/null' : file,
    ...(type === 'symlink' ? { link: readlinkSync(file, { encoding: 'latin1' }) } : {}),
    ...(stat.nlink > 1n && type === 'file'
      ? { inode: `${String(stat.dev)}:${String(stat.ino)}` }
      : {}),
  };
}
