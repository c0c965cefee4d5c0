import type { CacheKey, Digest, DiffID, TreeDigest } from '../model/digest.js';

/** BuildKit's cache config (moby/buildkit, cache/remotecache/v1/types), and in records what stave needs besides. */
export const CACHE_CONFIG = 'application/vnd.buildkit.cacheconfig.v0';

export interface CacheConfig {
  readonly layers: readonly ConfigLayer[];
  readonly records: readonly ConfigRecord[];
}

export interface ConfigLayer {
  readonly blob: Digest;
  /** Index of the layer below; -1 for none. */
  readonly parent: number;
  readonly annotations: {
    readonly mediaType: string;
    readonly diffID: DiffID;
    readonly size: number;
    /** RFC 3339. */
    readonly createdAt: string;
    /** What its tree holds, where whoever wrote the cache knew: a step above it is looked for without it. */
    readonly content?: TreeDigest;
  };
}

export interface ConfigRecord {
  /** A definition key of stave's. */
  readonly digest: CacheKey;
  /** The topmost layer; it has all below it. */
  readonly layers?: readonly { readonly layer: number; readonly createdAt: string }[];
  /** Inline only: layers of the image one by one, where they are not its lowest. */
  readonly chains?: readonly { readonly layers: readonly number[]; readonly createdAt: string }[];
  /** BuildKit ignores it; a record without it is BuildKit's. */
  readonly stave?: StaveNote;
}

export interface StaveNote {
  readonly op: Digest;
  readonly content?: CacheKey;
  readonly whole?: CacheKey;
  readonly tree: TreeDigest;
  /** Layers of the result: without any there is nothing else to say so. */
  readonly layers: number;
  readonly created: string;
  readonly name?: string;
}
