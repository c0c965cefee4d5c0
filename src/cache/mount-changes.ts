import {
  chmodSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmdirSync,
  type BigIntStats,
  unlinkSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { sys } from '../sys/sys.js';
import { isOpaque } from './layer-walk.js';
import { removeTree } from './remove-tree.js';

/*
 * Changes to a cache mount that can be taken back: the step writes to an overlay of its own above it. When the step
 * succeeded, one rename puts the overlay's upper directory beside the mount as `pending`: before it, the mount has its
 * old content, after it the new one. Merging is moving what is in `pending` to its place; a kill in between leaves the
 * rest there, and whoever takes the mount's lock next goes on, before anybody looks into the mount.
 */

const PENDING = 'pending';
/** A whole directory that takes the place of the mount's, which goes first: without one there is always this. */
export const REPLACEMENT = 'replacement';

export interface MountChanges {
  /** What the step mounts. */
  readonly path: string;
  /** Takes the overlay away. */
  readonly detach: () => void;
  /** Everything above it is unmounted: the changes are the mount's. */
  readonly commit: () => void;
  /** What was not committed is gone. */
  readonly discard: () => void;
}

/** `mount` is the directory of the store that holds `fs`, its lock held exclusively. */
export function openChanges(mount: string, temporary: string, trash: string): MountChanges {
  const directory = mkdtempSync(join(temporary, 'changes-'));
  const [upper, work, root] = [
    join(directory, 'upper'),
    join(directory, 'work'),
    join(directory, 'root'),
  ];
  for (const each of [upper, work, root]) mkdirSync(each);
  const fs = join(mount, 'fs');
  copyFacts(Buffer.from(fs), Buffer.from(upper), lstatSync(fs, { bigint: true }));
  mountOver({ fs, upper, work, root });
  let mounted = true;
  const unmount = (): void => {
    if (mounted) sys().umount(root);
    mounted = false;
  };
  return {
    path: root,
    detach: unmount,
    commit: () => {
      unmount();
      renameSync(upper, join(mount, PENDING));
      finishChanges(mount, trash);
    },
    discard: () => {
      unmount();
      removeTree(directory, () => false);
    },
  };
}

interface Overlay {
  readonly fs: string;
  readonly upper: string;
  readonly work: string;
  readonly root: string;
}

function mountOver({ fs, upper, work, root }: Overlay): void {
  sys().mountOverlay({ lowers: [fs], upper, work, target: root });
}

export function hasChanges(mount: string): boolean {
  return [PENDING, REPLACEMENT].some((name) => existsSync(join(mount, name)));
}

/** Moves what a committed step changed to its place, or what a killed process left of that. Under the exclusive lock. */
export function finishChanges(mount: string, trash: string): void {
  const [fs, pending] = [join(mount, 'fs'), join(mount, PENDING)];
  const replacement = join(mount, REPLACEMENT);
  if (existsSync(replacement)) {
    if (existsSync(fs)) throwAway(Buffer.from(fs), trash);
    renameSync(replacement, fs);
  }
  if (existsSync(pending)) merge(Buffer.from(pending), Buffer.from(fs), trash);
}

function merge(upper: Buffer, lower: Buffer, trash: string): void {
  const facts = lstatSync(upper, { bigint: true });
  for (const name of readdirSync(upper, { encoding: 'latin1' })) {
    const [from, to] = [under(upper, name), under(lower, name)];
    const stat = lstatSync(from, { bigint: true });
    const there = lstatSync(to, { throwIfNoEntry: false });
    const isWhiteout = stat.isCharacterDevice() && stat.rdev === 0n;
    if (isWhiteout) {
      if (there !== undefined) throwAway(to, trash);
      unlinkSync(from);
    } else if (stat.isDirectory() && there?.isDirectory() === true && !isOpaque(from)) {
      merge(from, to, trash);
    } else {
      // A file takes a file's place in one step; what cannot be replaced so goes first.
      if (there !== undefined && (stat.isDirectory() || there.isDirectory())) throwAway(to, trash);
      renameSync(from, to);
      clean(to);
    }
  }
  copyFacts(upper, lower, facts);
  rmdirSync(upper);
}

function under(directory: Buffer, name: string): Buffer {
  return Buffer.concat([directory, SLASH, Buffer.from(name, 'latin1')]);
}

const SLASH = Buffer.from('/');

function throwAway(path: Buffer, trash: string): void {
  const going = join(trash, `changed-${randomBytes(10).toString('hex')}`);
  renameSync(path, going);
  removeTree(going, () => false); // What resists is swept.
}

const OVERLAYS = /^(trusted|user)\.overlay\./;

/** Takes overlay's own marks off, in a user namespace they would be seen. */
function clean(path: Buffer): void {
  for (const name of sys().llistxattr(path))
    if (OVERLAYS.test(name)) sys().lremovexattr(path, name);
  if (!lstatSync(path).isDirectory()) return;
  for (const name of readdirSync(path, { encoding: 'latin1' })) clean(under(path, name));
}

/** Owner, mode, attributes and times of a directory, as they are on disk. */
function copyFacts(from: Buffer, to: Buffer, stat: BigIntStats): void {
  lchownSync(to, Number(stat.uid), Number(stat.gid));
  chmodSync(to, Number(stat.mode & 0o7777n));
  const wanted = sys()
    .llistxattr(from)
    .filter((name) => !OVERLAYS.test(name));
  for (const name of sys().llistxattr(to))
    if (!OVERLAYS.test(name) && !wanted.includes(name)) sys().lremovexattr(to, name);
  for (const name of wanted) {
    const value = sys().lgetxattr(from, name);
    if (value !== undefined) sys().lsetxattr(to, name, value);
  }
  sys().utimens(to, stat.atimeNs, stat.mtimeNs);
}
