import { BuildError } from '../model/error.js';
import type { Digest } from '../model/digest.js';
import type { Descriptor } from '../model/oci.js';
import type { Scope } from '../model/scope.js';
import type { CacheDocument, WritableCacheBackend } from './backend.js';
import { type CarriedBase, isCarriedBases, mergeBases, unpackBases } from './carried-bases.js';
import { smallBlob } from './small-blob.js';
import { createTurns } from './turns.js';

/** Base images for a cache's note, and blobs that another export brought, layers of such and others: they stay. */
export interface Kept {
  readonly bases: readonly CarriedBase[];
  readonly blobs: readonly Descriptor[];
}

interface Before {
  readonly bases: readonly CarriedBase[];
  /** Of the whole cache. */
  readonly blobs: ReadonlyMap<Digest, Descriptor>;
}

/** Questions at once. */
const PARALLEL = 6;

interface Keeping {
  readonly backend: WritableCacheBackend;
  readonly say: (line: string) => void;
  /** Blobs that stay together with their like, besides bases. */
  readonly keeps: (blob: Descriptor) => boolean;
}

/** A build's own bases, and what a cache has from other builds. A cache that cannot be read is told, and replaced. */
export async function keptOfOthers(
  own: readonly CarriedBase[],
  { backend, say, keeps }: Keeping,
  scope: Scope,
): Promise<Kept> {
  const before = await readBefore({ backend, say }, scope);
  const turns = createTurns(PARALLEL);
  const asked = new Map<Digest, Promise<boolean>>();
  const isThere = (blob: Descriptor): Promise<boolean> => {
    const found = asked.get(blob.digest) ?? turns(() => backend.has(blob, scope));
    asked.set(blob.digest, found);
    return found;
  };
  const held = ({ layers }: CarriedBase): readonly Descriptor[] =>
    layers.flatMap((layer) => {
      const known = before.blobs.get(layer.digest);
      const annotations = known?.annotations;
      if (known === undefined) return [];
      return [{ ...layer, ...(annotations === undefined ? {} : { annotations }) }];
    });
  const others = mergeBases(own, before.bases).slice(own.length);
  // What somebody removed is not named again: a registry refuses a manifest with it.
  const areThere = async (blobs: readonly Descriptor[]): Promise<boolean> =>
    !(await Promise.all(blobs.map(isThere))).includes(false);
  const whole = await Promise.all(others.map((base) => areThere(held(base))));
  const kept = others.filter((_base, i) => whole[i] === true);
  const more = [...before.blobs.values()].filter(keeps);
  const blobs = [...kept.flatMap(held), ...((await areThere(more)) ? more : [])];
  return { bases: [...own, ...kept], blobs };
}

async function readBefore(
  { backend, say }: Pick<Keeping, 'backend' | 'say'>,
  scope: Scope,
): Promise<Before> {
  const what = `the base images in the cache of ${backend.name}`;
  try {
    const blobs = await (backend.named?.(scope) ?? namedIn(backend.read(scope)));
    const bases: CarriedBase[] = [];
    for (const blob of blobs.filter(isCarriedBases)) {
      const bytes = backend.blob(blob, scope);
      const note = await smallBlob(bytes, blob, { what, most: blob.size }, scope);
      const read = unpackBases(note, what);
      bases.push(...read.map(({ image, documents }) => ({ ...documents, layers: image.layers })));
    }
    return { bases, blobs: new Map(blobs.map((blob) => [blob.digest, blob])) };
  } catch (error) {
    scope.signal.throwIfAborted();
    if (!(error instanceof BuildError)) throw error;
    say(`${what} are not kept: ${error.message}`);
    return { bases: [], blobs: new Map() };
  }
}

async function namedIn(
  document: Promise<CacheDocument | undefined>,
): Promise<readonly Descriptor[]> {
  return (await document)?.blobs ?? [];
}
