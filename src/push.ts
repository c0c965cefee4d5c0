import { readFileSync } from 'node:fs';
import { formImage, type FormedImage, type OutgoingBlob } from './exporter/image-form.js';
import { imageOfManifest } from './image-of-manifest.js';
import { blobSource } from './image-source.js';
import { type Digest, shortId } from './model/digest.js';
import { BuildError } from './model/error.js';
import { type Descriptor, type ImageIndex, isIndexType } from './model/oci.js';
import {
  canonicalName,
  familiarName,
  familiarRepository,
  parseReference,
  type Reference,
} from './model/reference.js';
import type { Scope } from './model/scope.js';
import type { StoredImage } from './model/stored-image.js';
import { imageFor } from './platform-image.js';
import { openUpload, type UploadRepository } from './registry/upload.js';
import { registrySettings } from './registry-settings.js';
import type { Workshop } from './workshop.js';

const PARALLEL = 3;

export interface PushOptions {
  readonly workshop: Workshop;
  /** All tags of the repository. */
  readonly all: boolean;
  /** Of an index only this platform's image, without the index. */
  readonly platform: string | undefined;
  readonly signal: AbortSignal;
  /** Gets docker's lines. */
  readonly say: (line: string) => void;
}

/** Sends an image, or all of a repository's, to the registry its name says; gives the canonical name. */
export async function pushImage(name: string, options: PushOptions): Promise<string> {
  const { workshop, all, say } = options;
  const reference = parseReference(name);
  checkName(name, reference, all);
  say(`The push refers to repository [${reference.domain}/${reference.path}]`);
  const tags = tagsOf(reference, options);
  const upload = openUpload(reference, registrySettings(workshop));
  for (const tag of tags) await pushTag(tag, upload, options);
  return all ? `${reference.domain}/${reference.path}` : canonicalName(reference);
}

function checkName(name: string, { digest }: Reference, all: boolean): void {
  if (digest !== undefined)
    throw new BuildError('usage', 'cannot push a digest reference', { hint: 'name a tag' });
  if (all && name.lastIndexOf(':') > name.lastIndexOf('/'))
    throw new BuildError('usage', "tag can't be used with --all-tags/-a", {
      hint: 'leave out the tag, or -a',
    });
}

function tagsOf(reference: Reference, { workshop, all }: PushOptions): readonly Reference[] {
  const repository = familiarRepository(reference);
  const tags = workshop.store.images
    .list()
    .flatMap(({ references }) => references)
    .filter((each) => familiarRepository(each) === repository && each.tag !== undefined);
  if (tags.length === 0)
    throw new BuildError(
      'not-found',
      `An image does not exist locally with the tag: ${repository}`,
      { hint: `stave tag IMAGE ${repository} gives an image that name` },
    );
  if (all) return tags.toSorted((a, b) => ((a.tag ?? '') < (b.tag ?? '') ? -1 : 1));
  const one = tags.filter(({ tag }) => tag === reference.tag);
  if (one.length > 0) return one;
  throw new BuildError('not-found', `tag does not exist: ${familiarName(reference)}`, {
    hint: `there is ${tags.map(familiarName).join(', ')}`,
  });
}

async function pushTag(
  reference: Reference,
  upload: UploadRepository,
  options: PushOptions,
): Promise<void> {
  const { workshop, platform, signal, say } = options;
  const scope: Scope = { signal, emit: () => undefined };
  const image = imageFor(familiarName(reference), platform, workshop);
  const parts = platform === undefined ? wholeIndex(image, workshop) : undefined;
  const formed: FormedImage[] = [];
  for (const part of parts ?? [image]) formed.push(await form(part, reference, workshop, scope));
  const [single] = formed;
  if (single === undefined) throw new Error('an image without a manifest');
  await sendLayers(formed, { reference, upload, image, options }, scope);
  for (const each of formed) await sendRest(each, upload, scope);
  const root = parts === undefined ? single.manifest : image.root;
  const bytes = readFileSync(workshop.store.blobs.path(root.digest));
  const tag = reference.tag ?? 'latest';
  await upload.putManifest(tag, { mediaType: root.mediaType, bytes }, scope);
  say(`${tag}: digest: ${root.digest} size: ${String(root.size)}`);
  if (platform === undefined) workshop.store.images.tag(reference, root, 'registry');
  const attributes = { ...image.config.config?.Labels, name: familiarRepository(reference) };
  workshop.tell({ type: 'image', action: 'push', id: familiarName(reference), attributes });
  if (parts === undefined && platform === undefined && isIndexType(image.root.mediaType)) {
    say(
      'Not all multiplatform-content is present and only the available single-platform image was pushed',
    );
    say(`${image.root.digest} -> ${root.digest}`);
  }
}

