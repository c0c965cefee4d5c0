import { readdirSync, readFileSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, digestOf, hexOf, isDigest } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import { nearest } from '../model/nearest.js';
import {
  type Descriptor,
  type ImageConfig,
  type ImageIndex,
  isIndexType,
  type Manifest,
  type Platform,
} from '../model/oci.js';
import { choosePlatform } from '../model/platform.js';
import { canonicalName, familiarName, parseReference, type Reference } from '../model/reference.js';
import type { StoredImage } from '../model/stored-image.js';
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
  /** A registry gave the manifest by this name. */
  readonly pulled?: true;
  /** RFC 3339. */
  readonly tagged: string;
}

export interface ImageStore {
  readonly resolve: (name: Reference) => Descriptor | undefined;
  /** Durable when it returns. An image that loses its last name by this stays as `<none>`, as docker keeps it. */
  readonly tag: (name: Reference, manifest: Descriptor, from?: 'registry') => void;
  /** Keeps an image that has no name, as `<none>`. */
  readonly keep: (manifest: Descriptor) => void;
  /** True if the name was there. The image stays as `<none>` only if `keep` was called. */
  readonly untag: (name: Reference) => boolean;
  /** The opposite of `keep`, true if it was kept: a name that another process gave it since stays. */
  readonly forget: (manifest: Digest) => boolean;
  readonly refs: () => readonly ImageRef[];
  /** One entry an image, newest first; refs whose manifest or config is gone or damaged are left out. */
  readonly list: () => readonly StoredImage[];
  /**
   * By name (with a tag, or with the manifest's digest), id or unambiguous id prefix. Throws BuildError `not-found` with
   * docker's words, `integrity` when the image is there but damaged.
   */
  readonly find: (text: string) => StoredImage;
}

export interface ImageStoreDeps {
  readonly now: () => Date;
  readonly platform: Platform;
  /** On the same file system, and swept when we are killed. */
  readonly temporary: () => string;
}

export function createImageStore(
  directory: string,
  blobs: DiskBlobStore,
  { now, platform, temporary }: ImageStoreDeps,
): ImageStore {
  const fileOf = (key: string): string => join(directory, hexOf(digestOf(key)));
  const refs = (): ImageRef[] =>
    readdirSync(directory)
      .filter((name) => !name.endsWith('.tmp'))
      .map((name) => readRef(join(directory, name)))
      .filter((ref) => ref !== undefined);
  const write = (key: string, ref: Omit<ImageRef, 'tagged'>): void => {
    const text = JSON.stringify({ ...ref, tagged: now().toISOString() });
    replaceDurably(fileOf(key), text, temporary());
  };
  const keep = ({ mediaType, digest, size }: Descriptor): void => {
    if (refs().some((ref) => ref.manifest.digest === digest)) return;
    write(digest, { manifest: { mediaType, digest, size } });
  };
  const tag: ImageStore['tag'] = (reference, { mediaType, digest, size }, from) => {
    const name = canonicalName(reference);
    const before = readRef(fileOf(name));
    const isNews = before?.pulled !== true && from === 'registry';
    if (before?.manifest.digest === digest && !isNews) return;
    const previous = before === undefined ? {} : { previous: before.manifest.digest };
    const pulled = from === undefined ? {} : ({ pulled: true } as const);
    write(name, { name, manifest: { mediaType, digest, size }, ...previous, ...pulled });
    // The old image as <none>: only now, because while the name still means it `keep` sees no need.
    if (before === undefined || !blobs.hasSync(before.manifest.digest)) return;
    const now = { manifest: { mediaType, digest, size } };
    if (!isSameImage(before, now, { blobs, platform })) keep(before.manifest);
  };
  const list = (): readonly StoredImage[] => collect(refs(), { blobs, platform });
  return {
    resolve: (name) => readRef(fileOf(canonicalName(name)))?.manifest,
    tag,
    keep,
    untag: (name) => remove(fileOf(canonicalName(name)), directory),
    forget: (manifest) => remove(fileOf(manifest), directory),
    refs,
    list,
    find: (text) => {
      const name = tryReference(text);
      const ref = name && readRef(fileOf(canonicalName(name)));
      const image = ref && readImage(ref, { blobs, platform });
      if (image === undefined) return find(text, list());
      // Another name may mean the same image by another manifest.
      const { references, pulled } = list().find(({ id }) => id === image.id) ?? image;
      return { ...image, references, pulled };
    },
  };
}

