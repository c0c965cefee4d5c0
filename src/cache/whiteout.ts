import type { BigIntStats, Stats } from 'node:fs';
import { makeNode } from './give-owner.js';
import { inodeOf } from './inode-record.js';

const S_IFCHR = 0o020000;

/** The deletion of what is below it: a device 0:0, or on a store that cannot hold one (overlayfs) the note of it. */
export function makeWhiteout(path: string | Buffer): void {
  makeNode(path, S_IFCHR, 0, 0);
}

export function isWhiteout(path: string | Buffer, stat: Stats | BigIntStats): boolean {
  if (stat.isCharacterDevice()) return Number(stat.rdev) === 0;
  if (!stat.isFile() || Number(stat.size) > 0) return false;
  const { device } = inodeOf(path, stat);
  return device?.kind === 'c' && device.rdev === 0;
}
