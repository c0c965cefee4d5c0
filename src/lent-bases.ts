import { blobSource } from './image-source.js';
import type { Digest } from './model/digest.js';
import { BuildError } from './model/error.js';
import type { ResolvedImage } from './model/graph.js';
import type { Platform } from './model/oci.js';
import { choosePlatform } from './model/platform.js';
import { canonicalName, familiarName, type Reference } from './model/reference.js';
import type { Scope } from './model/scope.js';
import type { BlobSource } from './model/stores.js';
import { warningOf } from './model/warning-of.js';
import { cacheSource } from './import-cache.js';
import {
  type BaseDocuments,
  isCarriedBases,
  type LentBase,
  unpackBases,
} from './remote-cache/carried-bases.js';
import type { LoadedCache } from './remote-cache/imports.js';
import { smallBlob } from './remote-cache/small-blob.js';
import type { Workshop } from './workshop.js';
import { steadyTime } from './model/steady-time.js';

/** Base images that neither the store nor a registry has, as the caches of a build carry them. */
export interface LentBases {
  /** Undefined when none has it. It gets no name in the store: what a name means is not a cache's to say. */
  readonly find: (
    reference: Reference,
    platform: Platform,
    scope: Scope,
  ) => Promise<ResolvedImage | undefined>;
  /** Where an image's layers come from: a cache's, the store, or the image's registry. */
  readonly source: (reference: string) => BlobSource;
  /** Of an image that `find` gave. */
  readonly documents: (manifest: Digest) => BaseDocuments | undefined;
}

export function lentBases(caches: readonly LoadedCache[], workshop: Workshop): LentBases {
  const lenders = new Map<Digest, Lender>();
  const given = new Map<Digest, BaseDocuments>();
  const read = new Map<LoadedCache, Promise<readonly LentBase[]>>();
  return {
    documents: (manifest) => given.get(manifest),
    find: async (reference, platform, scope) => {
      const name = canonicalName(reference);
      for (const cache of caches) {
        const all = read.get(cache) ?? readBases(cache, scope);
        read.set(cache, all);
        const named = (await all).filter(({ image }) => image.reference === name);
        const found = choosePlatform(platform, named, ({ image }) => image.config);
        if (found === undefined) continue;
        const { image, documents } = found;
        given.set(image.manifest, documents);
        const shown = familiarName(reference);
        for (const { digest } of image.layers) lenders.set(digest, { cache, shown });
        say(`${shown} is taken from the cache of ${cache.backend.name}`, scope);
        return image;
      }
      return undefined;
    },
    source: (reference) => {
      const usual = blobSource(reference, workshop);
      return (blob, scope) => {
        const lender = lenders.get(blob.digest);
        if (lender === undefined || workshop.store.blobs.claim(blob.digest))
          return usual(blob, scope);
        return lent(lender, workshop)(blob, scope);
      };
    },
  };
}

interface Lender {
  readonly cache: LoadedCache;
  readonly shown: string;
}

function lent({ cache, shown }: Lender, workshop: Workshop): BlobSource {
  const source = cacheSource(cache.backend, workshop);
  return (blob, scope) => {
    if (cache.blobs.has(blob.digest)) return source(blob, scope);
    throw new BuildError(
      'not-found',
      `no registry has layer ${blob.digest} of ${shown}, and the cache of ${cache.backend.name} lacks it`,
      { hint: 'a cache exported with mode=max has all layers of the bases that no registry has' },
    );
  };
}

async function readBases(
  { backend, document }: LoadedCache,
  scope: Scope,
): Promise<readonly LentBase[]> {
  const what = `the base images in the cache of ${backend.name}`;
  const all: LentBase[] = [];
  try {
    if (document.bases !== undefined) all.push(...unpackBases(document.bases, what));
    for (const blob of document.blobs.filter(isCarriedBases)) {
      const bytes = backend.blob(blob, scope);
      all.push(
        ...unpackBases(await smallBlob(bytes, blob, { what, most: blob.size }, scope), what),
      );
    }
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    scope.emit(warningOf(`${what} are not used`, error));
  }
  return all;
}

function say(line: string, scope: Scope & { readonly vertex?: Digest }): void {
  const { vertex } = scope;
  if (vertex === undefined) return;
  const data = Buffer.from(`${line}\n`);
  scope.emit({ type: 'log', vertex, stream: 'stderr', data, time: steadyTime() });
}
