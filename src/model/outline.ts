import type { SourceRange } from './error.js';

/** The parameters a target can be built with (BuildKit's `frontend.outline`). */
export interface Outline {
  /** The target's name; '' when it has none. */
  readonly name: string;
  readonly description: string;
  readonly args: readonly OutlineArg[];
  readonly secrets: readonly OutlineMount[];
  readonly ssh: readonly OutlineMount[];
  readonly cache: readonly OutlineMount[];
}

export interface OutlineArg {
  readonly name: string;
  readonly value: string;
  readonly description: string;
  readonly range: SourceRange;
}

/** A secret, an agent socket or a cache directory that a RUN asks for, by its id. */
export interface OutlineMount {
  readonly name: string;
  readonly required: boolean;
  readonly range: SourceRange;
}

/** A stage that can be built (BuildKit's `frontend.targets`). */
export interface BuildTarget {
  /** '' when it has none. */
  readonly name: string;
  readonly isDefault: boolean;
  readonly description: string;
  /** As written. */
  readonly base: string;
  readonly platform?: string;
  readonly range: SourceRange;
}
