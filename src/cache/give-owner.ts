import {
  chmodSync,
  closeSync,
  fchmodSync,
  fchownSync,
  lchownSync,
  lstatSync,
  openSync,
} from 'node:fs';
import { getegid, geteuid } from 'node:process';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import { privileges } from '../sys/privileges.js';
import { deviceNumber, sys } from '../sys/sys.js';
import { recordInode } from './inode-record.js';

type Path = string | Buffer;

export interface FileAccess {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** Gives a file of a tree its owner, not following a final link. Throws BuildError `runtime` for an id that has no place here. */
export function giveOwner(path: Path, uid: number, gid: number): void {
  if (privileges().ids === 'own') {
    recordInode(path, { uid, gid });
    return;
  }
  try {
    lchownSync(path, uid, gid);
  } catch (error) {
    throw unmapped(error, uid, gid);
  }
}

/** Gives a file or directory of a tree its permissions; to us it stays readable, and a directory writable. */
export function giveMode(path: Path, mode: number): void {
  const { ids, overrides } = privileges();
  if (ids !== 'own' || overrides) {
    chmodSync(path, mode);
    return;
  }
  const needed = lstatSync(path).isDirectory() ? 0o700 : 0o600;
  recordInode(path, { mode: (mode & needed) === needed ? undefined : mode });
  chmodSync(path, mode | needed);
}

/** Owner and permissions of a file that was just made, by its descriptor. */
export function giveAccess(fd: number, path: Path, { uid, gid, mode }: FileAccess): void {
  if (privileges().ids === 'own') {
    giveOwner(path, uid, gid);
    giveMode(path, mode);
    return;
  }
  try {
    fchownSync(fd, uid, gid);
  } catch (error) {
    throw unmapped(error, uid, gid);
  }
  fchmodSync(fd, mode);
}

let own: { readonly uid: number; readonly gid: number; readonly umask: number } | undefined;

/** The mode to make a file with so that it is right from the start, unless its directory has a say; undefined for none. */
export function creationMode({ uid, gid, mode }: FileAccess): number | undefined {
  if (privileges().ids === 'own') return undefined;
  own ??= { uid: geteuid?.() ?? -1, gid: getegid?.() ?? -1, umask: privileges().umask };
  return uid === own.uid && gid === own.gid && (mode & (0o7000 | own.umask)) === 0
    ? mode
    : undefined;
}

const S_IFMT = 0o170000;
const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;

/** mknod(2); a device that cannot be made becomes an empty file and a note. */
export function makeNode(path: Path, mode: number, major: number, minor: number): void {
  try {
    sys().mknod(path, mode, major, minor);
  } catch (error) {
    const type = mode & S_IFMT;
    if (!hasCode(error, 'EPERM') || (type !== S_IFCHR && type !== S_IFBLK)) throw error;
    closeSync(openSync(path, 'wx', 0o600));
    const rdev = Number(deviceNumber(major, minor));
    recordInode(path, { device: { kind: type === S_IFCHR ? 'c' : 'b', rdev } });
  }
}

/** chown(2) says EINVAL for an id that the user namespace does not map. */
function unmapped(error: unknown, uid: number, gid: number): unknown {
  if (!hasCode(error, 'EINVAL')) return error;
  const count = String(Math.max(uid, gid, 65_535) + 1);
  return new BuildError(
    'runtime',
    `owner ${String(uid)}:${String(gid)} is beyond the subordinate ids of this user`,
    {
      hint: `its first line in /etc/subuid and /etc/subgid must give it ${count}: NAME:100000:${count}`,
      cause: error,
    },
  );
}
