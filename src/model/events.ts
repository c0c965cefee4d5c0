import type { Digest } from './digest.js';
import type { SourceRange } from './error.js';

/** Milliseconds since the epoch, with fractions. */
export type Timestamp = number;

/**
 * The facts of a build: BuildKit's four kinds (vertex, status, log, warning), so that `--progress=rawjson`
 * can print its SolveStatus lines. Every printer is a fold over these; nothing ever comes back.
 */
export type BuildEvent =
  | VertexQueued
  | VertexStarted
  | VertexCached
  | VertexCompleted
  | VertexFailed
  | VertexCancelled
  | StatusEvent
  | LogEvent
  | WarningEvent;

/** Announces a vertex: once per build, before anything else about it. */
export interface VertexQueued {
  readonly type: 'vertex-queued';
  readonly vertex: Digest;
  /** `[2/5] RUN apt-get update`, or `[internal] load build context`. */
  readonly name: string;
  readonly inputs: readonly Digest[];
  readonly range?: SourceRange;
}
export interface VertexStarted {
  readonly type: 'vertex-started';
  readonly vertex: Digest;
  readonly time: Timestamp;
  /** Why it runs; absent for internal vertices, which always run. */
  readonly why?: Why;
}
export interface VertexCached {
  readonly type: 'vertex-cached';
  readonly vertex: Digest;
  readonly time: Timestamp;
  /** How it was found: by its definition, or by its content (an input changed, its result did not). */
  readonly by: 'definition' | 'content';
}
export interface VertexCompleted {
  readonly type: 'vertex-completed';
  readonly vertex: Digest;
  readonly time: Timestamp;
}
export interface VertexFailed {
  readonly type: 'vertex-failed';
  readonly vertex: Digest;
  readonly time: Timestamp;
  readonly error: string;
}
export interface VertexCancelled {
  readonly type: 'vertex-cancelled';
  readonly vertex: Digest;
  readonly time: Timestamp;
}
/** Progress inside a vertex (a blob, an export sub-step). `current` and `total` in bytes, when known. */
export interface StatusEvent {
  readonly type: 'status';
  readonly vertex: Digest;
  readonly id: string;
  readonly name: string;
  readonly current?: number;
  readonly total?: number;
  readonly time: Timestamp;
  readonly started?: Timestamp;
  readonly completed?: Timestamp;
}
/** Raw bytes a step wrote. Not escaped: whoever shows them on a terminal must. */
export interface LogEvent {
  readonly type: 'log';
  readonly vertex: Digest;
  readonly stream: 'stdout' | 'stderr';
  readonly data: Uint8Array;
  readonly time: Timestamp;
}
export interface WarningEvent {
  readonly type: 'warning';
  readonly vertex?: Digest;
  readonly message: string;
  /** What to do next, one line. */
  readonly hint?: string;
  readonly detail?: readonly string[];
  /** A page about it. */
  readonly url?: string;
  readonly range?: SourceRange;
  /** Text of the file that `range` is in. */
  readonly source?: string;
}

/** Why a step was not taken from the cache: the first thing that differs, by name. */
export type Why =
  | { readonly kind: 'never-built' }
  | { readonly kind: 'no-cache' }
  /** It was named by `rebuild`. */
  | { readonly kind: 'rebuild' }
  | { readonly kind: 'evicted' }
  /** An input step ran again with another result; `input` is that vertex's name. */
  | { readonly kind: 'input-changed'; readonly input: string }
  /** `what` as a person says it: `src/index.js (content)`, `ARG VERSION (1 -> 2)`, `instruction text`. */
  | { readonly kind: 'changed'; readonly what: string; readonly more: number };

/** The one wording of a reason, for every face. */
export function describeWhy(why: Why): string {
  switch (why.kind) {
    case 'never-built':
      return 'never built';
    case 'no-cache':
      return '--no-cache';
    case 'rebuild':
      return '--rebuild';
    case 'evicted':
      return 'evicted: its layer is no longer in the store';
    case 'input-changed':
      return `input changed: ${why.input}`;
    case 'changed':
      return `changed: ${why.what}${why.more > 0 ? ` and ${String(why.more)} more` : ''}`;
  }
}
