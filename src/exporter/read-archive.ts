import { createReadStream, statSync } from 'node:fs';
import { posix } from 'node:path';
import { decompress } from '../cache/decompress.js';
import type { DiskBlobStore } from '../cache/blob-store.js';
import { tarEntries } from '../cache/tar.js';
import { digestFromHex } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import type { Descriptor } from '../model/oci.js';
import type { Scope } from '../model/scope.js';
import type { Bytes } from '../model/stores.js';
import { bad, parseDocument } from './image-document.js';

/** What an image archive held. Its files are in the blob store, its few texts in memory. */
export interface ArchiveContents {
  /** A root document (`manifest.json`, `index.json`), decoded; undefined when absent. */
  readonly document: (name: string) => unknown;
  /** A file by its path, links inside the archive followed. */
  readonly file: (name: string) => Descriptor | undefined;
}

const DOCUMENTS = new Set(['manifest.json', 'index.json', 'oci-layout', 'repositories']);
const MAX_DOCUMENT = 4 << 20;
const MAX_ENTRIES = 100_000;
const MAX_LINKS = 32;
const BLOB = /^blobs\/sha256\/([0-9a-f]{64})$/;
/** docker's format before 1.10 describes each layer in these; nothing of today reads them. */
const LEGACY = /(^|\/)(VERSION|json)$/;

/**
 * Reads a tar of images, plain or gzip, once and in any order of its files. Throws BuildError `archive` when it is
 * malformed, `integrity` when a blob is not what its name says, `unsupported` for other compressions.
 */
export async function readArchive(
  source: Bytes,
  blobs: DiskBlobStore,
  scope: Scope,
): Promise<ArchiveContents> {
  const state: Contents = { documents: new Map(), files: new Map(), links: new Map() };
  let entries = 0;
  for await (const { header, body } of tarEntries(decompress(refusingOthers(source)))) {
    scope.signal.throwIfAborted();
    const bytes = whole(body, header.name);
    if (++entries > MAX_ENTRIES) throw bad('the archive', 'has too many entries');
    const name = posix.normalize(header.name);
    if (header.type === 'directory' || LEGACY.test(name)) continue;
    if (header.type === 'symlink') {
      state.links.set(name, posix.join(posix.dirname(name), header.linkname ?? ''));
    } else if (header.type === 'link') {
      state.links.set(name, posix.normalize(header.linkname ?? ''));
    } else if (header.type !== 'file') throw bad(`archive entry ${name}`, `is a ${header.type}`);
    else if (DOCUMENTS.has(name)) {
      state.documents.set(name, await collect(bytes, header.size, name));
    } else state.files.set(name, await keep(name, header.size, bytes, { blobs, scope }));
  }
  return {
    document: (name) => {
      const bytes = state.documents.get(name);
      return bytes === undefined ? undefined : parseDocument(bytes, name);
    },
    file: (name) => lookUp(state, name),
  };
}

/** An archive cut short inside a file is malformed, no defect of ours. */
async function* whole(body: Bytes, name: string): Bytes {
  try {
    yield* body;
  } catch (error) {
    if (error instanceof BuildError) throw error;
    throw new BuildError(
      'archive',
      `cannot read ${name} of the archive: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

interface Contents {
  readonly documents: Map<string, Uint8Array>;
  readonly files: Map<string, Descriptor>;
  readonly links: Map<string, string>;
}

/** A name below blobs/ is a promise of the digest; any other file gets the one it has. */
async function keep(
  name: string,
  size: number,
  body: Bytes,
  { blobs, scope }: { blobs: DiskBlobStore; scope: Scope },
): Promise<Descriptor> {
  const hex = BLOB.exec(name)?.[1];
  const mediaType = 'application/octet-stream';
  const promised = hex === undefined ? {} : { digest: digestFromHex(hex) };
  return blobs.put(body, { mediaType, size, ...promised }, scope);
}

function lookUp(state: Contents, name: string): Descriptor | undefined {
  let at = posix.normalize(name);
  for (let links = 0; links < MAX_LINKS; links++) {
    const target = state.links.get(at);
    if (target === undefined) return state.files.get(at);
    at = target;
  }
  return undefined;
}

async function collect(body: Bytes, size: number, name: string): Promise<Uint8Array> {
  if (size > MAX_DOCUMENT) throw bad(name, 'is larger than 4 MiB');
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const OTHER_COMPRESSIONS: readonly [name: string, magic: readonly number[]][] = [
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
];

async function* refusingOthers(source: Bytes): Bytes {
  let first = true;
  for await (const chunk of source) {
    if (first) refuseOthers(chunk);
    first = false;
    yield chunk;
  }
}

function refuseOthers(head: Uint8Array): void {
  for (const [name, magic] of OTHER_COMPRESSIONS) {
    if (!magic.every((byte, i) => head[i] === byte)) continue;
    throw new BuildError('unsupported', `the archive is compressed with ${name}`, {
      hint: `decompress it first: ${name} -dc archive | stave image load`,
    });
  }
}

/** The bytes of an archive on disk. Throws BuildError `not-found` or `usage` when there is none to read. */
export function archiveFile(path: string): Bytes {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new BuildError('not-found', `no such archive: ${path}`);
  if (stat.isDirectory()) throw new BuildError('usage', `${path} is a directory, not an archive`);
  return createReadStream(path, { highWaterMark: 1 << 20 });
}
