import { createHash } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import { privileges } from '../sys/privileges.js';
import { sys } from '../sys/sys.js';

/*
 * Where files cannot be given their owner, their mode or their device, it is written down: in an attribute of the file,
 * or, for what can have none (symbolic links, pipes), of its directory. Trees then hold what images say on every rung.
 */

/** Owner, mode and device of a file as its image has them. */
export interface Inode {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  /** Of a device node that could not be made: an empty file stands for it. */
  readonly device?: RecordedDevice;
}

export interface RecordedDevice {
  readonly kind: 'c' | 'b';
  /** As lstat(2) gives it. */
  readonly rdev: number;
}

/** What is asked of both kinds of node's Stats. */
interface AnyStats {
  readonly uid: number | bigint;
  readonly gid: number | bigint;
  readonly mode: number | bigint;
  readonly size: number | bigint;
  readonly ino: number | bigint;
  readonly isFile: () => boolean;
  readonly isDirectory: () => boolean;
}

/** Names of our attributes: never an image's. */
export const RECORD_XATTR = /^user\.stave\./;
const NAME = 'user.stave.inode';
const CAPABILITY = 'user.stave.capability';

type Path = string | Buffer;

/** What a file of a tree is, whoever owns it on disk. */
export function inodeOf(path: Path, stat: AnyStats): Inode {
  const own = { uid: Number(stat.uid), gid: Number(stat.gid), mode: Number(stat.mode) & 0o7777 };
  const { ids } = privileges();
  const nobodys = ids === 'own' ? { ...own, uid: 0, gid: 0 } : own;
  // A device that could not be made; on overlayfs not even root makes a whiteout.
  const recorded = ids === 'own' || (stat.isFile() && Number(stat.size) === 0);
  return recorded ? { ...nobodys, ...readRecord(path, stat) } : own;
}

interface Change extends Partial<Omit<Inode, 'mode'>> {
  /** Undefined: the one on disk is right. */
  readonly mode?: number | undefined;
}

/** Writes down what a file is to be; `change` replaces what was written before. */
export function recordInode(path: Path, change: Change): void {
  const stat = lstatSync(path);
  const { uid = 0, gid = 0, mode, device } = { ...readRecord(path, stat), ...change };
  const { file, name } = placeOf(path, stat);
  if (uid === 0 && gid === 0 && mode === undefined && device === undefined) {
    remove(file, name);
    return;
  }
  const fields = [
    uid,
    gid,
    mode?.toString(8) ?? '',
    device?.kind ?? '',
    device?.rdev ?? '',
    stat.ino,
  ];
  try {
    sys().lsetxattr(file, name, Buffer.from(fields.join(':')));
  } catch (error) {
    throw noAttributes(error, path);
  }
}

function readRecord(path: Path, stat: AnyStats): Partial<Inode> {
  const { file, name } = placeOf(path, stat);
  const text = sys().lgetxattr(file, name)?.toString() ?? '';
  const [uid, gid, mode, kind, rdev, ino] = text.split(':');
  if (ino === undefined) return {};
  // A link's record is its directory's: it may be of one that was there before.
  if (name !== NAME && ino !== String(stat.ino)) return {};
  return {
    uid: Number(uid),
    gid: Number(gid),
    ...(mode === '' ? {} : { mode: parseInt(mode ?? '', 8) }),
    ...(kind === 'c' || kind === 'b' ? { device: { kind, rdev: Number(rdev) } } : {}),
  };
}

function placeOf(path: Path, stat: AnyStats): { file: Path; name: string } {
  if (stat.isFile() || stat.isDirectory()) return { file: path, name: NAME };
  const bytes = Buffer.from(path);
  const cut = bytes.lastIndexOf('/');
  const hash = createHash('sha256')
    .update(bytes.subarray(cut + 1))
    .digest('hex')
    .slice(0, 40);
  return { file: bytes.subarray(0, cut), name: `${NAME}.${hash}` };
}

function remove(file: Path, name: string): void {
  if (sys().lgetxattr(file, name) !== undefined) sys().lremovexattr(file, name);
}

function noAttributes(error: unknown, path: Path): unknown {
  if (!hasCode(error, 'ENOTSUP', 'EOPNOTSUPP', 'ENOSPC', 'E2BIG')) return error;
  return new BuildError(
    'store',
    `the owner of ${path.toString()} cannot be written down: ${(error as Error).message}`,
    {
      hint: 'without subordinate ids owners are kept as user attributes: STAVE_ROOT must be on ext4, xfs or btrfs (stave doctor)',
      cause: error,
    },
  );
}

/** Sets an attribute of an image's file; file capabilities are written down where they cannot be set. */
export function giveXattr(path: Path, name: string, value: Buffer): void {
  try {
    sys().lsetxattr(path, name, value);
  } catch (error) {
    if (name !== 'security.capability' || !hasCode(error, 'EPERM')) throw error;
    sys().lsetxattr(path, CAPABILITY, value);
  }
}

/**
 * The attributes an image's file has by the names the image gives them: capabilities and the user's own, ours and
 * overlay's not among them. A COPY keeps them, and its key holds them.
 */
export function imageXattrs(path: Path): (readonly [name: string, value: Buffer])[] {
  return sys()
    .llistxattr(path)
    .map((name) => [name, name === CAPABILITY ? 'security.capability' : name] as const)
    .filter(
      ([, name]) => name === 'security.capability' || /^user\.(?!overlay\.|stave\.)/.test(name),
    )
    .sort(([, a], [, b]) => (a < b ? -1 : 1))
    .flatMap(([stored, name]) => {
      const value = sys().lgetxattr(path, stored);
      return value === undefined ? [] : [[name, value] as const];
    });
}
