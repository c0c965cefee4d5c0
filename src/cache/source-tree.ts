import type { FileStatus } from '../sys/file-status.js';

/** What a path of a tree is, without following it. Paths are latin1, relative to the root, '' for the root. */
export interface SourceEntry {
  readonly path: string;
  readonly type:
    'file' | 'directory' | 'symlink' | 'fifo' | 'character-device' | 'block-device' | 'socket';
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly link?: string;
  readonly rdev: number;
  /** Others may write to it while we read it. */
  readonly live?: true;
  /** Whether the open file is what was looked at, unchanged. */
  readonly isStill?: (now: FileStatus) => boolean;
  /** `dev:ino`, when the file has several names. */
  readonly inode?: string;
  /** Where it is on the host. */
  readonly file: string | Buffer;
}

/** A tree to copy from: the build context, or a snapshot's layers seen as one. */
export interface SourceTree {
  readonly entry: (path: string) => SourceEntry | undefined;
  /** Sorted by bytes; empty for anything but a directory. */
  readonly children: (path: string) => readonly SourceEntry[];
  /** sha256 hex of a regular file. */
  readonly contentHash: (entry: SourceEntry) => string;
  /** Digest of the extended attributes a copy keeps; '' for none. */
  readonly xattrDigest: (entry: SourceEntry) => string;
  /** The bytes `contentHash` is of, where they were kept when it was made; given once. */
  readonly takeContent?: (entry: SourceEntry) => Buffer | undefined;
}

/** A host path for latin1 bytes: plain ASCII goes as text, which Node handles faster. */
export function hostPath(root: string, path: string): string | Buffer {
  if (path === '') return root;
  const bytes = asPath(path);
  return typeof bytes === 'string'
    ? `${root}/${bytes}`
    : Buffer.concat([Buffer.from(`${root}/`), bytes]);
}

/** latin1 bytes as Node and libc take a path. */
function asPath(bytes: string): string | Buffer {
  return /^[\x00-\x7f]*$/.test(bytes) ? bytes : Buffer.from(bytes, 'latin1');
}

export function joinPath(directory: string, name: string): string {
  return directory === '' ? name : `${directory}/${name}`;
}

/** Text of a Dockerfile as latin1 bytes. */
export function toBytes(text: string): string {
  return Buffer.from(text).toString('latin1');
}

/** latin1 bytes as text for people. */
export function toText(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString();
}

const MAX_LINKS = 255;

/**
 * Resolves a path inside a tree as the kernel would inside a chroot: absolute links start at the root again, `..`
 * stops at it. The rest of a path below a missing component is kept as written. Undefined after 255 links.
 */
export function resolveInside(
  tree: { readonly entry: (path: string) => Pick<SourceEntry, 'type' | 'link'> | undefined },
  path: string,
  followLast: boolean,
): string | undefined {
  const todo = path.split('/').reverse();
  const done: string[] = [];
  let links = 0;
  while (todo.length > 0) {
    const part = todo.pop() ?? '';
    if (part === '' || part === '.') continue;
    if (part === '..') {
      done.pop();
      continue;
    }
    const here = [...done, part].join('/');
    const entry = tree.entry(here);
    if (entry?.type !== 'symlink' || (todo.length === 0 && !followLast)) {
      done.push(part);
      continue;
    }
    if (++links > MAX_LINKS) return undefined;
    const target = entry.link ?? '';
    if (target.startsWith('/')) done.length = 0;
    todo.push(...target.split('/').reverse());
  }
  return done.join('/');
}
