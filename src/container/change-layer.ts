import {
  constants,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  symlinkSync,
} from 'node:fs';
import { deviceNumbers } from '../sys/device-number.js';
import { giveMode, giveOwner, makeNode } from '../cache/give-owner.js';
import { giveXattr, imageXattrs, inodeOf, recordInode } from '../cache/inode-record.js';
import { bytesUnder } from '../cache/layer-walk.js';
import { makeWhiteout } from '../cache/whiteout.js';
import { sys } from '../sys/sys.js';
import type { Change, ChangedTree } from './changes.js';

const S_IFMT = 0o170000;

/**
 * Writes a layer that holds exactly `changes` into an empty directory: entries as they are in the writable layer with
 * owner, mode, times, capabilities and hard links, a whiteout for each deletion. The container keeps its own.
 */
export function writeChangeLayer(
  changes: readonly Change[],
  { upper }: ChangedTree,
  target: string,
): void {
  const links = new Map<string, Buffer>();
  const directories: { from: Buffer; to: Buffer }[] = [];
  for (const { kind, path } of changes) {
    const [from, to] = [bytesUnder(upper, path), bytesUnder(target, path)];
    if (kind === 'D') writeDeletion(to, bytesUnder(upper, parentOf(path)));
    else if (lstatSync(from).isDirectory()) {
      mkdirSync(to, { mode: 0o700 });
      directories.push({ from, to });
    } else copyEntry(from, to, links);
  }
  // Children change a directory's time, so directories are finished from the inside out.
  for (const { from, to } of directories.reverse()) copyFacts(from, to);
}

/** It has the time of its directory's last change, not that of the commit: the same changes are the same layer. */
function writeDeletion(to: Buffer, directory: Buffer): void {
  const { mtimeNs } = lstatSync(directory, { bigint: true });
  makeWhiteout(to);
  sys().utimens(to, mtimeNs, mtimeNs);
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** Anything but a directory. */
export function copyEntry(from: Buffer, to: Buffer, links: Map<string, Buffer>): void {
  const stat = lstatSync(from);
  const inode = `${String(stat.dev)}:${String(stat.ino)}`;
  const first = stat.nlink > 1 ? links.get(inode) : undefined;
  if (first !== undefined) {
    linkSync(first, to);
    return;
  }
  links.set(inode, to);
  if (stat.isFile()) copyFileSync(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  else if (stat.isSymbolicLink()) symlinkSync(readlinkSync(from, { encoding: 'buffer' }), to);
  else if (stat.isSocket()) return;
  else {
    const { major, minor } = deviceNumbers(stat.rdev);
    makeNode(to, stat.mode & (S_IFMT | 0o7777), major, minor);
  }
  copyFacts(from, to);
}

/** chown drops set-id bits and capabilities, so it comes first. */
export function copyFacts(from: Buffer, to: Buffer): void {
  const stat = lstatSync(from, { bigint: true });
  const { uid, gid, mode, device } = inodeOf(from, stat);
  giveOwner(to, uid, gid);
  if (!stat.isSymbolicLink()) giveMode(to, mode);
  if (device !== undefined) recordInode(to, { device });
  for (const [name, value] of imageXattrs(from)) giveXattr(to, name, value);
  sys().utimens(to, stat.atimeNs, stat.mtimeNs);
}
