import { createRequire } from 'node:module';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type * as Fzstd from 'fzstd';
import type Unbzip2 from 'unbzip2-stream';
import type xxhash from 'xxhash-wasm';
import type { XXHashAPI } from 'xxhash-wasm';
import type * as Xz from 'xz-decompress';
import { BuildError } from '../model/error.js';
import type { Bytes } from '../model/stores.js';
import { ZstdFrames } from './zstd-frames.js';

type Packer = 'gzip' | 'bzip2' | 'xz' | 'zstd';

const MAGICS: readonly (readonly [hex: string, packer: Packer])[] = [
  ['1f8b08', 'gzip'],
  ['425a68', 'bzip2'],
  ['fd377a585a00', 'xz'],
  ['28b52ffd', 'zstd'],
];
const LONGEST_MAGIC = 6;
/** Bombs: what unpacks to more than a thousand times its size, once that is a lot. */
const MAX_RATIO = 1000;
const ALWAYS_ALLOWED = 100 << 20;

/**
 * The bytes of a possibly compressed file, told by its first bytes: gzip, bzip2, xz, zstd, else taken as plain. Throws
 * BuildError `archive` on damaged or absurdly compressed data, `unsupported` on a variant that cannot be read.
 */
export async function* decompress(bytes: Bytes): Bytes {
  const { head, rest } = await peek(bytes);
  const packer = packerOf(head);
  if (packer === undefined) {
    yield* rest;
    return;
  }
  const budget = new Budget();
  const input = counted(rest, budget);
  try {
    for await (const chunk of UNPACKERS[packer](input, budget)) {
      budget.give(chunk.length);
      yield chunk;
    }
  } catch (error) {
    throw asDamaged(error, packer, budget);
  } finally {
    await input.return(undefined);
  }
}

function packerOf(head: Uint8Array): Packer | undefined {
  const hex = Buffer.from(head.subarray(0, LONGEST_MAGIC)).toString('hex');
  // Skippable frames may come first in zstd: 0x184D2A50 to 0x184D2A5F, little-endian.
  if (/^5.2a4d18/.test(hex)) return 'zstd';
  return MAGICS.find(([magic]) => hex.startsWith(magic))?.[1];
}

class Budget {
  #taken = 0;
  #given = 0;
  /** An error of the source itself, not of what it holds. */
  sourceError: unknown;

  take(length: number): void {
    this.#taken += length;
  }

  give(length: number): void {
    this.#given += length;
    this.check(0);
  }

  /** `pending`: what is unpacked and not given yet. */
  check(pending: number): void {
    const all = this.#given + pending;
    if (all > ALWAYS_ALLOWED && all > this.#taken * MAX_RATIO) throw tooMuch();
  }
}

function tooMuch(): BuildError {
  return new BuildError('archive', 'it unpacks to more than 1000 times its size');
}

async function* counted(bytes: Bytes, budget: Budget): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of bytes) {
      budget.take(chunk.length);
      yield chunk;
    }
  } catch (error) {
    budget.sourceError = error;
    throw error;
  }
}

function asDamaged(error: unknown, packer: Packer, { sourceError }: Budget): unknown {
  if (sourceError !== undefined) return sourceError;
  if (error instanceof BuildError || !(error instanceof Error)) return error;
  if (error.name === 'AbortError') return error;
  if (packer === 'xz' && /error code [26]$/.test(error.message)) {
    return new BuildError('unsupported', 'xz with a filter or checksum that cannot be read', {
      hint: 'repack it with plain xz, or as .tar.gz',
      cause: error,
    });
  }
  // Its decoder allocates nothing over its own limit.
  if (packer === 'xz' && error.message.endsWith('error code 4'))
    return new BuildError('archive', 'xz that takes too much memory to unpack', { cause: error });
  return new BuildError('archive', `not valid ${packer}: ${error.message}`, { cause: error });
}

type Unpacker = (bytes: AsyncGenerator<Uint8Array>, budget: Budget) => Bytes;

const UNPACKERS: Readonly<Record<Packer, Unpacker>> = {
  gzip: gunzip,
  bzip2: (bytes, budget) => pushed(bytes, budget, (put) => bunzip(put)),
  xz: unxz,
  zstd: unzstd,
};

async function* gunzip(bytes: AsyncGenerator<Uint8Array>): Bytes {
  const input = Readable.from(bytes, { objectMode: false });
  const unpacked = createGunzip({ chunkSize: 1 << 18 });
  input.on('error', (error) => unpacked.destroy(error));
  try {
    yield* input.pipe(unpacked) as Bytes;
  } finally {
    input.destroy();
    unpacked.destroy();
  }
}

