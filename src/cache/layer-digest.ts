import { createHash, type Hash } from 'node:crypto';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { type Digest, digestFromHex } from '../model/digest.js';
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
  const tar = createHash('sha256');
  const content = new ContentHash();
  const facts = { tarBytes: 0, fileBytes: 0, entries: 0 };
  const buffer = Buffer.allocUnsafe(CHUNK);
  const put = (bytes: Uint8Array): void => {
    tar.update(bytes);
    facts.tarBytes += bytes.length;
  };
  for (const entry of walkLayer(root, epoch)) {
    put(encodeHeader(entry.header));
    facts.entries++;
    facts.fileBytes += entry.header.size;
    const given = known.get(entry.header.name);
    const own = entry.file !== undefined && given === undefined ? createHash('sha256') : undefined;
    for (const bytes of fileChunks(entry, buffer)) {
      put(bytes);
      own?.update(bytes);
    }
    put(padding(entry.header.size));
    content.add(entry.header, own?.digest('hex') ?? given);
  }
  put(tarEnd());
  return { diffID: digestFromHex(tar.digest('hex')), content: content.digest(), ...facts };
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
