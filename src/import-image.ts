import { decompress } from './cache/decompress.js';
import { applyChanges } from './config-changes.js';
import { archiveFile } from './exporter/read-archive.js';
import type { Digest } from './model/digest.js';
import { imageHappening } from './model/engine-event.js';
import { BuildError } from './model/error.js';
import { type Descriptor, type ImageConfig, type Manifest, MediaType } from './model/oci.js';
import type { Platform } from './model/oci.js';
import { parseReference } from './model/reference.js';
import type { Scope } from './model/scope.js';
import type { Bytes } from './model/stores.js';
import { createHttp } from './registry/http.js';
import { fetchFile } from './registry/fetch-file.js';
import type { Workshop } from './workshop.js';

export interface ImportOptions {
  /** A file, an http(s) URL, or `-` with `stdin`. */
  readonly source: string;
  readonly stdin: Bytes;
  readonly name: string | undefined;
  readonly message: string;
  /** Dockerfile instructions for its config. */
  readonly changes: readonly string[];
  readonly platform: Platform;
}

/** Makes an image of one layer of a root filesystem's tar, plain or compressed; gives its id. */
export async function importImage(
  options: ImportOptions,
  workshop: Workshop,
  scope: Scope,
): Promise<Digest> {
  const { name, changes, message, platform } = options;
  const { store, tell, now } = workshop;
  const reference = name === undefined ? undefined : parseReference(name);
  const run = await applyChanges({}, changes, platform);
  const bytes = await sourceOf(options, workshop, scope);
  const mediaType = MediaType.ociLayer;
  const layer = await store.blobs.put(decompress(bytes), { mediaType }, scope);
  await checkLayer(layer, options.source, workshop, scope);
  const created = new Date(now()).toISOString();
  const { os, architecture, variant } = platform;
  const config: ImageConfig = {
    created,
    ...{ os, architecture, ...(variant === undefined ? {} : { variant }) },
    config: run,
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
    history: [{ created, comment: message }],
  };
  const id = await store.blobs.putJson(config, MediaType.ociConfig, scope);
  const document: Manifest = {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: id,
    layers: [layer],
  };
  const manifest = await store.blobs.putJson(document, MediaType.ociManifest, scope);
  if (reference === undefined) store.images.keep(manifest);
  else store.images.tag(reference, manifest);
  tell(imageHappening('import', { id: id.digest, config }));
  return id.digest;
}

async function sourceOf(
  { source, stdin }: ImportOptions,
  { env }: Workshop,
  { signal }: Scope,
): Promise<Bytes> {
  if (source === '-') return stdin;
  if (!/^https?:\/\//.test(source)) return archiveFile(source);
  const http = await createHttp({ env, peer: 'host' });
  const file = await fetchFile(http, { url: new URL(source), signal });
  if (file === undefined) throw new Error('a file that is as nobody said');
  return file.body;
}

/** Unpacked now: what is no root filesystem is said here, and not when a container starts. */
async function checkLayer(
  layer: Descriptor,
  source: string,
  { store }: Workshop,
  scope: Scope,
): Promise<void> {
  try {
    const made = await store.snapshots.fromBlob(layer, layer.digest, (blob, inner) =>
      store.blobs.open(blob, inner),
    );
    await made.ensure(scope);
  } catch (error) {
    if (!(error instanceof BuildError) || error.code !== 'archive') throw error;
    throw error.with({ hint: `${source === '-' ? 'stdin' : source} must be the tar of a root` });
  }
}
