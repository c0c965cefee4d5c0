import { readdirSync, readFileSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, digestOf, hexOf } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import { nearest } from '../model/nearest.js';
import type { Descriptor, ImageConfig, Manifest } from '../model/oci.js';
import { canonicalName, familiarName, parseReference, type Reference } from '../model/reference.js';
import { hasCode } from '../model/has-code.js';
import type { DiskBlobStore } from './blob-store.js';
import { replaceDurably, syncDirectory } from './durable.js';

/** One line of refs/: a name (or none, for an untagged result) and what it means. */
export interface ImageRef {
  /** Canonical; absent for an image without a name. */
  readonly name?: string;
  readonly manifest: Descriptor;
  /** What the name meant before. */
  readonly previous?: Digest;
  /** RFC 3339. */
  readonly tagged: string;
}

/** An image of the store with all its names. */
export interface StoredImage {
  /** Digest of the config. */
  readonly id: Digest;
  readonly manifest: Descriptor;
  readonly document: Manifest;
  readonly config: ImageConfig;
  readonly references: readonly Reference[];
}

export interface ImageStore {
  readonly resolve: (name: Reference) => Descriptor | undefined;
  /** Durable when it returns. */
  readonly tag: (name: Reference, manifest: Descriptor) => void;
  /** Keeps an image that has no name, as `<none>`. */
  readonly keep: (manifest: Descriptor) => void;
  /** True if the name was there. The image stays as `<none>` only if `keep` was called. */
  readonly untag: (name: Reference) => boolean;
  readonly forget: (manifest: Digest) => void;
  readonly refs: () => readonly ImageRef[];
  /** One entry an image, newest first; refs whose manifest is gone are left out. */
  readonly list: () => readonly StoredImage[];
  /** By name, id or unambiguous id prefix. Throws BuildError `not-found` with docker's words. */
  readonly find: (text: string) => StoredImage;
}

export function createImageStore(
  directory: string,
  blobs: DiskBlobStore,
  now: () => Date,
): ImageStore {
  const fileOf = (key: string): string => join(directory, hexOf(digestOf(key)));
  const read = (file: string): ImageRef | undefined => readRef(file);
  const refs = (): ImageRef[] =>
    readdirSync(directory)
      .filter((name) => !name.endsWith('.tmp'))
      .map((name) => read(join(directory, name)))
      .filter((ref) => ref !== undefined);
  const write = (key: string, name: string | undefined, manifest: Descriptor): void => {
    const before = read(fileOf(key))?.manifest.digest;
    const ref: ImageRef = {
      ...(name === undefined ? {} : { name }),
      manifest,
      ...(before === undefined ? {} : { previous: before }),
      tagged: now().toISOString(),
    };
    replaceDurably(fileOf(key), JSON.stringify(ref));
  };
  const list = (): readonly StoredImage[] => collect(refs(), blobs);
  return {
    resolve: (name) => read(fileOf(canonicalName(name)))?.manifest,
    tag: (name, manifest) => {
      write(canonicalName(name), canonicalName(name), manifest);
    },
    keep: (manifest) => {
      if (!refs().some((ref) => ref.manifest.digest === manifest.digest)) {
        write(manifest.digest, undefined, manifest);
      }
    },
    untag: (name) => remove(fileOf(canonicalName(name)), directory),
    forget: (manifest) => {
      for (const ref of refs()) {
        if (ref.manifest.digest === manifest) remove(fileOf(ref.name ?? manifest), directory);
      }
    },
    refs,
    list,
    find: (text) => find(text, list()),
  };
}

function readRef(file: string): ImageRef | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ImageRef; // Written whole by replaceDurably.
  } catch (error) {
    if (hasCode(error, 'ENOENT') || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function remove(file: string, directory: string): boolean {
  try {
    unlinkSync(file);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
  syncDirectory(directory);
  return true;
}

function collect(refs: readonly ImageRef[], blobs: DiskBlobStore): readonly StoredImage[] {
  const byId = new Map<Digest, StoredImage>();
  for (const ref of refs) {
    if (!blobs.hasSync(ref.manifest.digest)) continue;
    const document = blobs.readJson(ref.manifest.digest) as Manifest;
    const id = document.config.digest;
    if (!blobs.hasSync(id)) continue;
    const config = blobs.readJson(id) as ImageConfig;
    const references = byId.get(id)?.references ?? [];
    const own = ref.name === undefined ? [] : [parseReference(ref.name)];
    byId.set(id, {
      id,
      manifest: ref.manifest,
      document,
      config,
      references: [...references, ...own],
    });
  }
  return [...byId.values()].sort((a, b) =>
    (b.config.created ?? '').localeCompare(a.config.created ?? ''),
  );
}

function find(text: string, images: readonly StoredImage[]): StoredImage {
  const hex = text.replace(/^sha256:/, '');
  const named = tryReference(text);
  const byName =
    named && images.find((image) => image.references.some((ref) => sameName(ref, named)));
  if (byName) return byName;
  const byPrefix = /^[0-9a-f]{3,64}$/.test(hex)
    ? images.filter((image) => hexOf(image.id).startsWith(hex))
    : [];
  if (byPrefix.length === 1 && byPrefix[0]) return byPrefix[0];
  if (byPrefix.length > 1) {
    throw new BuildError(
      'not-found',
      `${text} is the start of ${String(byPrefix.length)} image ids`,
      {
        hint: 'give more characters; stave image ls --no-trunc shows them whole',
      },
    );
  }
  throw noSuchImage(text, images);
}

function sameName(a: Reference, b: Reference): boolean {
  return canonicalName(a) === canonicalName(b);
}

function tryReference(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch (error) {
    if (error instanceof BuildError) return undefined;
    throw error;
  }
}

function noSuchImage(text: string, images: readonly StoredImage[]): BuildError {
  const near = nearest(
    text,
    images.flatMap((image) => image.references.map(familiarName)),
  );
  const hint = near === undefined ? 'stave image ls lists what there is' : `did you mean ${near}?`;
  return new BuildError('not-found', `No such image: ${text}`, { hint });
}
