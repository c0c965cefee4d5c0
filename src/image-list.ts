import { compileGlob, toRunes } from './executor/glob.js';
import { imageSize } from './images.js';
import type { Digest } from './model/digest.js';
import { BuildError } from './model/error.js';
import { type Filters, matchLabels } from './model/filters.js';
import { timeOrAgo } from './model/go-duration.js';
import { type Descriptor, type ImageIndex, isIndexType, type Manifest } from './model/oci.js';
import { formatPlatform } from './model/platform.js';
import { familiarName, familiarRepository, type Reference } from './model/reference.js';
import type { StoredImage } from './model/stored-image.js';
import type { Workshop } from './workshop.js';

export const IMAGE_FILTERS = ['before', 'dangling', 'label', 'label!', 'reference', 'since'].concat(
  'until',
);

/** The images all filters let through, of their names those that `reference` asks for. Throws BuildError `usage`. */
export function listImages(filters: Filters, workshop: Workshop): readonly StoredImage[] {
  const lets = letsThrough(filters, workshop);
  const named = nameMatcher(filters.get('reference'));
  return workshop.store.images
    .list()
    .filter(lets)
    .map((image) => ({ ...image, references: image.references.filter(named) }))
    .filter(({ references }) => !filters.has('reference') || references.length > 0);
}

function letsThrough(filters: Filters, workshop: Workshop): (image: StoredImage) => boolean {
  const wanted = danglingOf(filters);
  const after = Math.max(...times(filters, 'since', workshop));
  const before = Math.min(...times(filters, 'before', workshop), untilOf(filters, workshop));
  const without = filters.get('label!') ?? [];
  return ({ config, references }) => {
    const labels = config.config?.Labels;
    const made = Date.parse(config.created ?? '') || 0;
    return (
      (wanted === undefined || wanted === (references.length === 0)) &&
      made > after &&
      made < before &&
      matchLabels(filters.get('label') ?? [], labels) &&
      (without.length === 0 || !matchLabels(without, labels))
    );
  };
}

function danglingOf(filters: Filters): boolean | undefined {
  const values = filters.get('dangling');
  if (values === undefined) return undefined;
  const [value = ''] = values;
  if (/^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw new BuildError('usage', `invalid filter 'dangling=[${values.join(' ')}]'`, {
    hint: 'dangling=true or dangling=false',
  });
}

/** When the images were made that `before` or `since` names. */
function times(filters: Filters, key: 'before' | 'since', { store }: Workshop): number[] {
  return (filters.get(key) ?? []).map((name) =>
    Date.parse(store.images.find(name).config.created ?? ''),
  );
}

function untilOf(filters: Filters, { now }: Workshop): number {
  const [text] = filters.get('until') ?? [];
  if (text === undefined) return Infinity;
  const time = timeOrAgo(text, now());
  if (time !== undefined) return time;
  throw new BuildError('usage', `invalid filter 'until=${text}'`, {
    hint: 'a time such as 2026-01-02T15:04:05Z, or how long ago, such as 24h',
  });
}

/** Go's path.Match over the name as people write it, with and without its tag. */
function nameMatcher(patterns: readonly string[] | undefined): (name: Reference) => boolean {
  if (patterns === undefined) return () => true;
  const matches = patterns.map((pattern) => {
    try {
      return compileGlob(toRunes(pattern), 'match');
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new BuildError('usage', `invalid filter 'reference=${pattern}': ${error.message}`);
    }
  });
  return (name) =>
    matches.some((match) => match(familiarName(name)) || match(familiarRepository(name)));
}

/** What a tree of images shows of one, or of one of its platforms. */
export interface ImageSpace {
  readonly id: Digest;
  /** On disk: packed and unpacked. */
  readonly diskBytes: number;
  /** Packed. */
  readonly contentBytes: number;
  readonly inUse: boolean;
}

export interface ImageTree extends ImageSpace {
  readonly names: readonly string[];
  /** Of an index, also those that are not here. */
  readonly platforms: readonly (ImageSpace & {
    readonly platform: string;
    readonly available: boolean;
  })[];
}

export function imageTree(image: StoredImage, workshop: Workshop): ImageTree {
  const platforms = entriesOf(image, workshop).map((entry) => {
    const available = workshop.store.blobs.hasSync(entry.digest);
    const contentBytes = available ? contentOf(entry, workshop) : 0;
    const own = entry.digest === image.manifest.digest;
    return {
      id: entry.digest,
      platform: formatPlatform(entry.platform ?? image.config),
      available,
      contentBytes,
      diskBytes: contentBytes + (own ? imageSize(image, workshop) : 0),
      inUse: own && usesOf(image.id, workshop),
    };
  });
  const contentBytes = platforms.reduce((sum, each) => sum + each.contentBytes, 0);
  return {
    id: image.id,
    names: image.references.map(familiarName),
    contentBytes,
    diskBytes: contentBytes + imageSize(image, workshop),
    inUse: usesOf(image.id, workshop),
    platforms,
  };
}

function entriesOf({ root, manifest }: StoredImage, { store }: Workshop): readonly Descriptor[] {
  if (!isIndexType(root.mediaType)) return [manifest];
  const { manifests } = store.blobs.readJson(root.digest) as ImageIndex; // Checked when it came.
  return manifests.filter(({ platform }) => platform?.os !== 'unknown');
}

/** Of what is here of it: a built layer is no blob until something asks for one. */
function contentOf(manifest: Descriptor, { store: { blobs } }: Workshop): number {
  const { config, layers } = blobs.readJson(manifest.digest) as Manifest; // The same.
  return [manifest, config, ...layers]
    .filter(({ digest }) => blobs.hasSync(digest))
    .reduce((sum, { size }) => sum + size, 0);
}

function usesOf(id: Digest, { containers }: Workshop): boolean {
  return containers.list().some(({ imageId }) => imageId === id);
}
