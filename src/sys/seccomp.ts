import { closeSync, openSync, readFileSync, unlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';

/** A rule as libseccomp takes it: an action word and up to six argument comparisons. */
export interface FilterRule {
  readonly syscall: string;
  /** SCMP_ACT_ALLOW is 0x7fff0000, SCMP_ACT_ERRNO(n) is 0x00050000 | n. */
  readonly action: number;
  readonly args: readonly {
    readonly index: number;
    readonly op: number;
    readonly a: number;
    readonly b: number;
  }[];
}

export interface Filter {
  readonly defaultAction: number;
  /** SCMP_ARCH_* tokens besides the native one. */
  readonly architectures: readonly number[];
  readonly rules: readonly FilterRule[];
}

/**
 * Compiles a filter to BPF by libseccomp.so.2, through a file at `scratch`. Undefined where the library is absent.
 * Names the library does not know are left out, as runtimes do: the default action covers them.
 */
export function compileFilter(filter: Filter, scratch: string): Buffer | undefined {
  const library = open();
  if (library === undefined) return undefined;
  const { init, addArch, resolve, addRule, exportBpf, release } = library;
  const context = init(filter.defaultAction);
  try {
    for (const arch of filter.architectures) addArch(context, arch);
    let newest = 0;
    for (const { syscall, action, args } of filter.rules) {
      const number = resolve(syscall) as number;
      if (number === NO_SUCH_SYSCALL) continue;
      newest = Math.max(newest, number);
      const done = addRule(context, action, number, args.length, encodeArgs(args)) as number;
      if (done !== 0) throw new Error(`libseccomp refuses a rule for ${syscall}: ${String(done)}`);
    }
    const filtered = exported(scratch, (fd) => exportBpf(context, fd) as number);
    return Buffer.concat([unknownCalls(newest), filtered]);
  } finally {
    release(context);
  }
}

const NO_SUCH_SYSCALL = -1;
/** AUDIT_ARCH_* of linux/audit.h. */
const AUDIT: Readonly<Record<string, number>> = { x64: 0xc000003e, arm64: 0xc00000b7 };
const X32_BIT = 0x40000000;
const [LOAD, IF_EQUAL, IF_AT_LEAST, RETURN] = [0x20, 0x15, 0x35, 0x06];
const ENOSYS = 0x00050000 | 38;

/**
 * Calls newer than any of the filter's are answered ENOSYS, as runc does: libraries then fall back to an older call,
 * which they do not at EPERM. Goes before the program, whose jumps are relative (linux/filter.h).
 */
function unknownCalls(newest: number): Buffer {
  const machine = AUDIT[process.arch];
  if (machine === undefined) return Buffer.alloc(0);
  return Buffer.concat([
    instruction(LOAD, 4),
    instruction(IF_EQUAL, machine, 0, 4),
    instruction(LOAD, 0),
    instruction(IF_AT_LEAST, newest + 1, 0, 2),
    instruction(IF_AT_LEAST, X32_BIT, 1, 0),
    instruction(RETURN, ENOSYS),
  ]);
}

/** struct sock_filter; `yes` and `no`: how many instructions are left out. */
function instruction(code: number, value: number, yes = 0, no = 0): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(yes, 2);
  bytes.writeUInt8(no, 3);
  bytes.writeUInt32LE(value, 4);
  return bytes;
}

function exported(scratch: string, write: (fd: number) => number): Buffer {
  const fd = openSync(scratch, 'wx', 0o600);
  try {
    if (write(fd) !== 0) throw new Error('libseccomp could not export the filter');
    return readFileSync(scratch);
  } finally {
    closeSync(fd);
    unlinkSync(scratch);
  }
}

/** struct scmp_arg_cmp: two 32-bit words, two 64-bit ones. */
function encodeArgs(args: FilterRule['args']): Buffer {
  const bytes = Buffer.alloc(24 * Math.max(1, args.length));
  for (const [i, { index, op, a, b }] of args.entries()) {
    bytes.writeUInt32LE(index, i * 24);
    bytes.writeUInt32LE(op, i * 24 + 4);
    bytes.writeBigUInt64LE(BigInt(a), i * 24 + 8);
    bytes.writeBigUInt64LE(BigInt(b), i * 24 + 16);
  }
  return bytes;
}

type Function = (...args: readonly unknown[]) => unknown;

function open():
  | Record<'init' | 'addArch' | 'resolve' | 'addRule' | 'exportBpf' | 'release', Function>
  | undefined {
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  let library: Koffi.LibraryHandle;
  try {
    library = koffi.load('libseccomp.so.2');
  } catch {
    return undefined; // Not installed: the runtime compiles the profile itself, slower.
  }
  const declare = (prototype: string): Function => library.func(prototype) as Function;
  return {
    init: declare('void *seccomp_init(uint32_t)'),
    addArch: declare('int seccomp_arch_add(void *, uint32_t)'),
    resolve: declare('int seccomp_syscall_resolve_name(const char *)'),
    addRule: declare(
      'int seccomp_rule_add_array(void *, uint32_t, int, unsigned int, const uint8_t *)',
    ),
    exportBpf: declare('int seccomp_export_bpf(void *, int)'),
    release: declare('void seccomp_release(void *)'),
  };
}
