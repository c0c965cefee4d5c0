import { statSync } from 'node:fs';
import type { DiskBlobStore } from '../cache/blob-store.js';
import { digestFromHex, hexOf } from '../model/digest.js';
import {
  type Descriptor,
  isIndexType,
  MediaType,
  type Platform,
  successors,
} from '../model/oci.js';
import { parseReference, type Reference } from '../model/reference.js';
import { bad, list, readConfig, readIndex, readManifest, record } from './image-document.js';
import type { FoundImage, LoadContext } from './load-context.js';
import type { ArchiveContents } from './read-archive.js';

const MAX_NESTING = 4;

/**
 * Images of an OCI layout (image-spec image-layout.md) whose blobs are in the store: one per entry of index.json, of a
 * nested index the one for the platform. Names come from containerd's annotation, else from a full `ref.name`, else
 * from docker's manifest.json beside it.
 */
export function ociImages(contents: ArchiveContents, { store, platform }: LoadContext) {
  const { manifests } = readIndex(contents.document('index.json'), 'index.json');
  const byDigest = new Map<string, FoundImage>();
  for (const entry of manifests.filter(isImage)) {
    const manifest = chooseManifest(entry, { blobs: store.blobs, platform }, 0);
    const known = byDigest.get(manifest.digest) ?? describe(manifest, store.blobs);
    byDigest.set(manifest.digest, {
      ...known,
      references: [...known.references, ...nameOf(entry)],
    });
  }
  const legacy = legacyNames(contents);
  return [...byDigest.values()].map((image): FoundImage => {
    if (image.references.length > 0) return image;
    return { ...image, references: legacy.get(image.document.config.digest) ?? [] };
  });
}

interface Choice {
  readonly blobs: DiskBlobStore;
  readonly platform: Platform;
}

function chooseManifest(entry: Descriptor, choice: Choice, nesting: number): Descriptor {
  if (!isIndexType(entry.mediaType)) return entry;
  if (nesting === MAX_NESTING) throw bad(`index ${entry.digest}`, 'is nested too deeply');
  present(entry, choice.blobs);
  const index = readIndex(choice.blobs.readJson(entry.digest), `index ${entry.digest}`);
  const there = index.manifests.filter(
    (inner) => isImage(inner) && choice.blobs.hasSync(inner.digest),
  );
  const { os, architecture } = choice.platform;
  const own = there.find(
    ({ platform }) => platform?.os === os && platform.architecture === architecture,
  );
  const chosen = own ?? there[0];
  if (chosen === undefined) throw bad(`index ${entry.digest}`, 'has none of its images with it');
  return chooseManifest(chosen, choice, nesting + 1);
}

/** Attestations sit beside images in an index. */
function isImage({ annotations, platform }: Descriptor): boolean {
  return annotations?.['vnd.docker.reference.type'] === undefined && platform?.os !== 'unknown';
}

function describe(entry: Descriptor, blobs: DiskBlobStore): FoundImage {
  present(entry, blobs);
  const what = `manifest ${entry.digest}`;
  const document = readManifest(blobs.readJson(entry.digest), what);
  for (const blob of successors(document)) present(blob, blobs);
  const config = readConfig(
    blobs.readJson(document.config.digest),
    document.layers.length,
    `config ${document.config.digest}`,
  );
  const { digest, size } = entry;
  const mediaType = document.mediaType ?? MediaType.ociManifest;
  return { manifest: { mediaType, digest, size }, document, config, references: [] };
}

function present(blob: Descriptor, blobs: DiskBlobStore): void {
  const size = statSync(blobs.path(blob.digest), { throwIfNoEntry: false })?.size;
  if (size === undefined) throw bad('the archive', `lacks blob ${blob.digest}`);
  if (size !== blob.size) {
    throw bad(
      `blob ${blob.digest}`,
      `has ${String(size)} bytes, the archive says ${String(blob.size)}`,
    );
  }
}

/** A bare tag as `ref.name` names no repository. */
function nameOf({ annotations = {} }: Descriptor): Reference[] {
  const full = annotations['io.containerd.image.name'];
  const name = full ?? annotations['org.opencontainers.image.ref.name'];
  if (name === undefined || (full === undefined && !/[/:]/.test(name))) return [];
  return [parseReference(name)];
}

/** docker before 29 writes names only into its own manifest.json. */
function legacyNames(contents: ArchiveContents): Map<string, readonly Reference[]> {
  const names = new Map<string, readonly Reference[]>();
  for (const image of list(contents.document('manifest.json') ?? [], 'manifest.json', 1000)) {
    const { Config: config, RepoTags: tags } = record(image, 'manifest.json');
    const hex = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(String(config))?.[1];
    if (hex === undefined) continue;
    const digest = digestFromHex(hex);
    names.set(`sha256:${hexOf(digest)}`, tagsOf(tags));
  }
  return names;
}

/** `RepoTags` of a manifest.json: null or missing for an image without a name. */
export function tagsOf(tags: unknown): readonly Reference[] {
  return list(tags ?? [], 'RepoTags of manifest.json', 1000).map((tag) => {
    if (typeof tag !== 'string') throw bad('manifest.json', 'has a name that is not text');
    return parseReference(tag);
  });
}
