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
import { writeAll } from '../cache/durable.js';
import { giveAccess } from '../cache/give-owner.js';
import { changed, checkUnchanged, openSource } from '../cache/open-source.js';
import type { SourceEntry } from '../cache/source-tree.js';
import { sys } from '../sys/sys.js';
import type { Access } from './access.js';

const EXCLUSIVE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
const buffer = Buffer.allocUnsafe(1 << 20);

/**
 * A new file with a source's bytes and time: those of a small one as they were read before, large ones by the kernel
 * (reflink or copy_file_range), sparse ones by extents. Throws BuildError `not-found` when the source is not what it was
 * when it was looked at: its digest is in the key already. EEXIST when there is a file.
 */
export function copyContent(entry: SourceEntry, copy: Copy, content?: Buffer): void {
  if (content !== undefined) {
    if (content.length !== entry.size) throw changed(entry.path);
    withFile(copy, (fd) => {
      writeAll(fd, content);
    });
    return;
  }
  const from = openSource(entry.file, entry.path);
  try {
    copyLarge(from, entry, copy);
  } finally {
    closeSync(from);
  }
}

/** The file to make. */
export interface Copy {
  readonly to: string | Buffer;
  readonly access: Access;
  readonly mtimeNs: bigint;
  /** A mode that leaves nothing to be given to the file once it is made. */
  readonly creationMode?: number;
}

function withFile(copy: Copy, write: (fd: number) => void): void {
  const fd = openSync(copy.to, EXCLUSIVE, copy.creationMode ?? 0o600);
  try {
    write(fd);
    finish(fd, copy);
  } finally {
    closeSync(fd);
  }
}

function finish(fd: number, { to, access: { owner, mode }, mtimeNs, creationMode }: Copy): void {
  if (creationMode === undefined) giveAccess(fd, to, { uid: owner.uid, gid: owner.gid, mode });
  sys().futimens(fd, mtimeNs, mtimeNs);
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
