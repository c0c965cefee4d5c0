import { setTimeout as delay } from 'node:timers/promises';
import { hasCode } from '../model/has-code.js';
import { errnoError } from './errno-error.js';
import { type Call, cstring, libc } from './libc.js';
import { mountOverlay, type OverlayOptions } from './mount-overlay.js';

/** A path as bytes, or as text in UTF-8. */
export type Path = string | Buffer;

/** System calls Node lacks. All are synchronous and throw errors shaped like node:fs's (`code`, `syscall`, `path`). */
export interface Sys {
  /** flock(2): true when taken, false when `wait` is false and another holds it. */
  readonly flock: (fd: number, mode: 'shared' | 'exclusive', wait: boolean) => boolean;
  /** Waits for the lock without blocking the process; rejects with the signal's reason. */
  readonly flockAsync: (
    fd: number,
    mode: 'shared' | 'exclusive',
    signal: AbortSignal,
  ) => Promise<void>;
  /** Value of an extended attribute, not following a final symlink; undefined when there is none. */
  readonly lgetxattr: (path: Path, name: string) => Buffer | undefined;
  /** Names as latin1; empty where the filesystem has none. */
  readonly llistxattr: (path: Path) => readonly string[];
  /** Whether an open file has any extended attribute. */
  readonly hasXattrs: (fd: number) => boolean;
  readonly lsetxattr: (path: Path, name: string, value: Buffer) => void;
  readonly lremovexattr: (path: Path, name: string) => void;
  /** `mode` with its type bits (S_IFCHR, S_IFBLK, S_IFIFO). */
  readonly mknod: (path: Path, mode: number, major: number, minor: number) => void;
  /** Sets both times in nanoseconds, not following a final symlink. */
  readonly utimens: (path: Path, atimeNs: bigint, mtimeNs: bigint) => void;
  /** The same of an open file. */
  readonly futimens: (fd: number, atimeNs: bigint, mtimeNs: bigint) => void;
  /** Two names of one filesystem trade places at once (renameat2(2)); false where the filesystem cannot. */
  readonly exchange: (one: Path, other: Path) => boolean;
  /** Writes a whole filesystem's dirty pages to the disk, on a thread; errors since `fd` was opened are told. */
  readonly syncfs: (fd: number, path: string) => Promise<void>;
  /** Offset of the next data or hole at or after `offset` (lseek(2)); undefined when there is none. */
  readonly seek: (fd: number, offset: number, to: 'data' | 'hole') => number | undefined;
  /** An empty file in memory (memfd_create(2)) that can be sealed; undefined where programs in memory are forbidden. */
  readonly createMemfd: (name: string) => number | undefined;
  /** Nothing of it can be changed any more. */
  readonly sealMemfd: (fd: number) => void;
  readonly mountOverlay: (options: OverlayOptions) => void;
  /** Without set-id bits; its device nodes are only names unless they are asked for. */
  readonly mountTmpfs: (target: string, data: string, nodes?: 'devices') => void;
  /** A read-write bind of a directory, not recursive. */
  readonly bindMount: (source: string, target: string) => void;
  /** Lazy unmount (MNT_DETACH) so that a straggler cannot hold it. */
  readonly umount: (target: string) => void;
}

let made: Sys | undefined;

export function sys(): Sys {
  made ??= { ...fileCalls(), ...xattrCalls(), ...mountCalls(), ...memfdCalls() };
  return made;
}

const LOCK = { shared: 1, exclusive: 2 } as const;
const LOCK_NB = 4;
/** SEEK_DATA, SEEK_HOLE. */
const SEEK = { data: 3, hole: 4 } as const;
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;

const RENAME_EXCHANGE = 2;

type FileCalls =
  'flock' | 'flockAsync' | 'mknod' | 'utimens' | 'futimens' | 'syncfs' | 'seek' | 'exchange';

