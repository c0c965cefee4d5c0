import type { Descriptor } from '../model/oci.js';
import type { Reference } from '../model/reference.js';
import type { Scope } from '../model/scope.js';
import type { Bytes } from '../model/stores.js';

/** A cache as one thing: BuildKit's cache config, and the blobs that are there for it. */
export interface CacheDocument {
  /** JSON of `application/vnd.buildkit.cacheconfig.v0` (`CacheConfig`); each layer in it has its own annotations. */
  readonly config: Uint8Array;
  /** What the config and stave's notes in it name, and the cache holds. */
  readonly blobs: readonly Descriptor[];
  /** A note of base images that is no blob: an image carries it in its config. */
  readonly bases?: Uint8Array;
}

/**
 * One place where a cache lives: a name that means a document, and blobs by digest. What comes out is not trusted: who
 * reads checks digests and sizes. Errors are BuildError; whether one fails the build is the caller's to say.
 */
export interface CacheBackend {
  /** As BuildKit titles it: `registry HOST/NAME:TAG`, `client directory DIR`. */
  readonly name: string;
  /** Of a registry: another cache of the same registry takes blobs over from it, and nothing travels. */
  readonly repository?: Pick<Reference, 'domain' | 'path'>;
  /** Undefined when there is none yet. Reads documents only, never layers. */
  readonly read: (scope: Scope) => Promise<CacheDocument | undefined>;
  readonly blob: (blob: Descriptor, scope: Scope) => Bytes;
}

/** A backend that is written to. `write` comes last, and makes the document visible whole or not at all. */
export interface WritableCacheBackend extends CacheBackend {
  /** What the document names, where that is known without its config. */
  readonly named?: (scope: Scope) => Promise<readonly Descriptor[]>;
  readonly has: (blob: Descriptor, scope: Scope) => Promise<boolean>;
  /** Only called for what `has` denied; `bytes` may be called again for another try. */
  readonly put: (blob: Descriptor, bytes: () => Bytes, scope: Scope) => Promise<void>;
  /** Takes a blob over from where another cache has it; false when that cannot be. */
  readonly borrow?: (blob: Descriptor, from: CacheBackend, scope: Scope) => Promise<boolean>;
  readonly write: (document: CacheDocument, scope: Scope) => Promise<void>;
  /** Exclusive for one export, where the place cannot do without. */
  readonly lock?: (scope: Scope) => Promise<AsyncDisposable>;
}

/** Larger is no cache's document. BuildKit stops at 1 MiB. */
export const MAX_CONFIG = 16 << 20;
