import {
  type BigIntStats,
  closeSync,
  constants,
  copyFileSync,
  openSync,
  readlinkSync,
  symlinkSync,
} from 'node:fs';
import { sys } from '../sys/sys.js';
import { copyExtents } from './copy-extents.js';
import { deviceNumbers } from '../sys/device-number.js';
import { giveMode, giveOwner, makeNode } from './give-owner.js';
import { giveXattr, imageXattrs, type Inode, inodeOf } from './inode-record.js';
import { makeWhiteout } from './whiteout.js';

const [S_IFIFO, S_IFCHR, S_IFBLK] = [0o010000, 0o020000, 0o060000];
const ACL = 'system.posix_acl_';

/**
 * Copies anything but a directory within the store, with all that is its own: bytes (a reflink where the filesystem has
 * them), owner, mode, attributes, times. Never a hard link: who writes to the copy must not reach the original. A
 * socket is nobody's without its process: none is made.
 */
export function copyNode(from: Buffer, to: Buffer, stat: BigIntStats): void {
  if (stat.isSocket()) return;
  const inode = inodeOf(from, stat);
  if (stat.isSymbolicLink()) {
    symlinkSync(readlinkSync(from, { encoding: 'buffer' }), to);
    giveOwner(to, inode.uid, inode.gid);
  } else {
    if (!makesSpecial(to, stat, inode)) copyBytes(from, to, stat);
    giveOwner(to, inode.uid, inode.gid);
    giveMode(to, inode.mode);
    copyXattrs(from, to);
  }
  sys().utimens(to, stat.atimeNs, stat.mtimeNs);
}

/** Owner, mode and attributes of a directory that is there; its times are for when everything is in it. */
export function copyDirectory(from: Buffer, to: Buffer, stat: BigIntStats): void {
  const { uid, gid, mode } = inodeOf(from, stat);
  giveOwner(to, uid, gid);
  giveMode(to, mode);
  copyXattrs(from, to);
}

/** Attributes of the image's, and access lists; what the copy had of the kind before goes. */
function copyXattrs(from: Buffer, to: Buffer): void {
  const own = attributesOf(from);
  const names = new Set(own.map(([name]) => name));
  for (const [name] of attributesOf(to)) if (!names.has(name)) sys().lremovexattr(to, name);
  for (const [name, value] of own) giveXattr(to, name, value);
}

function attributesOf(path: Buffer): (readonly [string, Buffer])[] {
  const names = sys().llistxattr(path);
  if (names.length === 0) return [];
  const lists = names.filter((name) => name.startsWith(ACL));
  return [
    ...imageXattrs(path),
    ...lists.map((name) => [name, sys().lgetxattr(path, name)] as const),
  ].filter((pair): pair is [string, Buffer] => pair[1] !== undefined);
}

function makesSpecial(to: Buffer, stat: BigIntStats, { mode, device }: Inode): boolean {
  if (stat.isFIFO()) {
    sys().mknod(to, S_IFIFO | mode, 0, 0);
    return true;
  }
  const node = device ?? nodeOf(stat);
  if (node === undefined) return false;
  const { major, minor } = deviceNumbers(node.rdev);
  if (node.kind === 'c' && node.rdev === 0) makeWhiteout(to);
  else makeNode(to, (node.kind === 'c' ? S_IFCHR : S_IFBLK) | mode, major, minor);
  return true;
}

function nodeOf(stat: BigIntStats): Inode['device'] {
  const rdev = Number(stat.rdev);
  if (stat.isCharacterDevice()) return { kind: 'c', rdev };
  return stat.isBlockDevice() ? { kind: 'b', rdev } : undefined;
}

function copyBytes(from: Buffer, to: Buffer, stat: BigIntStats): void {
  if (stat.blocks * 512n >= stat.size) {
    copyFileSync(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    return;
  }
  const source = openSync(from, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const target = openSync(to, 'wx', 0o600);
    try {
      copyExtents(source, target, stat);
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(source);
  }
}
