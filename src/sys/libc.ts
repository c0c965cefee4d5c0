import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';
import { errnoError } from './errno-error.js';

/** A C function of libc that answers -1 and errno on failure; paths travel as NUL-ended bytes. */
export type Call = (...args: readonly unknown[]) => number;

export interface Libc {
  /** Declares `prototype`; calls throw an errno error on -1, naming the function and `args[pathAt]`. */
  readonly declare: (prototype: string) => Call;
  /** Calls on a thread; rejects with an errno error that names `path` when it does not give 0. */
  readonly onThread: (prototype: string, args: readonly unknown[], path: string) => Promise<void>;
  readonly errno: () => number;
  /** Of a buffer's bytes, which stay where they are while it lives. */
  readonly address: (buffer: Buffer) => number;
  readonly fail: (syscall: string, path?: string | Buffer) => never;
  readonly syscall: (
    name: SyscallName,
    ...args: readonly (number | bigint | Buffer | null)[]
  ) => number;
}

type SyscallName =
  | 'fsopen'
  | 'fsconfig'
  | 'fsmount'
  | 'move_mount'
  | 'open_tree'
  | 'openat2'
  | 'mount_setattr'
  | 'pidfd_open';

/** Their numbers are the same on x86_64 and arm64 (added after the tables were unified). */
const NUMBERS: Readonly<Record<SyscallName, number>> = {
  fsopen: 430,
  fsconfig: 431,
  fsmount: 432,
  move_mount: 429,
  open_tree: 428,
  openat2: 437,
  mount_setattr: 442,
  pidfd_open: 434,
};

let loaded: Libc | undefined;

export function isLoaded(): boolean {
  return loaded !== undefined;
}

/** Loads koffi at first use (about 6 ms). */
export function libc(): Libc {
  loaded ??= load();
  return loaded;
}

function load(): Libc {
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  const library = koffi.load('libc.so.6');
  const raw = library.func(
    'long syscall(long, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t)',
  ) as Call;
  const address = (value: number | bigint | Buffer | null): bigint | number =>
    value instanceof Uint8Array ? koffi.address(value) : (value ?? 0);
  return {
    declare: (prototype) => library.func(prototype) as Call,
    onThread: (prototype, args, path) =>
      new Promise((resolve, reject) => {
        const name = /(\w+)\(/.exec(prototype)?.[1] ?? '';
        library.func(prototype).async(...args, (error: Error | null, result: number) => {
          if (error === null && result === 0) resolve();
          else reject(error ?? errnoError(koffi.errno(), name, path));
        });
      }),
    errno: () => koffi.errno(),
    address: (buffer) => Number(koffi.address(buffer)),
    fail: (syscall, path) => {
      throw errnoError(koffi.errno(), syscall, path);
    },
    syscall: (name, ...args) => {
      const words = [0, 1, 2, 3, 4].map((i) => address(args[i] ?? 0));
      // A negative argument (an fd of -1, AT_FDCWD) travels as its two's complement.
      const unsigned = words.map((word) => BigInt.asUintN(64, BigInt(word)));
      return raw(NUMBERS[name], ...unsigned);
    },
  };
}

/** NUL-ended bytes of a path. */
export function cstring(path: string | Buffer): Buffer {
  return Buffer.concat([Buffer.isBuffer(path) ? path : Buffer.from(path), Buffer.of(0)]);
}