/** Undefined for what is no ref: written whole by us, but disks forget. */
function readRef(file: string): ImageRef | undefined {
  let ref: Partial<ImageRef> | null;
  try {
    ref = JSON.parse(readFileSync(file, 'utf8')) as Partial<ImageRef> | null;
  } catch (error) {
    if (hasCode(error, 'ENOENT') || error instanceof SyntaxError) return undefined;
    throw error;
  }
  return isDigest(String(ref?.manifest?.digest)) ? (ref as ImageRef) : undefined;
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

interface Choice {
  readonly blobs: DiskBlobStore;
  /** Which image of an index. */
  readonly platform: Platform;
}

function collect(refs: readonly ImageRef[], choice: Choice): readonly StoredImage[] {
  const byId = new Map<Digest, StoredImage>();
  const inOrder = [...refs].sort((a, b) => compare(a.name ?? '', b.name ?? ''));
  for (const ref of inOrder) {
    const image = readIfWhole(ref, choice);
    if (image === undefined) continue;
    const known = byId.get(image.id);
    const references = [...(known?.references ?? []), ...image.references];
    const pulled = [...(known?.pulled ?? []), ...image.pulled];
    byId.set(image.id, { ...(known ?? image), references, pulled });
  }
  return [...byId.values()].sort((a, b) => compare(b.config.created ?? '', a.config.created ?? ''));
}

/** One damaged image must not hide the others; who asks for it by name is told. */
function readIfWhole(ref: Omit<ImageRef, 'tagged'>, choice: Choice): StoredImage | undefined {
  // What was decoded before may have been removed since.
  if (!choice.blobs.hasSync(ref.manifest.digest)) return undefined;
  try {
    const image = readImage(ref, choice);
    return choice.blobs.hasSync(image.id) ? image : undefined;
  } catch (error) {
    if (error instanceof BuildError) return undefined;
    throw error;
  }
}

/** By another manifest it may be the same image: a registry's has its layers compressed. */
function isSameImage(
  a: Omit<ImageRef, 'tagged'>,
  b: Omit<ImageRef, 'tagged'>,
  choice: Choice,
): boolean {
  const known = readIfWhole(a, choice);
  return known !== undefined && known.id === readIfWhole(b, choice)?.id;
}

/** Throws BuildError `store` or `integrity` when a document is gone or damaged. */
function readImage(
  { name, manifest: root, pulled }: Omit<ImageRef, 'tagged'>,
  choice: Choice,
): StoredImage {
  const { blobs } = choice;
  const manifest = isIndexType(root.mediaType) ? imageOf(root, choice) : root;
  const document = blobs.readJson(manifest.digest) as Manifest; // Checked when it came into the store.
  const id = document.config.digest;
  const config = blobs.readJson(id) as ImageConfig; // The same.
  const references = name === undefined ? [] : [parseReference(name)];
  const known = { id, root, manifest, document, config, references };
  const asked = references.map((reference) => ({ ...reference, digest: root.digest }));
  return { ...known, pulled: pulled === true ? asked : [] };
}

/** Of an index only some platforms may be here. */
function imageOf(root: Descriptor, { blobs, platform }: Choice): Descriptor {
  const { manifests } = blobs.readJson(root.digest) as ImageIndex; // Checked when it came.
  const here = manifests.filter(
    (entry) => entry.platform?.os !== 'unknown' && blobs.hasSync(entry.digest),
  );
  const chosen = choosePlatform(platform, here, (entry) => entry.platform) ?? here[0];
  if (chosen !== undefined) return chosen;
  throw new BuildError('store', `no image of index ${root.digest} is in the store`, {
    hint: 'pull or build it again',
  });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function find(text: string, images: readonly StoredImage[]): StoredImage {
  const named = tryReference(text);
  const byName = named && images.find((image) => image.references.some(sameName(named, image)));
  if (byName) return byName;
  const hex = text.replace(/^sha256:/, '');
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

/** `name@digest` also means the image its repository has under any tag, if the digest is its manifest's. */
function sameName(asked: Reference, { root, manifest }: StoredImage): (own: Reference) => boolean {
  return (own) =>
    canonicalName(own) === canonicalName(asked) ||
    ((asked.digest === root.digest || asked.digest === manifest.digest) &&
      own.domain === asked.domain &&
      own.path === asked.path);
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
  const named = tryReference(text);
  const shown = named === undefined ? text : familiarName(named);
  return new BuildError('not-found', `No such image: ${shown}`, { hint });
}
