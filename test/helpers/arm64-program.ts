/** System calls of Linux on arm64 (asm-generic/unistd.h). */
const OPENAT = 56;
const WRITE = 64;
const EXIT = 93;
const SUPERVISOR_CALL = 0xd4000001;

/** A static program for arm64 that writes `text` to a new file `path`: no compiler for it is needed. */
export function arm64Writer(path: string, text: string): Buffer {
  const data = Buffer.concat([Buffer.from(`${path}\0`), Buffer.from(text)]);
  const instructions = [
    (): number => 0x92800000 | (99 << 5), // x0 = AT_FDCWD
    (at: number): number => address(1, CODE_LENGTH - at),
    (): number => constant(2, 0o101), // O_WRONLY | O_CREAT
    (): number => constant(3, 0o644),
    (): number => constant(8, OPENAT),
    (): number => SUPERVISOR_CALL,
    (at: number): number => address(1, CODE_LENGTH + Buffer.byteLength(path) + 1 - at),
    (): number => constant(2, Buffer.byteLength(text)),
    (): number => constant(8, WRITE),
    (): number => SUPERVISOR_CALL,
    (): number => constant(0, 0),
    (): number => constant(8, EXIT),
    (): number => SUPERVISOR_CALL,
  ];
  const CODE_LENGTH = 4 * instructions.length;
  const code = Buffer.alloc(CODE_LENGTH);
  for (const [i, encode] of instructions.entries()) code.writeUInt32LE(encode(4 * i) >>> 0, 4 * i);
  return Buffer.concat([elf(CODE_LENGTH + data.length), code, data]);
}

/** `movz xR, #value` */
function constant(register: number, value: number): number {
  return 0xd2800000 | (value << 5) | register;
}

/** `adr xR, offset` */
function address(register: number, offset: number): number {
  return 0x10000000 | ((offset & 3) << 29) | ((offset >> 2) << 5) | register;
}

const HEADERS = 64 + 56;
const BASE = 0x400000n;

/** ELF header and one segment that is read and run (elf(5)). */
function elf(length: number): Buffer {
  const header = Buffer.alloc(HEADERS);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  for (const [at, value] of [
    [16, 2],
    [18, 183],
    [52, 64],
    [54, 56],
    [56, 1],
  ] as const)
    header.writeUInt16LE(value, at);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(BASE + BigInt(HEADERS), 24); // Where it begins.
  header.writeBigUInt64LE(64n, 32); // Where the segment is described:
  header.writeUInt32LE(1, 64);
  header.writeUInt32LE(5, 68);
  for (const at of [80, 88]) header.writeBigUInt64LE(BASE, at);
  for (const at of [96, 104]) header.writeBigUInt64LE(BigInt(HEADERS + length), at);
  header.writeBigUInt64LE(0x1000n, 112);
  return header;
}