/** All images of an index, when all that it names is here and leaves as it is. */
function wholeIndex(image: StoredImage, workshop: Workshop): readonly StoredImage[] | undefined {
  const { blobs } = workshop.store;
  if (!isIndexType(image.root.mediaType)) return undefined;
  const { manifests } = blobs.readJson(image.root.digest) as ImageIndex; // Checked when it came.
  if (!manifests.every(({ digest }) => blobs.hasSync(digest))) return undefined;
  return manifests.map((manifest) => imageOfManifest(image, manifest, blobs));
}

function form(
  image: StoredImage,
  reference: Reference,
  workshop: Workshop,
  scope: Scope,
): Promise<FormedImage> {
  const source = image.pulled[0] ?? reference;
  const fetch = blobSource(canonicalName({ domain: source.domain, path: source.path }), workshop);
  return formImage(image, {}, { store: workshop.store, fetch }, scope);
}

interface Sending {
  readonly reference: Reference;
  readonly upload: UploadRepository;
  readonly image: StoredImage;
  readonly options: PushOptions;
}

/** Each layer once, however many images have it. */
async function sendLayers(
  formed: readonly FormedImage[],
  { reference, upload, options }: Sending,
  scope: Scope,
): Promise<void> {
  const { say, workshop } = options;
  const layers = new Map<Digest, OutgoingBlob>();
  for (const { document, blobs } of formed) {
    const named = new Set(document.layers.map(({ digest }) => digest));
    for (const blob of blobs)
      if (named.has(blob.descriptor.digest)) layers.set(blob.descriptor.digest, blob);
  }
  const waiting = [...layers.values()];
  for (const { descriptor } of waiting.toReversed())
    say(`${shortId(descriptor.digest)}: Preparing`);
  const sources = neighbours(reference, workshop);
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { digest } = next.descriptor;
      const how = await sendLayer(next, upload, sources.get(digest), scope);
      say(`${shortId(digest)}: ${how}`);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
}

async function sendLayer(
  { descriptor, bytes }: OutgoingBlob,
  upload: UploadRepository,
  source: string | undefined,
  scope: Scope,
): Promise<string> {
  const { digest } = descriptor;
  if (await upload.has(digest, scope)) return 'Layer already exists';
  if (source !== undefined && (await upload.mount(digest, source, scope)))
    return `Mounted from ${source}`;
  await upload.putBlob(descriptor, bytes, scope);
  return 'Pushed';
}

/** Other repositories of the registry that most likely have a layer. */
function neighbours(reference: Reference, { store }: Workshop): ReadonlyMap<Digest, string> {
  const sources = new Map<Digest, string>();
  for (const { pulled, document } of store.images.list()) {
    const near = pulled.find(
      ({ domain, path }) => domain === reference.domain && path !== reference.path,
    );
    if (near !== undefined)
      for (const { digest } of document.layers) sources.set(digest, near.path);
  }
  return sources;
}

/** The config, and the manifest by its digest: an index names it so. */
async function sendRest(
  { document, manifest, blobs }: FormedImage,
  upload: UploadRepository,
  scope: Scope,
): Promise<void> {
  const of = ({ digest }: Descriptor): OutgoingBlob => {
    const found = blobs.find(({ descriptor }) => descriptor.digest === digest);
    if (found === undefined) throw new Error(`an image leaves without ${digest}`);
    return found;
  };
  const config = of(document.config);
  if (!(await upload.has(config.descriptor.digest, scope)))
    await upload.putBlob(config.descriptor, config.bytes, scope);
  const chunks: Uint8Array[] = [];
  for await (const chunk of of(manifest).bytes()) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  await upload.putManifest(manifest.digest, { mediaType: manifest.mediaType, bytes }, scope);
}
