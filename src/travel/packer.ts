import { createHash } from 'node:crypto';
import { closeSync, readSync } from 'node:fs';
import { openSource } from '../cache/open-source.js';
import { digestOf } from '../model/digest.js';
import type { Scope } from '../model/scope.js';
import type { ChunkFact, Pack } from './mount-index.js';
import { packBlob } from './mount-manifest.js';
import type { WritablePlace } from './place.js';
import { squeeze } from './squeeze.js';

/** Unpacked bytes of a pack: about a fiftieth of all, so that writing one anew never moves much. */
const PACK = { least: 256 << 10, most: 16 << 20, share: 50 };
/** Puts that may be under way at once. */
const PARALLEL = 4;
/** Packs of which less is still needed are written anew, a few in each export. */
const WORTH_KEEPING = 0.6;
const REPACKED_SHARE = 0.02;

/** Where bytes of a chunk are on this machine. */
interface Source {
  readonly file: Buffer;
  readonly offset: number;
  readonly bytes: number;
}

/** Puts chunks into packs: those that an earlier export has are not written again. */
export class Packer {
  readonly #place: WritablePlace;
  readonly #scope: Scope;
  readonly #old: readonly Pack[];
  readonly #packBytes: number;
  /** The pack of an earlier export that holds a chunk. */
  readonly #home = new Map<string, Pack>();
  /** Where else a needed chunk can be read from, if anywhere. */
  readonly #used = new Map<string, Source | undefined>();
  readonly #made: Pack[] = [];
  readonly #running = new Set<Promise<void>>();
  #pending: { readonly fact: ChunkFact; readonly bytes: Buffer }[] = [];
  #pendingBytes = 0;
  #failure: Error | undefined;

  /** `expected`: about how many bytes there will be. */
  constructor(
    { old, expected }: { readonly old: readonly Pack[]; readonly expected: number },
    place: WritablePlace,
    scope: Scope,
  ) {
    [this.#old, this.#place, this.#scope] = [old, place, scope];
    this.#packBytes = Math.min(Math.max(expected / PACK.share, PACK.least), PACK.most);
    for (const pack of old) for (const [hex] of pack.chunks) this.#home.set(hex, pack);
  }

  /** Gives the chunk's name. */
  async add(
    chunk: Uint8Array,
    at: { readonly file: Buffer; readonly offset: number },
  ): Promise<string> {
    const hex = createHash('sha256').update(chunk).digest('hex');
    if (this.#used.get(hex) !== undefined) return hex;
    const isNew = !this.#used.has(hex) && !this.#home.has(hex);
    this.#used.set(hex, { ...at, bytes: chunk.length });
    if (isNew) await this.#write(hex, Buffer.from(chunk));
    return hex;
  }

  /** Chunks that an earlier export has and that are needed again; false when one of them is not there any more. */
  keep(names: readonly string[]): boolean {
    if (!names.every((hex) => this.#home.has(hex))) return false;
    for (const hex of names) if (!this.#used.has(hex)) this.#used.set(hex, undefined);
    return true;
  }

  /** All packs the export needs, after everything is at its place. */
  async finish(): Promise<readonly Pack[]> {
    const kept = new Set(this.#keep());
    for (const pack of this.#old) {
      const live = kept.has(pack) ? [] : this.#liveOf(pack);
      const chunks = live.map(([hex]) => ({ hex, bytes: this.#read(hex) }));
      // What changed since it was looked at is in the old pack only.
      if (chunks.some(({ bytes }) => bytes === undefined)) kept.add(pack);
      else for (const { hex, bytes } of chunks) if (bytes) await this.#write(hex, bytes);
    }
    await this.#flush();
    while (this.#running.size > 0) await Promise.race(this.#running);
    if (this.#failure !== undefined) throw this.#failure;
    return [...kept, ...this.#made];
  }

  /** Chunks of an old pack that are needed, and come from it. */
  #liveOf(pack: Pack): readonly ChunkFact[] {
    return pack.chunks.filter(([hex]) => this.#used.has(hex) && this.#home.get(hex) === pack);
  }

  /** Of the old packs those that are needed, without the few that are mostly waste. */
  #keep(): readonly Pack[] {
    const facts = this.#old.map((pack) => {
      const [live, all] = [bytesOf(this.#liveOf(pack)), bytesOf(pack.chunks)];
      return { pack, live, all, share: live / all };
    });
    let budget = facts.reduce((sum, { live }) => sum + live, 0) * REPACKED_SHARE;
    return facts
      .filter(({ live }) => live > 0)
      .sort((a, b) => a.share - b.share)
      .filter(({ live, share }) => {
        const goes = share < WORTH_KEEPING && live <= budget;
        if (goes) budget -= live;
        return !goes;
      })
      .map(({ pack }) => pack);
  }

  #read(hex: string): Buffer | undefined {
    const source = this.#used.get(hex);
    const bytes = source === undefined ? undefined : readSource(source);
    if (bytes === undefined) return undefined;
    return createHash('sha256').update(bytes).digest('hex') === hex ? bytes : undefined;
  }

  async #write(hex: string, bytes: Buffer): Promise<void> {
    this.#pending.push({ fact: [hex, bytes.length], bytes });
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes >= this.#packBytes) await this.#flush();
  }

  async #flush(): Promise<void> {
    if (this.#pending.length === 0) return;
    const chunks = this.#pending.map(({ fact }) => fact);
    const bytes = Buffer.concat(this.#pending.map((each) => each.bytes));
    [this.#pending, this.#pendingBytes] = [[], 0];
    while (this.#running.size >= PARALLEL) await Promise.race(this.#running);
    if (this.#failure !== undefined) throw this.#failure;
    const put = this.#send(bytes, chunks)
      .catch((error: unknown) => {
        this.#failure ??= error instanceof Error ? error : new Error(String(error));
      })
      .then(() => void this.#running.delete(put));
    this.#running.add(put);
  }

  async #send(bytes: Buffer, chunks: readonly ChunkFact[]): Promise<void> {
    const packed = await squeeze(bytes);
    const pack = { digest: digestOf(packed), size: packed.length, chunks };
    this.#made.push(pack);
    await this.#place.put(packed, packBlob(pack), this.#scope);
  }
}

function bytesOf(chunks: readonly ChunkFact[]): number {
  return chunks.reduce((sum, [, bytes]) => sum + bytes, 0);
}

/** The mount is no longer locked: what was read from there may be gone. */
function readSource({ file, offset, bytes }: Source): Buffer | undefined {
  const buffer = Buffer.alloc(bytes);
  let fd: number;
  try {
    fd = openSource(file, file.toString('latin1'));
  } catch {
    return undefined;
  }
  try {
    for (let at = 0; at < bytes;) {
      const read = readSync(fd, buffer, at, bytes - at, offset + at);
      if (read === 0) return undefined;
      at += read;
    }
    return buffer;
  } finally {
    closeSync(fd);
  }
}
