import { closeSync, constants, copyFileSync, fstatSync, openSync } from 'node:fs';
import { copyExtents } from '../cache/copy-extents.js';
import { writeAll } from '../cache/durable.js';
import { giveAccess } from '../cache/give-owner.js';
import { changed, checkUnchanged, openSource } from '../cache/open-source.js';
import type { SourceEntry } from '../cache/source-tree.js';
import { sys } from '../sys/sys.js';
import type { Access } from './access.js';

const EXCLUSIVE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;

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
