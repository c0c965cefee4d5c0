import {
  closeSync,
  constants,
  createReadStream,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import { type Digest, digestOf, hexOf, isDigest } from '../model/digest.js';
import { type Descriptor, MediaType } from '../model/oci.js';
import type { Scope } from '../model/scope.js';
import type { Bytes } from '../model/stores.js';
import { makeOutput } from '../exporter/make-output.js';
import { writeTo } from '../exporter/tar-file.js';
import { sys } from '../sys/sys.js';
import { ARTIFACT, blobsOf, EMPTY_CONFIG, one } from './mount-manifest.js';
import type { WritablePlace } from './place.js';

/** What index.json says of a manifest; fields we do not know stay. */
interface LayoutEntry {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType?: string;
}

export const LAYOUT_FILE = '{"imageLayoutVersion":"1.0.0"}';

/**
 * An OCI layout that holds an export, beside images if there are any. It is locked until disposed: readers together,
 * a writer alone. The lock is the directory's own (flock), so nothing lies there afterwards.
 */
export async function openLayout(
  directory: string,
  how: 'read' | 'write',
  scope: Scope,
): Promise<WritablePlace & AsyncDisposable> {
  if (how === 'write') makeOutput(directory);
  const fd = openDirectory(directory);
  try {
    await sys().flockAsync(fd, how === 'write' ? 'exclusive' : 'shared', scope.signal);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  const blobFile = (digest: Digest): string => join(directory, 'blobs/sha256', hexOf(digest));
  return {
    name: directory,
    manifest: () => Promise.resolve(readManifest(directory)),
    has: ({ digest, size }) =>
      Promise.resolve(statSync(blobFile(digest), { throwIfNoEntry: false })?.size === size),
    open: (blob) => readBlob(blobFile(blob.digest), directory, blob),
    put: async (bytes, { digest }) => {
      makeOutput(join(directory, 'blobs/sha256'));
      await writeTo(blobFile(digest), one(bytes), scope);
    },
    publish: (manifest) => publish(directory, manifest, scope),
    [Symbol.asyncDispose]: () => {
      closeSync(fd);
      return Promise.resolve();
    },
  };
}

function openDirectory(directory: string): number {
  try {
    return openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTDIR', 'EACCES')) throw error;
    const why = hasCode(error, 'ENOENT') ? 'is not there' : 'cannot be opened as a directory';
    throw new BuildError('not-found', `${directory} ${why}`, {
      hint: 'stave cache export --mounts DIR makes one',
      cause: error,
    });
  }
}

function entriesOf(directory: string): readonly LayoutEntry[] {
  const file = join(directory, 'index.json');
  let document: unknown;
  try {
    document = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    if (!(error instanceof SyntaxError)) throw error;
    throw new BuildError('archive', `${file} is not valid JSON`, { cause: error });
  }
  const { manifests } = (document ?? {}) as { manifests?: unknown }; // Fields of anything but null can be asked for.
  const fine = (entry: unknown): entry is LayoutEntry => {
    const { digest, size } = (entry ?? {}) as { digest?: unknown; size?: unknown }; // As above.
    return typeof digest === 'string' && isDigest(digest) && typeof size === 'number';
  };
  const list: readonly unknown[] = Array.isArray(manifests) ? manifests : [undefined];
  if (list.every(fine)) return list;
  throw new BuildError('archive', `${file} is not the index of an OCI layout`);
}

function isOurs({ artifactType }: LayoutEntry): boolean {
  return artifactType === ARTIFACT;
}

function readManifest(directory: string): Buffer | undefined {
  const entry = entriesOf(directory).find(isOurs);
  if (entry === undefined) return undefined;
  const bytes = readIf(join(directory, 'blobs/sha256', hexOf(entry.digest)));
  if (bytes !== undefined && digestOf(bytes) === entry.digest) return bytes;
  throw new BuildError('integrity', `${directory}: manifest ${entry.digest} is damaged or missing`);
}

function readIf(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function* readBlob(file: string, directory: string, { digest }: Descriptor): Bytes {
  try {
    const fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    yield* createReadStream('', { fd }) as Bytes;
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ELOOP')) throw error;
    throw new BuildError('integrity', `${directory}: blob ${digest} is missing`, { cause: error });
  }
}

async function publish(directory: string, manifest: Buffer, scope: Scope): Promise<void> {
  const digest = digestOf(manifest);
  const file = (name: string): string => join(directory, name);
  const old = entriesOf(directory);
  const before = readIf(file(`blobs/sha256/${hexOf(old.find(isOurs)?.digest ?? digest)}`));
  await writeTo(file(`blobs/sha256/${hexOf(digest)}`), one(manifest), scope);
  const manifests = [...old.filter((entry) => !isOurs(entry)), indexEntry(manifest)];
  await writeTo(file('oci-layout'), one(Buffer.from(LAYOUT_FILE)), scope);
  await writeTo(file('index.json'), one(layoutIndex(manifests)), scope);
  removeUnneeded(directory, { manifest, before, alone: manifests.length === 1, old });
}

export function indexEntry(manifest: Buffer): LayoutEntry {
  const facts = { digest: digestOf(manifest), size: manifest.length, artifactType: ARTIFACT };
  return { mediaType: MediaType.ociManifest, ...facts };
}

export function layoutIndex(manifests: readonly LayoutEntry[]): Buffer {
  const index = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests };
  return Buffer.from(JSON.stringify(index));
}

interface Change {
  readonly manifest: Buffer;
  /** The manifest that was there. */
  readonly before: Buffer | undefined;
  /** No images are here besides: what the manifest does not name is nobody's. */
  readonly alone: boolean;
  readonly old: readonly LayoutEntry[];
}

/** So that a directory does not grow from export to export. */
function removeUnneeded(directory: string, { manifest, before, alone, old }: Change): void {
  const blobs = join(directory, 'blobs/sha256');
  const named = (bytes: Buffer): string[] =>
    [digestOf(bytes), ...(blobsOf(bytes) ?? []).map(({ digest }) => digest)].map(hexOf);
  const needed = new Set(named(manifest));
  // What images have in common with an export: the empty configuration at most.
  const others = new Set(old.filter((entry) => !isOurs(entry)).map(({ digest }) => hexOf(digest)));
  const candidates = alone ? readdirSync(blobs) : before === undefined ? [] : named(before);
  const shared = hexOf(EMPTY_CONFIG.blob.digest);
  for (const name of candidates)
    if (!needed.has(name) && !others.has(name) && name !== shared)
      rmSync(join(blobs, name), { force: true });
}