function fileCalls(): Pick<Sys, FileCalls> {
  const c = libc();
  const flockCall = c.declare('int flock(int, int)');
  const mknodCall = c.declare('int mknod(const uint8_t *, unsigned int, uint64_t)');
  const lseek = c.declare('int64_t lseek(int, int64_t, int)');
  const utimensat = c.declare('int utimensat(int, const uint8_t *, const int64_t *, int)');
  const futimens = c.declare('int futimens(int, const int64_t *)');
  const times = new BigInt64Array(4);
  const flock: Sys['flock'] = (fd, mode, wait) => {
    if (flockCall(fd, LOCK[mode] | (wait ? 0 : LOCK_NB)) === 0) return true;
    const error = errnoError(c.errno(), 'flock');
    if (hasCode(error, 'EAGAIN', 'EWOULDBLOCK')) return false;
    throw error;
  };
  return {
    flock,
    syncfs: (fd, path) => c.onThread('int syncfs(int)', [fd], path),
    flockAsync: (fd, mode, signal) => pollLock(() => flock(fd, mode, false), signal),
    mknod: (path, mode, major, minor) => {
      if (mknodCall(cstring(path), mode, deviceNumber(major, minor)) !== 0) c.fail('mknod', path);
    },
    exchange: (one, other) => {
      const call = c.declare(
        'int renameat2(int, const uint8_t *, int, const uint8_t *, unsigned int)',
      );
      const [a, b] = [cstring(one), cstring(other)];
      if (call(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) === 0) return true;
      const error = errnoError(c.errno(), 'renameat2', one);
      if (hasCode(error, 'EINVAL', 'ENOSYS')) return false;
      throw error;
    },
    seek: (fd, offset, to) => {
      const found = lseek(fd, offset, SEEK[to]);
      if (found >= 0) return found;
      const error = errnoError(c.errno(), 'lseek');
      if (hasCode(error, 'ENXIO')) return undefined;
      throw error;
    },
    utimens: (path, atimeNs, mtimeNs) => {
      setTimes(times, atimeNs, mtimeNs);
      const done = utimensat(AT_FDCWD, cstring(path), times, AT_SYMLINK_NOFOLLOW);
      if (done !== 0) c.fail('utimensat', path);
    },
    futimens: (fd, atimeNs, mtimeNs) => {
      setTimes(times, atimeNs, mtimeNs);
      if (futimens(fd, times) !== 0) c.fail('futimens', String(fd));
    },
  };
}

const [MFD_CLOEXEC, MFD_ALLOW_SEALING] = [1, 2];
const F_ADD_SEALS = 1033;
/** F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE. */
const ALL_SEALS = 0xf;

function memfdCalls(): Pick<Sys, 'createMemfd' | 'sealMemfd'> {
  const c = libc();
  return {
    createMemfd: (name) => {
      const create = c.declare('int memfd_create(const char *, unsigned int)');
      const fd = create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
      if (fd >= 0) return fd;
      const error = errnoError(c.errno(), 'memfd_create');
      if (hasCode(error, 'EACCES')) return undefined; // vm.memfd_noexec=2
      throw error;
    },
    sealMemfd: (fd) => {
      if (c.declare('int fcntl(int, int, int)')(fd, F_ADD_SEALS, ALL_SEALS) !== 0)
        c.fail('fcntl', String(fd));
    },
  };
}

/** A blocking flock on a thread of koffi's could not be given up; polling from 1 ms to 50 ms can. */
async function pollLock(attempt: () => boolean, signal: AbortSignal): Promise<void> {
  for (let wait = 1; !attempt(); wait = Math.min(wait * 2, 50)) {
    signal.throwIfAborted();
    await delay(wait, undefined, { signal }).catch(() => undefined);
    signal.throwIfAborted();
  }
}

/** Two timespecs. */
function setTimes(times: BigInt64Array, atimeNs: bigint, mtimeNs: bigint): void {
  setTime(times, 0, atimeNs);
  setTime(times, 2, mtimeNs);
}

function setTime(times: BigInt64Array, at: number, ns: bigint): void {
  const rest = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  times[at] = (ns - rest) / 1_000_000_000n;
  times[at + 1] = rest;
}

