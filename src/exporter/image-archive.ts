import { hexOf } from '../model/digest.js';
import {
  type Descriptor,
  type ImageConfig,
  type ImageIndex,
  type Manifest,
  MediaType,
} from '../model/oci.js';
import { canonicalName, familiarName, type Reference } from '../model/reference.js';
import type { Scope } from '../model/scope.js';
import { type ArchiveFile, bytesOf } from './tar-file.js';
import { formImage, type ImageForm, type OutgoingBlob } from './image-form.js';
import { type LayerContext, plainLayer, plainSize } from './layer-source.js';

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
  context: LayerContext & { readonly form?: ImageForm },
  scope: Scope,
): AsyncGenerator<ArchiveFile> {
  const { form = {} } = context;
  const index: Descriptor[] = [];
  const legacy: object[] = [];
  const written = new Set<string>();
  yield layoutFile();
  for (const image of images) {
    const { document, manifest, blobs } = await formImage(image, form, context, scope);
    yield* filesOf(blobs, written);
    const { os, architecture, variant } = image.config;
    const platform = { os, architecture, ...(variant === undefined ? {} : { variant }) };
    index.push(...namedEntries({ ...manifest, platform }, image.references, form));
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

/** Only names with a tag: docker refuses digests here. */
function tagged(references: readonly Reference[]): readonly Reference[] {
  return references.filter((name) => name.tag !== undefined && name.digest === undefined);
}

/** One entry a name, as containerd and skopeo look images up; one without a name for an untagged image. */
export function namedEntries(
  { mediaType, digest, size, platform }: Descriptor,
  references: readonly Reference[],
  { descriptorAnnotations: annotations = {} }: ImageForm,
): Descriptor[] {
  const entry = { mediaType, digest, size, ...(platform === undefined ? {} : { platform }) };
  const names = tagged(references);
  if (names.length === 0)
    return [Object.keys(annotations).length === 0 ? entry : { ...entry, annotations }];
  return names.map((reference) => ({
    ...entry,
    annotations: {
      ...annotations,
      'io.containerd.image.name': canonicalName(reference),
      'org.opencontainers.image.ref.name': reference.tag ?? 'latest',
    },
  }));
}

/** Blobs as files of a layout, each digest once. */
export function* filesOf(
  blobs: readonly OutgoingBlob[],
  written: Set<string>,
): Generator<ArchiveFile> {
  for (const { descriptor, bytes } of blobs) {
    if (written.has(descriptor.digest)) continue;
    written.add(descriptor.digest);
    yield { name: blobPath(descriptor), size: descriptor.size, bytes: bytes() };
  }
}

function blobPath({ digest }: Descriptor): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

export function layoutFile(): ArchiveFile {
  return text('oci-layout', { imageLayoutVersion: '1.0.0' });
}

export function text(name: string, value: unknown): ArchiveFile {
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
