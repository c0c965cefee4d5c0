import { createReadStream, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, digestOf, hexOf, isDigest } from './model/digest.js';
import { BuildError } from './model/error.js';
import type { ResolvedImage } from './model/graph.js';
import {
  type Descriptor,
  type ImageConfig,
  type ImageIndex,
  isIndexType,
  type Manifest,
  successors,
} from './model/oci.js';
import type { Scope } from './model/scope.js';
import { parseStrictJson } from './registry/strict-json.js';
import type { Workshop } from './workshop.js';

const MAX_DOCUMENT = 4 << 20;
const MAX_NESTING = 4;
const REF = 'org.opencontainers.image.ref.name';

/**
 * An image of an OCI layout directory, `directory[:tag][@digest]`, brought into the store's blobs, all verified. Without
 * tag and digest the layout must hold one image. Throws BuildError `not-found`, `archive`, `integrity`.
 */
export async function layoutImage(
  text: string,
  workshop: Workshop,
  scope: Scope,
): Promise<ResolvedImage> {
  const wanted = parse(text);
  const layout: Layout = { ...wanted, text, workshop };
  const index = document(join(layout.directory, 'index.json'), layout) as ImageIndex;
  const entry = choose(index, layout);
  const manifest = forPlatform(entry, layout, 0);
  const parsed = imageManifest(manifest, layout);
  for (const blob of [manifest, ...successors(parsed)]) await take(blob, layout, scope);
  const config = workshop.store.blobs.readJson(parsed.config.digest) as ImageConfig;
  if (config.rootfs.diff_ids.length !== parsed.layers.length)
    throw bad(layout, 'its config and its manifest differ in their layers');
  const reference = `oci-layout/${hexOf(digestOf(layout.directory)).slice(0, 12)}@${manifest.digest}`;
  return { reference, manifest: manifest.digest, layers: parsed.layers, config };
}

function imageManifest(manifest: Descriptor, layout: Layout): Manifest {
  const parsed = blobDocument(manifest, layout) as Partial<Manifest>;
  if (parsed.config !== undefined && Array.isArray(parsed.layers)) return parsed as Manifest;
  throw bad(layout, `manifest ${manifest.digest} is not an image's`);
}

interface Layout {
  readonly text: string;
  readonly directory: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
  readonly workshop: Workshop;
}

function parse(text: string): Pick<Layout, 'directory' | 'tag' | 'digest'> {
  const at = text.lastIndexOf('@');
  const hash = at === -1 ? undefined : text.slice(at + 1);
  if (hash !== undefined && !isDigest(hash))
    throw new BuildError('usage', `oci-layout://${text}: its digest is not sha256:<64 hex>`);
  const named = at === -1 ? text : text.slice(0, at);
  const colon = named.lastIndexOf(':');
  const tagged = colon > named.lastIndexOf('/');
  const directory = tagged ? named.slice(0, colon) : named;
  return { directory, tag: tagged ? named.slice(colon + 1) : undefined, digest: hash };
}

function choose({ manifests }: ImageIndex, layout: Layout): Descriptor {
  const { tag, digest } = layout;
  if (digest !== undefined) {
    const listed = manifests.find((entry) => entry.digest === digest);
    if (listed !== undefined) return listed;
    const path = blobPath(layout, digest);
    const size = statSync(path, { throwIfNoEntry: false })?.size;
    if (size === undefined) throw notThere(layout, digest);
    const { mediaType = '' } = document(path, layout) as { mediaType?: string };
    return { mediaType, digest, size };
  }
  const tags = manifests.map(({ annotations }) => annotations?.[REF] ?? '');
  const name = tag ?? (manifests.length === 1 ? undefined : 'latest');
  const found =
    name === undefined
      ? manifests[0]
      : manifests.find((_entry, i) => tags[i] === name || tags[i]?.endsWith(`:${name}`) === true);
  if (found !== undefined) return found;
  throw notThere(layout, name ?? 'an image', tags.filter((each) => each !== '').join(', '));
}

function forPlatform(entry: Descriptor, layout: Layout, nesting: number): Descriptor {
  if (!isIndexType(entry.mediaType)) return entry;
  if (nesting === MAX_NESTING) throw bad(layout, `index ${entry.digest} is nested too deeply`);
  const { os, architecture } = layout.workshop.platform;
  const index = blobDocument(entry, layout) as ImageIndex;
  const found = index.manifests.find(
    ({ platform }) => platform?.os === os && platform.architecture === architecture,
  );
  if (found === undefined) throw notThere(layout, `an image for ${os}/${architecture}`);
  return forPlatform(found, layout, nesting + 1);
}

function blobPath({ directory }: Layout, digest: Digest): string {
  // Digests of a document are text until they are checked.
  if (!isDigest(digest)) throw new BuildError('archive', `${JSON.stringify(digest)} is no digest`);
  return join(directory, 'blobs/sha256', hexOf(digest));
}

function blobDocument(blob: Descriptor, layout: Layout): unknown {
  const path = blobPath(layout, blob.digest);
  const value = document(path, layout);
  if (digestOf(readFileSync(path)) === blob.digest) return value;
  throw new BuildError('integrity', `oci-layout://${layout.text}: ${blob.digest} is damaged`);
}

function document(path: string, layout: Layout): unknown {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isFile() !== true) throw bad(layout, `${path} is not there`);
  if (stat.size > MAX_DOCUMENT) throw bad(layout, `${path} is larger than 4 MiB`);
  const value = parseStrictJson(readFileSync(path, 'utf8'), path);
  if (typeof value === 'object' && value !== null) return value;
  throw bad(layout, `${path} is no document`);
}

async function take(blob: Descriptor, layout: Layout, scope: Scope): Promise<void> {
  const { blobs } = layout.workshop.store;
  if (blobs.claim(blob.digest)) return;
  const path = blobPath(layout, blob.digest);
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true)
    throw bad(layout, `lacks blob ${blob.digest}`);
  await blobs.put(createReadStream(path, { highWaterMark: 1 << 20 }), blob, scope);
}

function notThere(layout: Layout, what: string, there = ''): BuildError {
  return new BuildError(
    'not-found',
    `oci-layout://${layout.text}: ${what} is not in the layout`,
    there === '' ? {} : { hint: `its names are ${there}` },
  );
}

function bad({ text }: Layout, why: string): BuildError {
  return new BuildError('archive', `oci-layout://${text}: ${why}`);
}
