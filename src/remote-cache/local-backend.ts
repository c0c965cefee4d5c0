import { createReadStream, readFileSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { lockFile } from '../cache/lock-file.js';
import { descriptor, list, record } from '../exporter/image-document.js';
import { makeOutput } from '../exporter/make-output.js';
import { writeTo } from '../exporter/tar-file.js';
import type { CacheDocumentForm, LocalCacheFrom } from '../model/cache-options.js';
import { type Digest, digestOf, hexOf, isDigest } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import { type Descriptor, isIndexType, MediaType } from '../model/oci.js';
import { reasonOf } from '../model/reason-of.js';
import type { Scope } from '../model/scope.js';
import type { Bytes } from '../model/stores.js';
import { parseStrictJson } from '../registry/strict-json.js';
import type { CacheBackend, CacheDocument, WritableCacheBackend } from './backend.js';
import { inlineDocument } from './inline.js';
import { cacheParts, manifestOf } from './oci-document.js';

const REF = 'org.opencontainers.image.ref.name';
const MAX_DOCUMENT = 16 << 20;

/** A cache in a directory, an OCI layout as buildx writes it. */
export function localCache(options: Omit<LocalCacheFrom, 'type'>): CacheBackend {
  const directory = resolve(options.src);
  return {
    name: `client directory ${options.src}`,
    // eslint-disable-next-line @typescript-eslint/require-await -- what is refused must reject, not throw
    read: async () => read({ ...options, directory }),
    blob: (blob) => blobBytes(directory, blob.digest),
  };
}

export function localBackend(
  options: { readonly dest: string; readonly tag?: string } & CacheDocumentForm,
): WritableCacheBackend {
  const directory = resolve(options.dest);
  const { tag = 'latest' } = options;
  return {
    ...localCache({ src: options.dest, tag }),
    lock: async (scope) => {
      makeOutput(join(directory, 'blobs/sha256'));
      return lockFile(join(directory, 'index.json.lock'), scope.signal, () => undefined);
    },
    has: ({ digest, size }) =>
      Promise.resolve(
        statSync(blobPath(directory, digest), { throwIfNoEntry: false })?.size === size,
      ),
    put: (blob, bytes, scope) => writeTo(blobPath(directory, blob.digest), bytes(), scope),
    write: async (document, scope) => {
      const manifest = manifestOf(document, options);
      const { mediaType, bytes, config } = manifest;
      const own = { mediaType, digest: digestOf(bytes), size: bytes.length };
      await writeTo(blobPath(directory, config.digest), once(document.config), scope);
      await writeTo(blobPath(directory, own.digest), once(bytes), scope);
      const before = await nameManifest({ directory, tag }, own, scope);
      if (before !== undefined && before.digest !== own.digest) dropReplaced(directory, before);
    },
  };
}

// eslint-disable-next-line @typescript-eslint/require-await -- pulled like every other source of bytes
async function* once(bytes: Uint8Array): Bytes {
  yield bytes;
}

function blobPath(directory: string, digest: Digest): string {
  return join(directory, 'blobs/sha256', hexOf(digest));
}

async function* blobBytes(directory: string, digest: Digest): Bytes {
  const path = blobPath(directory, digest);
  try {
    yield* createReadStream(path, { highWaterMark: 1 << 20 });
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'EISDIR', 'EACCES')) throw error;
    throw new BuildError('not-found', `the cache ${directory} lacks blob ${digest}`, {
      cause: error,
    });
  }
}

interface Wanted {
  readonly directory: string;
  readonly tag?: string;
  readonly digest?: string;
}

function read(wanted: Wanted): CacheDocument | undefined {
  const { directory, digest, tag = 'latest' } = wanted;
  const named = digest ?? entries(directory).find((entry) => nameOf(entry) === tag)?.digest;
  if (named === undefined) return undefined;
  const what = `the cache ${directory}`;
  if (!isDigest(named))
    throw new BuildError('usage', `${what}: its digest ${JSON.stringify(named)} is malformed`, {
      hint: 'digest=sha256:<64 hex>',
    });
  const bytes = document(directory, named);
  if (bytes === undefined) return undefined;
  const value = parseStrictJson(bytes.toString(), what);
  const { mediaType, manifests } = record(value, what);
  const type = typeof mediaType === 'string' ? mediaType : MediaType.ociManifest;
  const found = { mediaType: manifests === undefined ? type : MediaType.ociIndex, document: value };
  const parts = cacheParts(found, what);
  if (parts === undefined) return carried(directory, found, what);
  const config = document(directory, parts.config.digest);
  return config && { config, blobs: parts.blobs };
}

