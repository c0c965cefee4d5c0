import type { Digest, DiffID, TreeDigest } from './digest.js';
import type { Descriptor } from './oci.js';
import type { Result } from './op.js';
import type { Reference } from './reference.js';
import type { Scope } from './scope.js';

/** Bytes are pulled: a slow consumer slows the producer. */
export type Bytes = AsyncIterable<Uint8Array>;

/** What is known of a blob before its bytes came. */
export interface BlobInfo {
  readonly mediaType: string;
  readonly digest?: Digest;
  readonly size?: number;
}

/** Content-addressed bytes: disk, memory, registry. */
export interface BlobStore {
  has(digest: Digest, scope: Scope): Promise<boolean>;
  /** Size and digest are checked as the bytes pass; a difference throws BuildError `integrity` at the end. */
  open(blob: Descriptor, scope: Scope): Bytes;
  /**
   * Idempotent. Resolves after the bytes are durable and match `info`; else throws BuildError `integrity` and
   * leaves nothing.
   */
  put(bytes: Bytes, info: BlobInfo, scope: Scope): Promise<Descriptor>;
}

/** A store with names: the local image store, an OCI layout, a registry. */
export interface Target extends BlobStore {
  /** Undefined when the name is not there. */
  resolve(name: Reference, scope: Scope): Promise<Descriptor | undefined>;
  tag(name: Reference, manifest: Descriptor, scope: Scope): Promise<void>;
}

/** Facts of one layer, all from one pass over its entries. */
export interface LayerMeta {
  readonly diffID: DiffID;
  /** Digest of the diff's entries (path, type, mode, uid, gid, size, content, link, xattrs). */
  readonly content: TreeDigest;
  /** Length of the uncompressed tar. */
  readonly tarBytes: number;
  /** Sum of the sizes of files and of symbolic links: what docker calls a layer's size. */
  readonly fileBytes: number;
  readonly entries: number;
  /** RFC 3339, when the layer was made (a pulled layer: when it was unpacked). */
  readonly created: string;
}

/**
 * One layer of a snapshot: a directory with overlay upper semantics (whiteouts are char 0:0, opaque
 * directories carry the xattr trusted.overlay.opaque=y, or user.overlay.opaque=y in a user namespace).
 */
export interface Layer {
  /** Whether its tree is present: then it has `id` and `path`. */
  readonly isHere: boolean;
  /** Of a layer that came as a blob: what its image says of it. */
  readonly diffID?: DiffID | undefined;
  /** Name of the tree in the store; valid after `ensure`. */
  readonly id: string;
  /** Absolute path of its directory; valid after `ensure`. */
  readonly path: string;
  /** Makes the tree present (unpacks, downloads if it must); cheap when it is. */
  ensure(scope: Scope): Promise<void>;
  /** Waits for the hashing pass if it still runs. */
  meta(scope: Scope): Promise<LayerMeta>;
  /** `content` of `meta`; of a layer that is not here, as a cache tells it: nothing is downloaded to know it. */
  content(scope: Scope): Promise<TreeDigest>;
}

/** A committed filesystem: layers bottom first. `digest` folds the layers' `content`. */
export interface Snapshot extends Result {
  readonly layers: readonly Layer[];
}

/** A read-only or writable mount that is given back on dispose. */
export interface MountedTree extends AsyncDisposable {
  readonly root: string;
}

/** What a tar says of an entry but for its name. */
export interface EntryFacts {
  readonly type:
    'file' | 'link' | 'symlink' | 'character-device' | 'block-device' | 'directory' | 'fifo';
  /** Permission bits, 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtimeNs: bigint;
  /** Target of a symlink; first name of a hard link. */
  readonly linkname?: string;
  readonly devmajor?: number;
  readonly devminor?: number;
}

/** An entry as it was written to a layer's directory. Paths and links are latin1. */
export interface WrittenEntry extends EntryFacts {
  readonly path: string;
  /** Whether it may have extended attributes. */
  readonly xattrs?: boolean;
  /** Nothing more is said of it: it may be read before the next is written. */
  readonly complete?: boolean;
  /** A file's bytes, valid during the call; else they are read from `source`. */
  readonly content?: Uint8Array;
  readonly source?: string | Buffer;
}

/** Told of what is written to a layer, so that its digests are computed meanwhile. */
export interface LayerLog {
  /** Parents first, siblings in byte order; the last path again replaces what was said of it. */
  put(entry: WrittenEntry): void;
  /** More of the last path, which must be `path`. */
  change(path: string, part: Partial<WrittenEntry>): void;
  /** Something else was written: the finished directory is to be read instead. */
  drop(): void;
}

export interface MountOptions {
  /** Device nodes of it can be opened. */
  readonly devices?: boolean;
  /** Nothing can be mounted: the root is a copy. */
  readonly chroot?: {
    /** Directories of the root that stay empty. */
    readonly hidden: readonly string[];
    /** Puts what is none of the layer's into the root, and tells its paths (latin1). */
    readonly furnish: (root: string) => Promise<readonly string[]>;
  };
}

/** A layer in the making on top of a parent. Not committed = rolled back on dispose. */
export interface ActiveLayer extends AsyncDisposable {
  /** The fresh upper directory. */
  readonly upper: string;
  /** sha256 hex of files written with known content, by path in the layer (latin1): not hashed again. */
  readonly known: Map<string, string>;
  /** For a step that writes `upper` itself and in order; only what is told here counts, once anything is. */
  readonly log: LayerLog;
  /** Parent and upper as one, writable: an overlay, or a copy where none can be had. Made once, at first call. */
  mount(scope: Scope, options?: MountOptions): Promise<string>;
  /** Takes it away, and everything mounted in it. */
  unmount(): void;
  /** The step is over: unmounts, and `upper` holds what it changed. From then on it may be changed again. */
  collect(): Promise<void>;
  /** Unmounts, moves the upper directory into the store, starts the hashing pass. */
  commit(scope: Scope): Promise<Layer>;
}

export interface Snapshotter {
  /** A layer already in the store, by tree id; undefined when it is gone or incomplete. */
  open(id: string): Promise<Layer | undefined>;
  /**
   * A lazy layer for an image's blob: unpacked when `ensure` or `meta` needs it. `created` (RFC 3339) of one that a
   * build made; else it is made when it is unpacked.
   */
  fromBlob(blob: Descriptor, diffID: DiffID, source: BlobSource, created?: string): Promise<Layer>;
  snapshot(layers: readonly Layer[]): Snapshot;
  prepare(parent: Snapshot, scope: Scope): Promise<ActiveLayer>;
  /** Read-only overlay of all layers. */
  view(snapshot: Snapshot, scope: Scope): Promise<MountedTree>;
}

/** Where a pulled layer's bytes come from: the blob store, or a registry that fills it first. */
export type BlobSource = (blob: Descriptor, scope: Scope) => Bytes;
