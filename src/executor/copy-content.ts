import {
  type BigIntStats,
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import { giveAccess } from '../cache/give-owner.js';
import { changed, openSource } from '../cache/open-source.js';
import type { SourceEntry } from '../cache/source-tree.js';
import { sys } from '../sys/sys.js';
import type { Access } from './access.js';

const SMALL = 128 << 10;
const EXCLUSIVE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
const buffer = Buffer.allocUnsafe(1 << 20);

/**
 * A new file with a source's bytes and time: small ones through memory, large ones by the kernel (reflink or
 * copy_file_range), sparse ones by extents. `content`: the bytes, if they were read before. Throws BuildError `not-found` when the source is not what it was when it was looked at: its
 * digest is in the key already. EEXIST when there is a file.
 */
export function copyContent(entry: SourceEntry, copy: Copy, content?: Buffer): void {
  if (content !== undefined && content.length !== entry.size) throw changed(entry.path);
  if (content !== undefined || (entry.size === 0 && entry.live === undefined)) {
    withFile(copy, (fd) => {
      if (content !== undefined) writeAll(fd, content, content.length);
    });
    return;
  }
  const from = openSource(entry.file, entry.path);
  try {
    if (entry.size <= SMALL) copySmall(from, entry, copy);
    else copyLarge(from, entry, copy);
  } finally {
    closeSync(from);
  }
}

/** The file to make. */
export interface Copy {
  readonly to: string | Buffer;
  readonly access: Access;
  readonly mtimeNs: bigint;
}

function withFile(copy: Copy, write: (fd: number) => void): void {
  const fd = openSync(copy.to, EXCLUSIVE, 0o600);
  try {
    write(fd);
    finish(fd, copy);
  } finally {
    closeSync(fd);
  }
}

function finish(fd: number, { to, access: { owner, mode }, mtimeNs }: Copy): void {
  giveAccess(fd, to, { uid: owner.uid, gid: owner.gid, mode });
  sys().futimens(fd, mtimeNs, mtimeNs);
}

function writeAll(fd: number, bytes: Buffer, length: number): void {
  for (let at = 0; at < length;) at += writeSync(fd, bytes, at, length - at);
}

function copySmall(from: number, entry: SourceEntry, copy: Copy): void {
  let length = 0;
  for (let read = -1; read !== 0 && length <= entry.size; length += read) {
    read = readSync(from, buffer, length, entry.size + 1 - length, null);
  }
  if (length !== entry.size) throw changed(entry.path);
  checkUnchanged(from, entry);
  withFile(copy, (fd) => {
    writeAll(fd, buffer, length);
  });
}

function copyLarge(from: number, entry: SourceEntry, copy: Copy): void {
  const stat = fstatSync(from, { bigint: true });
  if (stat.blocks * 512n < stat.size) {
    withFile(copy, (fd) => {
      copyExtents(from, fd, stat);
    });
  } else {
    // By descriptor: a link put in its place meanwhile is not followed.
    const flags = constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL;
    copyFileSync(`/proc/self/fd/${String(from)}`, copy.to, flags);
    const fd = openSync(copy.to, constants.O_WRONLY | constants.O_NOFOLLOW);
    try {
      finish(fd, copy);
    } finally {
      closeSync(fd);
    }
  }
  checkUnchanged(from, entry);
}

/** Holes stay holes. */
function copyExtents(from: number, to: number, { size }: BigIntStats): void {
  const end = Number(size);
  for (let at = sys().seek(from, 0, 'data'); at !== undefined; at = sys().seek(from, at, 'data')) {
    const hole = sys().seek(from, at, 'hole') ?? end;
    while (at < hole) {
      const read = readSync(from, buffer, 0, Math.min(buffer.length, hole - at), at);
      if (read === 0) break;
      for (let done = 0; done < read;) done += writeSync(to, buffer, done, read - done, at + done);
      at += read;
    }
    if (at < hole) break;
  }
  ftruncateSync(to, end);
}

/** Nobody writes to a layer's files. */
function checkUnchanged(fd: number, { live, mtimeNs, size, path }: SourceEntry): void {
  if (live === undefined) return;
  const now = fstatSync(fd, { bigint: true });
  if (now.mtimeNs !== mtimeNs || Number(now.size) !== size) throw changed(path);
}