/** makedev(3) of glibc. */
export function deviceNumber(major: number, minor: number): bigint {
  const [ma, mi] = [BigInt(major), BigInt(minor)];
  return (
    ((ma & 0xfffff000n) << 32n) | ((ma & 0xfffn) << 8n) | ((mi & 0xffffff00n) << 12n) | (mi & 0xffn)
  );
}

type XattrCalls = 'lgetxattr' | 'llistxattr' | 'hasXattrs' | 'lsetxattr' | 'lremovexattr';

function xattrCalls(): Pick<Sys, XattrCalls> {
  const c = libc();
  const get = c.declare('long lgetxattr(const uint8_t *, const char *, uint8_t *, size_t)');
  const list = c.declare('long llistxattr(const uint8_t *, uint8_t *, size_t)');
  const count = c.declare('long flistxattr(int, uint8_t *, size_t)');
  const set = c.declare(
    'int lsetxattr(const uint8_t *, const char *, const uint8_t *, size_t, int)',
  );
  const remove = c.declare('int lremovexattr(const uint8_t *, const char *)');
  return {
    lgetxattr: (path, name) => read(get, 'lgetxattr', path, [cstring(path), name]),
    llistxattr: (path) => {
      const names = read(list, 'llistxattr', path, [cstring(path)]);
      return names === undefined ? [] : names.toString('latin1').split('\0').slice(0, -1);
    },
    hasXattrs: (fd) => {
      const length = count(fd, null, 0);
      if (length >= 0) return length > 0;
      const error = errnoError(c.errno(), 'flistxattr');
      if (hasCode(error, 'ENOTSUP', 'EOPNOTSUPP')) return false;
      throw error;
    },
    lsetxattr: (path, name, value) => {
      if (set(cstring(path), name, value, value.length, 0) !== 0) c.fail('lsetxattr', path);
    },
    lremovexattr: (path, name) => {
      if (remove(cstring(path), name) !== 0) c.fail('lremovexattr', path);
    },
  };
}

const small = Buffer.alloc(1024);

/** Reads into a shared buffer first; only a longer value needs to be asked for twice. */
function read(call: Call, name: string, path: Path, args: readonly unknown[]): Buffer | undefined {
  const length = call(...args, small, small.length);
  if (length >= 0) return Buffer.from(small.subarray(0, length));
  const error = errnoError(libc().errno(), name, path);
  if (hasCode(error, 'ENODATA', 'ENOTSUP', 'EOPNOTSUPP')) return undefined;
  if (!hasCode(error, 'ERANGE')) throw error;
  const large = Buffer.alloc(65_536);
  const full = call(...args, large, large.length);
  if (full < 0) libc().fail(name, path);
  return Buffer.from(large.subarray(0, full));
}

const MS_NOSUID = 2;
const MS_NODEV = 4;
const MS_BIND = 4096;
const MNT_DETACH = 2;

function mountCalls(): Pick<Sys, 'mountOverlay' | 'mountTmpfs' | 'bindMount' | 'umount'> {
  const c = libc();
  const mount = c.declare(
    'int mount(const uint8_t *, const uint8_t *, const char *, unsigned long, const char *)',
  );
  const umount2 = c.declare('int umount2(const uint8_t *, int)');
  const none = cstring('none');
  return {
    mountOverlay,
    mountTmpfs: (target, data, nodes) => {
      const flags = MS_NOSUID | (nodes === 'devices' ? 0 : MS_NODEV);
      const done = mount(none, cstring(target), 'tmpfs', flags, data);
      if (done !== 0) c.fail('mount', target);
    },
    bindMount: (source, target) => {
      if (mount(cstring(source), cstring(target), 'none', MS_BIND, '') !== 0)
        c.fail('mount', target);
    },
    umount: (target) => {
      if (umount2(cstring(target), MNT_DETACH) !== 0) c.fail('umount2', target);
    },
  };
}
