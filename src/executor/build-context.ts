import { readFile } from '../cache/file-hash.js';
import { hostPath, joinPath, type SourceEntry, type SourceTree } from '../cache/source-tree.js';
import { openStatCache, type StatCache } from '../cache/stat-cache.js';
import { xattrDigest } from '../cache/xattrs.js';
import { directoryStatuses } from '../sys/directory-status.js';
import { fileStatus } from '../sys/file-status.js';
import { ContextEntry, type FileFacts, isSame } from './context-entry.js';
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
  /** Where that file is made before it gets its name: `<store>/tmp`. */
  readonly passing?: string;
  /** Nanoseconds since the epoch. */
  readonly now: bigint;
}

/** Small files read for their hash are kept for the copy that likely follows, up to this much in all. */
const KEEP_FILE = 64 << 10;
const KEEP_ALL = 64 << 20;

/** Beside a file's hash in the stat cache: the digest of its extended attributes. */
const XATTRS = '\0xattrs';

/** Walks on demand and remembers; a directory that is not asked for is never read. */
export function openContext(options: ContextOptions): BuildContext {
  const { dir, ignore, statCacheFile, passing, now } = options;
  const listed = new Map<string, readonly ContextEntry[]>();
  /** Entries whose files were read in this build, by path. */
  const read = new Map<string, ContextEntry>();
  const contents = keptContents();
  let cache: StatCache | undefined;
  const statCache = (): StatCache | undefined =>
    statCacheFile === undefined
      ? undefined
      : (cache ??= openStatCache(statCacheFile, now, passing));

  const unfiltered = (path: string): ContextEntry | undefined => {
    const stat = fileStatus(hostPath(dir, path));
    return stat === undefined ? undefined : new ContextEntry(dir, path, stat);
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
    const entries = listDirectory(dir, path).filter(included);
    listed.set(path, entries);
    return entries;
  };
  const factsOf = (of: SourceEntry): FileFacts => {
    if (!(of instanceof ContextEntry)) throw new Error(`${of.path} is no entry of this context`);
    return (of.facts ??=
      recall(statCache(), of) ??
      again(read.get(of.path), of) ??
      learn(statCache(), of, { read, contents }));
  };
  return {
    dir,
    ignore,
    entry,
    children,
    unfiltered,
    verdict: (path) => ignore.verdict(path),
    contentHash: (of) => factsOf(of).hash,
    takeContent: ({ file }) => contents.take(file),
    xattrDigest: (of) => factsOf(of).xattrs,
    save: () => cache?.save(),
  };
}

/** Sorted by bytes. */
function listDirectory(dir: string, path: string): readonly ContextEntry[] {
  return directoryStatuses(hostPath(dir, path)).map(
    ({ name, status }) => new ContextEntry(dir, joinPath(path, name), status),
  );
}

interface KeptContents {
  readonly keep: (file: string | Buffer, content: Buffer) => void;
  readonly take: (file: string | Buffer) => Buffer | undefined;
}

function keptContents(): KeptContents {
  const contents = new Map<string, Buffer>();
  const keyOf = (file: string | Buffer): string => file.toString('latin1');
  let room = KEEP_ALL;
  return {
    keep: (file, content) => {
      if (content.length > room) return;
      room -= content.length;
      contents.set(keyOf(file), content);
    },
    take: (file) => {
      const key = keyOf(file);
      const content = contents.get(key);
      contents.delete(key);
      room += content?.length ?? 0;
      return content;
    },
  };
}

/** Of what is known the attributes were noted, if it has any: setting one changes the ctime. */
function recall(cache: StatCache | undefined, { path, stat }: ContextEntry): FileFacts | undefined {
  const hash = cache?.get(path, stat);
  if (cache === undefined || hash === undefined) return undefined;
  return { hash, xattrs: cache.hasNotes() ? (cache.get(`${path}${XATTRS}`, stat) ?? '') : '' };
}

/** Of a file that was looked at twice, what the first reading told. */
function again(before: ContextEntry | undefined, entry: ContextEntry): FileFacts | undefined {
  return before !== undefined && isSame(before.stat, entry.stat) ? before.facts : undefined;
}

/** Only the attributes of a directory are known by what lstat says of it. */
const NO_FILE = { hash: '0'.repeat(64), hasXattrs: true, content: undefined };

interface Learning {
  readonly read: Map<string, ContextEntry>;
  readonly contents: KeptContents;
}

function learn(
  cache: StatCache | undefined,
  entry: ContextEntry,
  { read, contents }: Learning,
): FileFacts {
  const { path, file, stat } = entry;
  const isFile = entry.type === 'file';
  const { hash, hasXattrs, content } = isFile ? readFile(file, KEEP_FILE) : NO_FILE;
  if (content !== undefined) contents.keep(file, content);
  const xattrs = hasXattrs ? xattrDigest(file) : '';
  cache?.set(path, stat, hash);
  if (xattrs !== '') cache?.set(`${path}${XATTRS}`, stat, xattrs);
  read.set(path, entry);
  return { hash, xattrs };
}
