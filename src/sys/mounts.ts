import { closeSync, openSync } from 'node:fs';
import { hasCode } from '../model/has-code.js';
import { errnoError } from './errno-error.js';
import { cstring, libc } from './libc.js';

/** What a mount forbids, whatever its filesystem allows. */
export interface MountAttributes {
  readonly readonly?: boolean;
  readonly nosuid?: boolean;
  readonly nodev?: boolean;
  readonly noexec?: boolean;
}

const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_IN_ROOT = 0x10;
const OPEN_TREE_CLONE = 1;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const AT_FDCWD = -100;
const MOVE_MOUNT_F_EMPTY_PATH = 0x04;
const MOVE_MOUNT_T_EMPTY_PATH = 0x40;
const ATTEMPTS = 1000;

/*
 * Mounts by file descriptor: what was looked up is what is mounted and where, whoever renames directories or plants
 * links meanwhile (CVE-2021-30465 and its kin). A path is resolved by the kernel itself, as inside a chroot.
 */

/** O_PATH descriptor of `path` in the directory `root`, which nothing leaves: no link, no `..`. */
export function openInRoot(root: number, path: string | Buffer): number {
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(O_PATH | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), 16);
  for (let attempt = 0; ; attempt++) {
    const fd = libc().syscall('openat2', root, cstring(path), how, how.length);
    if (fd >= 0) return fd;
    const error = errnoError(libc().errno(), 'openat2', path);
    // EAGAIN: somebody renames along the way; the kernel could not be sure that `..` stayed inside.
    if (!hasCode(error, 'EAGAIN') || attempt === ATTEMPTS) throw error;
  }
}

/** A mount of the file or directory at `fd`, not attached anywhere yet; `recursive` with all that is mounted below. */
export function cloneMount(fd: number, attributes: MountAttributes, recursive = false): number {
  const depth = recursive ? AT_RECURSIVE : 0;
  const flags = OPEN_TREE_CLONE | O_CLOEXEC | AT_EMPTY_PATH | depth;
  const mount = libc().syscall('open_tree', fd, cstring(''), flags);
  if (mount < 0) libc().fail('open_tree');
  try {
    setAttributes(mount, attributes, depth);
    return mount;
  } catch (error) {
    closeSync(mount);
    throw error;
  }
}

function setAttributes(mount: number, attributes: MountAttributes, depth: number): void {
  const attr = Buffer.alloc(32);
  attr.writeBigUInt64LE(BigInt(attributeBits(attributes)), 0);
  const done = libc().syscall(
    'mount_setattr',
    mount,
    cstring(''),
    AT_EMPTY_PATH | depth,
    attr,
    attr.length,
  );
  if (done < 0) libc().fail('mount_setattr');
}

export function attributeBits({ readonly, nosuid, nodev, noexec }: MountAttributes): number {
  const bit = (wanted: boolean | undefined, value: number): number => (wanted === true ? value : 0);
  return bit(readonly, 1) | bit(nosuid, 2) | bit(nodev, 4) | bit(noexec, 8);
}

/** Puts a mount without a place over what `target` is. */
export function attachMount(mount: number, target: number): void {
  const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  const done = libc().syscall('move_mount', mount, cstring(''), target, cstring(''), flags);
  if (done < 0) libc().fail('move_mount');
}

/** Shows the directory `from` on the directory `target`, not what is mounted in it. */
export function mountTree(from: string, target: string, attributes: MountAttributes): void {
  const [source, at] = [openSync(from, O_PATH), openSync(target, O_PATH)];
  try {
    const mount = cloneMount(source, attributes);
    try {
      attachMount(mount, at);
    } finally {
      closeSync(mount);
    }
  } finally {
    closeSync(source);
    closeSync(at);
  }
}

/** A fresh tmpfs, mounted on the directory `target`. */
export function mountNewTmpfs(
  target: string,
  options: Readonly<Record<string, string>>,
  attributes: MountAttributes,
): void {
  const mount = newMount('tmpfs', options, attributes);
  try {
    const flags = MOVE_MOUNT_F_EMPTY_PATH;
    const [empty, at] = [cstring(''), cstring(target)];
    if (libc().syscall('move_mount', mount, empty, AT_FDCWD, at, flags) < 0)
      libc().fail('move_mount', target);
  } finally {
    closeSync(mount);
  }
}

const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;

/** A filesystem of its own, not attached anywhere yet. */
export function newMount(
  type: string,
  options: Readonly<Record<string, string>>,
  attributes: MountAttributes,
): number {
  const c = libc();
  const context = c.syscall('fsopen', cstring(type), 1);
  if (context < 0) c.fail('fsopen', type);
  try {
    for (const [key, value] of Object.entries(options)) {
      const set = [FSCONFIG_SET_STRING, cstring(key), cstring(value), 0] as const;
      if (c.syscall('fsconfig', context, ...set) < 0) c.fail(`fsconfig ${key}`, value);
    }
    if (c.syscall('fsconfig', context, FSCONFIG_CMD_CREATE, null, null, 0) < 0)
      c.fail('fsconfig create', type);
    const mount = c.syscall('fsmount', context, 1, attributeBits(attributes));
    if (mount < 0) c.fail('fsmount', type);
    return mount;
  } finally {
    closeSync(context);
  }
}
