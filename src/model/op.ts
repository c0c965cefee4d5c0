import type { CacheKey, Digest, TreeDigest } from './digest.js';
import type { Vertex } from './graph.js';
import type { Scope } from './scope.js';

/** What a vertex yields. `digest` may have to wait for hashing, or for unpacking a base. */
export interface Result {
  digest(scope: Scope): Promise<TreeDigest>;
}

/** One named input of a key: what `why` compares and prints. */
export interface KeyPart {
  /** As a person says it: `instruction text`, `ARG VERSION`, `ENV PATH`, `user`, `files`. */
  readonly name: string;
  readonly digest: Digest;
  /** The value itself when short and not secret; printed as `(1 -> 2)`. */
  readonly shown?: string;
  /**
   * For a part that stands for many files: each path's facts, by field name (`content`, `mode`, ...), sorted
   * by path. Asked only when a record is written or a reason is looked for.
   */
  readonly list?: () => readonly ListedFact[];
}
export interface ListedFact {
  readonly path: string;
  readonly facts: Readonly<Record<string, string>>;
}

/** How a vertex is keyed and run. The solver sees nothing else of it. */
export interface Op<R extends Result> {
  /**
   * Every part of the definition that changes the result; cheap (a context's files are hashed through the stat
   * cache). Sources give their content here (an image: its diffIDs), so definition keys never name a tag.
   */
  definition(scope: Scope): Promise<readonly KeyPart[]>;
  /**
   * What the step reads of its inputs, by content; asked only when the definition key missed and a content record
   * for the same definition parts exists, or (in the background) to write one. Default: each input's digest.
   */
  content?(inputs: readonly R[], scope: Scope): Promise<readonly KeyPart[]>;
  /** True for sources (image, scratch): always run (they are lazy), never recorded, shown as cached. */
  readonly source?: boolean;
  run(inputs: readonly R[], scope: Scope): Promise<R>;
}

/** A vertex with its keys: what is known before anything runs. */
export interface KeyedStep {
  readonly vertex: Vertex;
  readonly parts: readonly KeyPart[];
  readonly opDigest: Digest;
  readonly key: CacheKey;
  /** Definition keys of its inputs. */
  readonly inputs: readonly CacheKey[];
}

/** What the solver keeps of a finished step. `result` is opaque to it. */
export interface StepRecord {
  readonly result: string;
  /** Result digest, so that a hit's digest is known without asking. */
  readonly digest: TreeDigest;
  /** RFC 3339, when the step ran. */
  readonly created: string;
  /** The step, as a person sees it. */
  readonly name?: string;
  /** Its content key, where it is known. */
  readonly content?: CacheKey;
  /** The same from all that its inputs hold, where it does not read all of them. */
  readonly whole?: CacheKey;
}

/** The last run at a place: parts by name, lists held apart. */
export interface PlaceRecord {
  readonly key: CacheKey;
  readonly parts: readonly RecordedPart[];
  /** Definition keys of the inputs, in order. */
  readonly inputs: readonly CacheKey[];
  /** Keys of runs before it, newest first: one of them may have been used again since. */
  readonly earlier?: readonly CacheKey[];
}
export interface RecordedPart {
  readonly name: string;
  readonly digest: Digest;
  readonly shown?: string;
  /** Present when the part had a list; read on demand. */
  readonly list?: Digest;
}

/**
 * The memory of finished steps. A missing, torn or unreadable record is `undefined`, never an error: a miss.
 * Writing a record under a key that has one replaces it (last writer wins).
 */
export interface Records {
  byDefinition(key: CacheKey): Promise<StepRecord | undefined>;
  /** True if any content record exists for this op digest (digest of its definition parts without inputs). */
  hasContent(op: Digest): Promise<boolean>;
  byContent(op: Digest, key: CacheKey): Promise<StepRecord | undefined>;
  putDefinition(key: CacheKey, record: StepRecord): Promise<void>;
  putContent(op: Digest, key: CacheKey, record: StepRecord): Promise<void>;
  /** The first of these places that has a record. A place is any digest the solver makes of one. */
  lastAt(places: readonly Digest[]): Promise<PlaceRecord | undefined>;
  /** Writes the same record under each of the places. */
  putPlace(places: readonly Digest[], record: PlaceRecord): Promise<void>;
  /** Notes that a build has these steps. */
  used(keys: readonly CacheKey[]): Promise<void>;
  /** When a build last had each, of others of the same store; 0 for never. Slow: for what is asked when a step runs. */
  lastUsed(keys: readonly CacheKey[]): Promise<readonly number[]>;
  putList(list: readonly ListedFact[]): Promise<Digest>;
  getList(digest: Digest): Promise<readonly ListedFact[] | undefined>;
  /** Exclusive across processes for the life of the disposable; `onWait` is called once if it has to wait. */
  lock(key: CacheKey, scope: Scope, onWait: () => void): Promise<AsyncDisposable>;
}

/** Records of other machines, read only. A cache that cannot be read says nothing. */
export type Elsewhere = Pick<
  Records,
  'byDefinition' | 'hasContent' | 'byContent' | 'lastAt' | 'getList'
>;