/** A decoder that is fed and answers at once. */
interface PushDecoder {
  readonly push: (chunk: Uint8Array) => void;
  readonly end: () => void;
}

/** A small input may unpack to much: it is fed in slices, and what one of them gives is bounded. */
const SLICE = 16 << 10;
const MAX_PENDING = 256 << 20;

async function* pushed(
  bytes: Bytes,
  budget: Budget,
  open: (put: (chunk: Uint8Array) => void) => PushDecoder,
): Bytes {
  let ready: Uint8Array[] = [];
  let pending = 0;
  const decoder = open((chunk) => {
    pending += chunk.length;
    budget.check(pending);
    if (pending > MAX_PENDING) throw tooMuch();
    ready.push(chunk);
  });
  const take = (): readonly Uint8Array[] => {
    const taken = ready;
    [ready, pending] = [[], 0];
    return taken;
  };
  for await (const chunk of bytes) {
    for (let at = 0; at < chunk.length; at += SLICE) {
      decoder.push(chunk.subarray(at, at + SLICE));
      yield* take();
    }
  }
  decoder.end();
  yield* take();
}

function bunzip(put: (chunk: Uint8Array) => void): PushDecoder {
  const require = createRequire(import.meta.url);
  const stream = (require('unbzip2-stream') as typeof Unbzip2)();
  let failure: Error | undefined;
  stream.on('data', put);
  stream.on('error', (error: Error) => (failure ??= error));
  const check = (): void => {
    if (failure !== undefined) throw failure;
  };
  return {
    push: (chunk) => {
      // It keeps what it is given.
      stream.write(Buffer.from(chunk));
      check();
    },
    end: () => {
      stream.end();
      check();
    },
  };
}

async function* unzstd(bytes: AsyncGenerator<Uint8Array>, budget: Budget): Bytes {
  const require = createRequire(import.meta.url);
  const { Decompress } = require('fzstd') as typeof Fzstd;
  const hashes = await (require('xxhash-wasm') as typeof xxhash)();
  yield* pushed(bytes, budget, (put) => zstdDecoder(put, Decompress, hashes));
}

/** A decoder for each frame, whose checksum (the low half of its content's xxh64) is compared. */
function zstdDecoder(
  put: (chunk: Uint8Array) => void,
  Decompress: typeof Fzstd.Decompress,
  hashes: XXHashAPI,
): PushDecoder {
  const frames = new ZstdFrames();
  const open = () => {
    const hash = hashes.create64();
    const stream = new Decompress((chunk) => {
      hash.update(chunk);
      put(chunk);
    });
    return { hash, stream };
  };
  let frame = open();
  return {
    push: (chunk) => {
      for (const { bytes, end } of frames.pieces(chunk)) {
        // It keeps what it is given.
        frame.stream.push(Uint8Array.from(bytes), end !== undefined);
        if (end === undefined) continue;
        const wanted = end.checksum;
        if (wanted !== undefined && Number(BigInt.asUintN(32, frame.hash.digest())) !== wanted)
          throw new BuildError('archive', 'not valid zstd: its checksum is wrong');
        frame = open();
      }
    },
    end: () => {
      frames.end();
    },
  };
}

async function* unxz(bytes: AsyncGenerator<Uint8Array>): Bytes {
  const { XzReadableStream } = createRequire(import.meta.url)('xz-decompress') as typeof Xz;
  const input = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const next = await bytes.next();
      if (next.done === true) controller.close();
      else controller.enqueue(next.value);
    },
  });
  // Leaving the loop early cancels the stream, which frees the decoder for the next archive.
  yield* new XzReadableStream(input) as unknown as Bytes;
}

/** The first bytes, as many as a magic needs, and all of them again. */
async function peek(bytes: Bytes): Promise<{ head: Uint8Array; rest: Bytes }> {
  const source = bytes[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  let length = 0;
  while (length < LONGEST_MAGIC) {
    const next = await source.next();
    if (next.done === true) break;
    first.push(next.value);
    length += next.value.length;
  }
  return { head: Buffer.concat(first), rest: restOf(first, source) };
}

async function* restOf(first: readonly Uint8Array[], source: AsyncIterator<Uint8Array>): Bytes {
  try {
    yield* first;
    for (let next = await source.next(); next.done !== true; next = await source.next())
      yield next.value;
  } finally {
    await source.return?.();
  }
}