/** An image of the layout that has a cache in it. */
function carried(
  directory: string,
  { mediaType, document: manifest }: { readonly mediaType: string; readonly document: unknown },
  what: string,
): CacheDocument | undefined {
  if (isIndexType(mediaType)) return undefined;
  const { config } = manifest as { readonly config: Descriptor }; // `cacheParts` read it.
  const bytes = document(directory, config.digest);
  return bytes && inlineDocument([{ manifest, config: bytes }], what);
}

/** Undefined when it is not there. Throws BuildError `integrity` when it is another. */
function document(directory: string, digest: Digest): Buffer | undefined {
  const path = blobPath(directory, digest);
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) return undefined;
  if (size > MAX_DOCUMENT)
    throw new BuildError('integrity', `blob ${digest} in ${directory} is larger than 16 MiB`);
  const bytes = readFileSync(path);
  if (digestOf(bytes) === digest) return bytes;
  throw new BuildError('integrity', `blob ${digest} in ${directory} is damaged`);
}

function entries(directory: string): readonly Descriptor[] {
  const path = join(directory, 'index.json');
  const text = indexText(path);
  if (text === undefined) return [];
  const value = record(parseStrictJson(text, path), path);
  return list(value['manifests'] ?? [], path, 10_000).map((entry) => descriptor(entry, path));
}

/** Undefined when there is no cache yet. */
function indexText(path: string): string | undefined {
  try {
    if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (!hasCode(error, 'ENOTDIR', 'EISDIR', 'EACCES', 'ELOOP')) throw error;
    throw new BuildError('archive', `cannot read ${path}: ${reasonOf(error)}`, {
      hint: 'a cache is a directory as --cache-to type=local,dest=DIR writes it',
      cause: error,
    });
  }
}

function nameOf(entry: Descriptor): string | undefined {
  return entry.annotations?.[REF];
}

/** The index is replaced whole; other names stay. Gives what the name meant before. */
async function nameManifest(
  { directory, tag }: { readonly directory: string; readonly tag: string },
  own: Descriptor,
  scope: Scope,
): Promise<Descriptor | undefined> {
  const all = entries(directory);
  const named = { ...own, annotations: { [REF]: tag } };
  const manifests = [...all.filter((entry) => nameOf(entry) !== tag), named];
  const index = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests };
  const layout = JSON.stringify({ imageLayoutVersion: '1.0.0' });
  await writeTo(join(directory, 'oci-layout'), once(Buffer.from(layout)), scope);
  await writeTo(join(directory, 'index.json'), once(Buffer.from(JSON.stringify(index))), scope);
  return all.find((entry) => nameOf(entry) === tag);
}

/** What only the replaced cache had: a directory does not grow by every export. What cannot be read stays. */
function dropReplaced(directory: string, before: Descriptor): void {
  const kept = new Set(entries(directory).flatMap((entry) => reached(directory, entry)));
  for (const digest of reached(directory, before)) {
    if (isDigest(digest) && !kept.has(digest)) rmSync(blobPath(directory, digest), { force: true });
  }
}

const MAX_NESTING = 4;

/** Of manifests and indexes also what they name. */
function reached(
  directory: string,
  { digest, mediaType }: Descriptor,
  nesting = 0,
): readonly Digest[] {
  const isManifest = isIndexType(mediaType) || /\.manifest\.v\d\+json$/.test(mediaType);
  if (!isManifest || nesting === MAX_NESTING || !isDigest(digest)) return [digest];
  const bytes = document(directory, digest);
  if (bytes === undefined) return [digest];
  const { config, layers, manifests } = record(parseStrictJson(bytes.toString(), digest), digest);
  const named = [config ?? [], layers ?? [], manifests ?? []].flat() as Descriptor[];
  return [digest, ...named.flatMap((each) => reached(directory, each, nesting + 1))];
}
