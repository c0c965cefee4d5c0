import { createHash, type Hash } from 'node:crypto';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { type Digest, digestFromHex, type TreeDigest } from '../model/digest.js';
import type { Bytes, LayerMeta } from '../model/stores.js';
import { type LayerEntry, walkLayer } from './layer-walk.js';
import { encodeHeader, padding, tarEnd, type TarHeader } from './tar.js';

/** sha256 hex of files whose content is known already, by latin1 path in the layer. */
export type KnownContents = ReadonlyMap<string, string>;

export type LayerFacts = Omit<LayerMeta, 'created'>;

const CHUNK = 1 << 20;

/**
 * One pass over a layer's directory: diffID (the tar as `layerTar` writes it, hashed, never stored), content digest,
 * sizes. Each file is read once. No time is later than `epoch` (seconds). Synchronous: run it in a worker when the
 * layer is large.
 */
export function digestLayer(root: string, known: KnownContents, epoch?: number): LayerFacts {
  const digest = new LayerDigest();
  const buffer = Buffer.allocUnsafe(CHUNK);
  for (const entry of walkLayer(root, epoch)) {
    // A whiteout is no file: nothing of it is hashed.
    const hex = entry.file === undefined ? '' : known.get(entry.header.name);
    digest.add(entry.header, fileChunks(entry, buffer), hex);
  }
  return digest.finish();
}

/** `content` alone, in half the time: no tar is made. */
export function digestContent(root: string): TreeDigest {
  const content = new ContentHash();
  const buffer = Buffer.allocUnsafe(CHUNK);
  for (const entry of walkLayer(root)) {
    // A whiteout is no file.
    const isFile = entry.header.type === 'file' && entry.file !== undefined;
    const hash = isFile ? createHash('sha256') : undefined;
    for (const bytes of fileChunks(entry, buffer)) hash?.update(bytes);
    content.add(entry.header, hash?.digest('hex'));
  }
  return content.digest();
}

/** The facts of a layer from its entries, in the order of its tar. */
export class LayerDigest {
  readonly #tar = createHash('sha256');
  readonly #content = new ContentHash();
  readonly #facts = { tarBytes: 0, fileBytes: 0, entries: 0 };

  /** `chunks`: a file's bytes, `header.size` of them; `hex`: their sha256, if it is known. */
  add(header: TarHeader, chunks: Iterable<Uint8Array>, hex?: string): void {
    this.#put(encodeHeader(header));
    this.#facts.entries++;
    const link = header.type === 'symlink' ? (header.linkname ?? '').length : 0;
    this.#facts.fileBytes += header.size + link;
    const own = header.type === 'file' && hex === undefined ? createHash('sha256') : undefined;
    for (const bytes of chunks) {
      this.#put(bytes);
      own?.update(bytes);
    }
    this.#put(padding(header.size));
    this.#content.add(header, own?.digest('hex') ?? hex);
  }

  finish(): LayerFacts {
    this.#put(tarEnd());
    const diffID = digestFromHex(this.#tar.digest('hex'));
    return { diffID, content: this.#content.digest(), ...this.#facts };
  }

  #put(bytes: Uint8Array): void {
    this.#tar.update(bytes);
    this.#facts.tarBytes += bytes.length;
  }
}

/** The bytes whose digest is the layer's diffID (the one it has at `epoch`, if that is given). */
// eslint-disable-next-line @typescript-eslint/require-await -- pulled like every other source of bytes
export async function* layerTar(root: string, epoch?: number): Bytes {
  for (const entry of walkLayer(root, epoch)) yield* entryBytes(entry, entry.header);
  yield tarEnd();
}

export interface TreeTarOptions {
  /** The directory everything goes to; '' for the top. */
  readonly prefix: string;
  /** Every entry's time, in seconds. */
  readonly epoch?: number | undefined;
}

/** Entries of a whole tree, without the end of the archive. */
// eslint-disable-next-line @typescript-eslint/require-await -- the same
export async function* treeTar(root: string, { prefix, epoch }: TreeTarOptions): Bytes {
  const under = (name: string): string => (prefix === '' ? name : `${prefix}/${name}`);
  for (const entry of walkLayer(root)) {
    const { name, linkname, type, mtimeNs } = entry.header;
    const target = type === 'link' && linkname !== undefined ? under(linkname) : linkname;
    yield* entryBytes(entry, {
      ...entry.header,
      name: under(name),
      mtimeNs: epoch === undefined ? mtimeNs : BigInt(epoch) * 1_000_000_000n,
      ...(target === undefined ? {} : { linkname: target }),
    });
  }
}

function* entryBytes(entry: LayerEntry, header: TarHeader): Generator<Uint8Array> {
  yield encodeHeader(header);
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK, entry.header.size));
  for (const bytes of fileChunks(entry, buffer)) yield Buffer.from(bytes);
  const zeros = padding(entry.header.size);
  if (zeros.length > 0) yield zeros;
}

/** Exactly `size` bytes of the file through one buffer; a file that changed size meanwhile is an error. */
function* fileChunks(entry: LayerEntry, buffer: Buffer): Generator<Uint8Array> {
  if (entry.file === undefined || entry.header.size === 0) return;
  const fd = openSync(entry.file, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    for (let left = entry.header.size; left > 0;) {
      const read = readSync(fd, buffer, 0, Math.min(buffer.length, left), null);
      if (read === 0) throw new Error(`${entry.header.name} shrank while it was read`);
      left -= read;
      yield buffer.subarray(0, read);
    }
  } finally {
    closeSync(fd);
  }
}

/**
 * The digest of what a layer means: path, type, mode, owner, size, content, link target, device, xattrs of each entry,
 * length-prefixed. No mtime, no inode, no order of directories on disk.
 */
export class ContentHash {
  readonly #hash: Hash = createHash('sha256');

  /** `hex`: sha256 of a regular file's content. */
  add(header: TarHeader, hex: string | undefined): void {
    const fields = [header.name, header.type, header.mode, header.uid, header.gid, header.size]
      .concat([hex ?? '', header.linkname ?? '', header.devmajor ?? 0, header.devminor ?? 0])
      .concat(
        Object.entries(header.xattrs ?? {})
          .sort()
          .flat(),
      )
      .map(String);
    this.#hash.update(fields.map((field) => `${String(field.length)}:${field}`).join(''), 'latin1');
    this.#hash.update('\n');
  }

  digest(): Digest {
    return digestFromHex(this.#hash.digest('hex'));
  }
}
