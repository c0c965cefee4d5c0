import { type BigIntStats, fstatSync, lstatSync } from 'node:fs';
import { hasCode } from '../model/has-code.js';
import { deviceNumbers } from './device-number.js';
import { isLoaded } from './libc.js';

/** Loading what makes our own calls (koffi, 6 ms) costs as much as so many of Node's. */
const FEW = 500;
let looks = 0;

/** Whether so many more files are better looked at by Node: a small context needs no koffi, and a cached build no other. */
export function areFew(files: number): boolean {
  looks += files;
  return looks <= FEW && !isLoaded();
}

/** As `statx` of `FileStatus`. Undefined when there is no such file. */
export function statusWords(file: string | Buffer | number): Uint32Array | undefined {
  const stat = statOf(file);
  if (stat === undefined) return undefined;
  const words = new Uint32Array(64);
  const wide = new BigUint64Array(words.buffer);
  words[0x1c >> 2] = Number(stat.mode);
  words[0x10 >> 2] = Number(stat.nlink);
  wide[0x20 >> 3] = stat.ino;
  wide[0x28 >> 3] = stat.size;
  putTime(words, 0x60, stat.ctimeNs);
  putTime(words, 0x70, stat.mtimeNs);
  putDevice(words, 0x80, stat.rdev);
  putDevice(words, 0x88, stat.dev);
  return words;
}

function statOf(file: string | Buffer | number): BigIntStats | undefined {
  if (typeof file === 'number') return fstatSync(file, { bigint: true });
  try {
    return lstatSync(file, { bigint: true });
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** Whole seconds, rounded down, and nanoseconds from there. */
function putTime(words: Uint32Array, at: number, ns: bigint): void {
  const rest = ((ns % SECOND) + SECOND) % SECOND;
  const seconds = (ns - rest) / SECOND;
  words[at >> 2] = Number(seconds & 0xffff_ffffn);
  words[(at >> 2) + 1] = Number((seconds >> 32n) & 0xffff_ffffn);
  words[(at >> 2) + 2] = Number(rest);
}

const SECOND = 1_000_000_000n;

function putDevice(words: Uint32Array, at: number, device: bigint): void {
  const { major, minor } = deviceNumbers(device);
  words[at >> 2] = major;
  words[(at >> 2) + 1] = minor;
}
