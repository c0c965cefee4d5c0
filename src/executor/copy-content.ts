import {
  type BigIntStats,
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import { changed, openSource } from '../cache/open-source.js';
import type { SourceEntry } from '../cache/source-tree.js';
import { sys } from '../sys/sys.js';
import type { Access } from './access.js';

const SMALL = 128 << 10;
const EXCLUSIVE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
const buffer = Buffer.allocUnsafe(1 << 20);

/**
 * A new file with a source's bytes: small ones through memory, large ones by the kernel (reflink or copy_file_range),
 * sparse ones by extents. Throws BuildError `not-found` when the source is not what it was when it was looked at: its
 * digest is in the key already. EEXIST when there is a file.
 */
export function copyContent(entry: SourceEntry, to: string | Buffer, access: Access): void {
  if (entry.size === 0 && entry.live === undefined) {
    withFile(to, access, () => undefined);
    return;
  }
  const from = openSource(entry.file, entry.path);
  try {
    if (entry.size <= SMALL) copySmall(from, entry, to, access);
    else copyLarge(from, entry, to, access);
  } finally {
    closeSync(from);
  }
}

function withFile(to: string | Buffer, { owner, mode }: Access, write: (fd: number) => void): void {
  const fd = openSync(to, EXCLUSIVE, 0o600);
  try {
    write(fd);
    fchownSync(fd, owner.uid, owner.gid);
    fchmodSync(fd, mode);
  } finally {
    closeSync(fd);
  }
}

function copySmall(from: number, entry: SourceEntry, to: string | Buffer, access: Access): void {
  let length = 0;
  for (let read = -1; read !== 0 && length <= entry.size; length += read) {
    read = readSync(from, buffer, length, entry.size + 1 - length, null);
  }
  if (length !== entry.size) throw changed(entry.path);
  checkUnchanged(from, entry);
  withFile(to, access, (fd) => {
    for (let at = 0; at < length;) at += writeSync(fd, buffer, at, length - at);
  });
}

function copyLarge(from: number, entry: SourceEntry, to: string | Buffer, access: Access): void {
  const stat = fstatSync(from, { bigint: true });
  if (stat.blocks * 512n < stat.size) {
    withFile(to, access, (fd) => {
      copyExtents(from, fd, stat);
    });
  } else {
    // By descriptor: a link put in its place meanwhile is not followed.
    const flags = constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL;
    copyFileSync(`/proc/self/fd/${String(from)}`, to, flags);
    const fd = openSync(to, constants.O_WRONLY | constants.O_NOFOLLOW);
    try {
      fchownSync(fd, access.owner.uid, access.owner.gid);
      fchmodSync(fd, access.mode);
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
