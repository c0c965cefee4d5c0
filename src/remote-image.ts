import { blobLock } from './cache/blob-lock.js';
import { takeTurn, type Turn } from './cache/turn.js';
import { readFileSync } from 'node:fs';
import { type Digest, hexOf } from './model/digest.js';
import { BuildError } from './model/error.js';
import type { ResolvedImage } from './model/graph.js';
import { readConfig, readIndex, readManifest } from './exporter/image-document.js';
import { type Descriptor, type ImageIndex, isIndexType, type Platform } from './model/oci.js';
import { choosePlatform, formatPlatform } from './model/platform.js';
import { canonicalName, type Reference } from './model/reference.js';
import type { Bytes } from './model/stores.js';
import type { Scope } from './model/scope.js';
import { registrySettings } from './registry-settings.js';
import { type FetchedManifest, openRepository, type Repository } from './registry/registry.js';
import { parseStrictJson } from './registry/strict-json.js';
import type { Workshop } from './workshop.js';

const MAX_CONFIG = 4 << 20;
/** A smaller blob is brought anew when it was cut off. */
const RESUMED = 1 << 20;

export interface RemoteOptions {
  readonly workshop: Workshop;
  readonly platform: Platform;
  /** The name means this from now on. */
  readonly tag: boolean;
}

/** What a registry has under a name: an image, and what the name means there (of several platforms, their index). */
export interface RemoteImage {
  readonly image: ResolvedImage;
  /** Digest of its config. */
  readonly id: Digest;
  readonly root: Descriptor;
}

/** Asks the registry what a name means for a platform; keeps index, manifest and config, and the name, in the store. */
export async function resolveRemote(
  reference: Reference,
  { workshop, platform, tag }: RemoteOptions,
  scope: Scope,
): Promise<RemoteImage> {
  const repository = open(reference, workshop);
  const name = reference.digest ?? reference.tag ?? 'latest';
  const first = await repository.manifest(name, scope);
  if (first === undefined) throw notFound(reference);
  const manifest = await platformManifest(first, { reference, repository, platform }, scope);
  const shown = canonicalName(reference);
  const document = checked(() => readManifest(manifest.document, `the manifest of ${shown}`));
  const { blobs, images } = workshop.store;
  if (document.config.size > MAX_CONFIG)
    throw new BuildError('registry', `the config of ${shown} is larger than 4 MiB`);
  if (!blobs.claim(document.config.digest))
    await fetchBlob(reference, document.config, workshop, scope);
  const text = readFileSync(blobs.path(document.config.digest), 'utf8');
  const config = checked(() => {
    const what = `the config of ${shown}`;
    return readConfig(parseStrictJson(text, what), document.layers.length, what);
  });
  const root = names(first, manifest.descriptor) ? first : manifest;
  for (const { bytes, descriptor } of new Set([manifest, root]))
    await blobs.put(once(bytes), descriptor, scope);
  if (tag) images.tag(reference, root.descriptor, 'registry');
  const image = {
    reference: canonicalName(reference),
    manifest: manifest.descriptor.digest,
    layers: document.layers,
    config,
  };
  return { image, id: document.config.digest, root: root.descriptor };
}

/**
 * Downloads one blob into the store, one process at a time: who waited finds it there, or goes on where the one before
 * was killed or cut off. A difference in size or digest is
 * refused, naming the blob and its registry.
 */
export async function fetchBlob(
  reference: Reference,
  blob: Descriptor,
  workshop: Workshop,
  scope: Scope,
): Promise<void> {
  const { blobs, path } = workshop.store;
  await using turn = await takeTurn(blobLock(path('locks'), hexOf(blob.digest)), scope.signal);
  if (blobs.claim(blob.digest)) return;
  const from = (offset: number): Bytes =>
    telling(open(reference, workshop).blob(blob, scope, offset), turn);
  try {
    if (turn.alone && blob.size >= RESUMED) await blobs.resume(blob, from, scope);
    else await blobs.put(from(0), blob, scope);
  } catch (error) {
    if (!(error instanceof BuildError) || error.code !== 'integrity') throw error;
    throw new BuildError('integrity', `${reference.domain}/${reference.path}: ${error.message}`, {
      hint: 'the registry, or something on the way, is broken or lies; nothing of the blob was kept',
    });
  }
}

async function* telling(bytes: Bytes, { progress }: Turn): Bytes {
  for await (const chunk of bytes) {
    progress();
    yield chunk;
  }
}

function open(reference: Reference, workshop: Workshop): Repository {
  return openRepository(reference, registrySettings(workshop));
}

// eslint-disable-next-line @typescript-eslint/require-await -- pulled like every other source of bytes
async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** What is wrong with a document is the registry's fault here. */
function checked<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof BuildError) || error.code !== 'archive') throw error;
    throw new BuildError('registry', error.message, { cause: error });
  }
}

function notFound(reference: Reference): BuildError {
  return new BuildError(
    'registry',
    `${canonicalName(reference)}: not found, or it may require credentials`,
    {
      hint: `is the name right? stave login ${reference.domain} stores credentials`,
    },
  );
}

interface Wanted {
  readonly reference: Reference;
  readonly repository: Repository;
  readonly platform: Platform;
}

const MAX_NESTING = 4;

async function platformManifest(
  first: FetchedManifest,
  wanted: Wanted,
  scope: Scope,
): Promise<FetchedManifest> {
  const { reference, repository } = wanted;
  const name = canonicalName(reference);
  let found = first;
  for (let depth = 0; isIndexType(found.descriptor.mediaType); depth++) {
    if (depth === MAX_NESTING)
      throw new BuildError('registry', `the index of ${name} is nested too deeply`);
    const { document } = found;
    const index = checked(() => readIndex(document, `the index of ${name}`));
    const { digest, size } = choose(index, wanted);
    const next = await repository.manifest(digest, scope);
    if (next === undefined)
      throw new BuildError('registry', `${name}: its manifest ${digest} is missing`);
    if (next.descriptor.size !== size) {
      const sizes = `${String(next.descriptor.size)} bytes, its index says ${String(size)}`;
      throw new BuildError('integrity', `${name}: manifest ${digest} has ${sizes}`);
    }
    found = next;
  }
  return found;
}

/** Of indexes in indexes the store keeps only the image: a name means it, or an index that names it directly. */
function names({ descriptor, document }: FetchedManifest, { digest }: Descriptor): boolean {
  if (!isIndexType(descriptor.mediaType)) return false;
  return readIndex(document, 'an index').manifests.some((entry) => entry.digest === digest);
}

function choose(index: ImageIndex, { reference, platform }: Wanted): Descriptor {
  const real = index.manifests.filter((entry) => entry.platform?.os !== 'unknown');
  const chosen = choosePlatform(platform, real, (entry) => entry.platform);
  if (chosen !== undefined) return chosen;
  const there = real.map((entry) =>
    entry.platform === undefined ? '?' : formatPlatform(entry.platform),
  );
  throw new BuildError(
    'registry',
    `${canonicalName(reference)}: no match for platform ${formatPlatform(platform)}`,
    { hint: `it is there for ${there.join(', ')}` },
  );
}
