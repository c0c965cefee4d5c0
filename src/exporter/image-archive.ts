import { canonicalDigest } from '../model/canonical.js';
import { hexOf } from '../model/digest.js';
import {
  type Descriptor,
  type ImageConfig,
  type ImageIndex,
  type Manifest,
  MediaType,
  successors,
} from '../model/oci.js';
import { canonicalName, familiarName, type Reference } from '../model/reference.js';
import type { Scope } from '../model/scope.js';
import { type ArchiveFile, bytesOf } from './tar-file.js';
import { compressedLayer, type LayerContext, plainLayer } from './layer-source.js';

/** An image to write, with the names it gets. */
export interface NamedImage {
  /** Of `document`, as it is in the store. */
  readonly manifest: Descriptor;
  readonly document: Manifest;
  readonly config: ImageConfig;
  readonly references: readonly Reference[];
}

/**
 * The files of an OCI image layout (image-spec image-layout.md), layers compressed; docker's manifest.json beside, for
 * `docker load`. `index.json` comes after all it names. An image whose layers are compressed already keeps its manifest.
 */
export async function* ociLayout(
  images: readonly NamedImage[],
  context: LayerContext,
  scope: Scope,
): AsyncGenerator<ArchiveFile> {
  const index: Descriptor[] = [];
  const legacy: object[] = [];
  const written = new Set<string>();
  const { blobs } = context.store;
  yield text('oci-layout', { imageLayoutVersion: '1.0.0' });
  for (const image of images) {
    const { document, manifest } = await compressed(image, context, scope);
    for (const blob of [...successors(document), manifest]) {
      if (written.has(blob.digest)) continue;
      written.add(blob.digest);
      yield { name: blobPath(blob), size: blob.size, bytes: blobs.open(blob, scope) };
    }
    index.push(...indexEntries(manifest, image));
    legacy.push({
      Config: blobPath(document.config),
      RepoTags: tagged(image.references).map(familiarName),
      Layers: document.layers.map(blobPath),
    });
  }
  const document: ImageIndex = {
    schemaVersion: 2,
    mediaType: MediaType.ociIndex,
    manifests: index,
  };
  yield text('manifest.json', legacy);
  yield text('index.json', document);
}

async function compressed(
  { document, config, manifest }: NamedImage,
  context: LayerContext,
  scope: Scope,
): Promise<{ document: Manifest; manifest: Descriptor }> {
  const layers: Descriptor[] = [];
  for (const [i, layer] of document.layers.entries()) {
    const diffID = config.rootfs.diff_ids[i];
    if (diffID === undefined) throw new Error('more layers than diffIDs');
    layers.push(await compressedLayer(layer, diffID, context, scope));
  }
  if (layers.every(({ digest }, i) => digest === document.layers[i]?.digest)) {
    return { document, manifest };
  }
  const mediaType = document.mediaType ?? MediaType.ociManifest;
  const made = { ...document, layers };
  return { document: made, manifest: await context.store.blobs.putJson(made, mediaType, scope) };
}

/** Only names with a tag: docker refuses digests here. */
function tagged(references: readonly Reference[]): readonly Reference[] {
  return references.filter((name) => name.tag !== undefined && name.digest === undefined);
}

/** One entry a name, as containerd and skopeo look images up; one without a name for an untagged image. */
function indexEntries(
  { mediaType, digest, size }: Descriptor,
  { references, config }: NamedImage,
): Descriptor[] {
  const { os, architecture, variant } = config;
  const platform = { os, architecture, ...(variant === undefined ? {} : { variant }) };
  const entry = { mediaType, digest, size, platform };
  const names = tagged(references);
  if (names.length === 0) return [entry];
  return names.map((reference) => ({
    ...entry,
    annotations: {
      'io.containerd.image.name': canonicalName(reference),
      'org.opencontainers.image.ref.name': reference.tag ?? 'latest',
    },
  }));
}

function blobPath({ digest }: Descriptor): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

function text(name: string, value: unknown): ArchiveFile {
  const json = JSON.stringify(value);
  return { name, size: Buffer.byteLength(json), bytes: bytesOf(json) };
}

/** The files of docker's archive (`docker save`): config, uncompressed layers, manifest.json, repositories. */
export async function* dockerArchive(
  images: readonly NamedImage[],
  context: LayerContext,
  scope: Scope,
): AsyncGenerator<ArchiveFile> {
  const manifest: object[] = [];
  const repositories: Record<string, Record<string, string>> = {};
  const written = new Set<string>();
  const { blobs } = context.store;
  for (const { document, config, references } of images) {
    const name = `${hexOf(document.config.digest)}.json`;
    if (!written.has(name))
      yield { name, size: document.config.size, bytes: blobs.open(document.config, scope) };
    written.add(name);
    const layers: string[] = [];
    for (const [i, layer] of document.layers.entries()) {
      const diffID = config.rootfs.diff_ids[i];
      if (diffID === undefined) throw new Error('more layers than diffIDs');
      const path = `${hexOf(diffID)}/layer.tar`;
      layers.push(path);
      if (written.has(path)) continue;
      written.add(path);
      const bytes = plainLayer(layer, diffID, context, scope);
      yield { name: path, size: await plainSize(layer, diffID, context, scope), bytes };
    }
    manifest.push({ Config: name, RepoTags: tagged(references).map(familiarName), Layers: layers });
    for (const reference of tagged(references))
      addRepository(repositories, reference, layers.at(-1));
  }
  yield text('manifest.json', manifest);
  if (Object.keys(repositories).length > 0) yield text('repositories', repositories);
}

function addRepository(
  repositories: Record<string, Record<string, string>>,
  reference: Reference,
  layer: string | undefined,
): void {
  const name = familiarName(reference);
  const cut = name.lastIndexOf(':');
  const tags = (repositories[name.slice(0, cut)] ??= {});
  tags[name.slice(cut + 1)] = layer?.split('/')[0] ?? '';
}

/** A pulled layer's uncompressed length is not in its manifest: it is counted once and remembered. */
async function plainSize(
  layer: Descriptor,
  diffID: Descriptor['digest'],
  context: LayerContext,
  scope: Scope,
): Promise<number> {
  if (layer.mediaType === MediaType.ociLayer || layer.mediaType === MediaType.dockerLayer)
    return layer.size;
  const { records } = context.store;
  const key = canonicalDigest(['plain size', diffID]);
  const known = await records.byDefinition(key);
  if (known !== undefined) return Number(known.result);
  let size = 0;
  for await (const chunk of plainLayer(layer, diffID, context, scope)) size += chunk.length;
  await records.putDefinition(key, {
    result: String(size),
    digest: diffID,
    created: new Date().toISOString(),
  });
  return size;
}
