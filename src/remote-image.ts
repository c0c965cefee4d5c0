import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BuildError } from './model/error.js';
import type { ResolvedImage } from './model/graph.js';
import {
  type Descriptor,
  type ImageConfig,
  type ImageIndex,
  isIndexType,
  type Manifest,
  type Platform,
} from './model/oci.js';
import { canonicalName, type Reference } from './model/reference.js';
import type { Scope } from './model/scope.js';
import { readRegistryConfig } from './registry/config.js';
import { type FetchedManifest, openRepository, type Repository } from './registry/registry.js';
import { parseStrictJson } from './registry/strict-json.js';
import type { Workshop } from './workshop.js';

const MAX_CONFIG = 4 << 20;

/** Asks the registry what a name means for this platform; keeps manifest and config, and the name, in the store. */
export async function resolveRemote(
  reference: Reference,
  workshop: Workshop,
  scope: Scope,
): Promise<ResolvedImage> {
  const repository = open(reference, workshop);
  const name = reference.digest ?? reference.tag ?? 'latest';
  const first = await repository.manifest(name, scope);
  if (first === undefined) throw notFound(reference);
  const manifest = await platformManifest(
    first,
    { reference, repository, platform: workshop.platform },
    scope,
  );
  const document = readManifest(manifest, reference);
  const { blobs, images } = workshop.store;
  if (!blobs.hasSync(document.config.digest)) {
    if (document.config.size > MAX_CONFIG)
      throw new BuildError(
        'registry',
        `the config of ${canonicalName(reference)} is larger than 4 MiB`,
      );
    await blobs.put(repository.blob(document.config, scope), document.config, scope);
  }
  await blobs.put(once(manifest.bytes), manifest.descriptor, scope);
  const config = blobs.readJson(document.config.digest) as ImageConfig;
  if (config.rootfs.diff_ids.length !== document.layers.length) {
    throw new BuildError(
      'integrity',
      `${canonicalName(reference)}: its config names ${String(config.rootfs.diff_ids.length)} layers, its manifest ${String(document.layers.length)}`,
    );
  }
  images.tag(reference, manifest.descriptor);
  return {
    reference: canonicalName(reference),
    manifest: manifest.descriptor.digest,
    layers: document.layers,
    config,
  };
}

/** Downloads one blob into the store. A difference in size or digest is refused, naming the blob and its registry. */
export async function fetchBlob(
  reference: Reference,
  blob: Descriptor,
  workshop: Workshop,
  scope: Scope,
): Promise<void> {
  try {
    await workshop.store.blobs.put(open(reference, workshop).blob(blob, scope), blob, scope);
  } catch (error) {
    if (!(error instanceof BuildError) || error.code !== 'integrity') throw error;
    throw new BuildError('integrity', `${reference.domain}/${reference.path}: ${error.message}`, {
      hint: 'the registry, or something on the way, is broken or lies; nothing of the blob was kept',
    });
  }
}

function open(reference: Reference, { env, home }: Workshop): Repository {
  const file =
    env['STAVE_CONFIG'] ??
    join(env['XDG_CONFIG_HOME'] ?? join(home, '.config'), 'stave/config.json');
  const text = existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  return openRepository(reference, { env, home, config: readRegistryConfig(text, file) });
}

// eslint-disable-next-line @typescript-eslint/require-await -- pulled like every other source of bytes
async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function notFound(reference: Reference): BuildError {
  return new BuildError(
    'registry',
    `${canonicalName(reference)}: not found, or it may require credentials`,
    {
      hint: `is the name right? docker login ${reference.domain} stores credentials where stave finds them`,
    },
  );
}

interface Wanted {
  readonly reference: Reference;
  readonly repository: Repository;
  readonly platform: Platform;
}

async function platformManifest(
  first: FetchedManifest,
  wanted: Wanted,
  scope: Scope,
): Promise<FetchedManifest> {
  if (!isIndexType(first.descriptor.mediaType)) return first;
  const { reference, repository, platform } = wanted;
  const index = parseStrictJson(
    first.bytes.toString(),
    `the index of ${canonicalName(reference)}`,
  ) as ImageIndex;
  const real = index.manifests.filter((entry) => entry.platform?.os !== 'unknown');
  const chosen = real.find(
    (entry) =>
      entry.platform?.os === platform.os && entry.platform.architecture === platform.architecture,
  );
  if (chosen === undefined) {
    const there = real
      .map(({ platform: p }) => `${p?.os ?? '?'}/${p?.architecture ?? '?'}`)
      .join(', ');
    throw new BuildError(
      'registry',
      `${canonicalName(reference)}: no match for platform ${platform.os}/${platform.architecture}`,
      { hint: `it is there for ${there}` },
    );
  }
  const found = await repository.manifest(chosen.digest, scope);
  if (found === undefined)
    throw new BuildError(
      'registry',
      `${canonicalName(reference)}: its manifest ${chosen.digest} is missing`,
    );
  return found;
}

function readManifest({ bytes, descriptor }: FetchedManifest, reference: Reference): Manifest {
  const name = canonicalName(reference);
  const document = parseStrictJson(
    bytes.toString(),
    `the manifest of ${name}`,
  ) as Partial<Manifest>;
  if (
    document.schemaVersion !== 2 ||
    document.config === undefined ||
    !Array.isArray(document.layers)
  ) {
    throw new BuildError(
      'unsupported',
      `${name} has a manifest of type ${descriptor.mediaType}, which is not an image stave can run`,
    );
  }
  return document as Manifest;
}
