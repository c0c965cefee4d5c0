import type { Digest } from './digest.js';
import type { ErrorCode, SourceRange } from './error.js';
import type { BuildEvent, Timestamp } from './events.js';

/** What a build was asked to do, as its record keeps it: no secret, and no credential of a URL, is in it. */
export interface BuildFacts {
  readonly id: string;
  readonly started: Timestamp;
  /** Absolute path of a directory, a URL, or `-`. */
  readonly context: string;
  /** The context is a directory of this machine. */
  readonly local: boolean;
  readonly dockerfile: string;
  /** Of a directory that is in a checkout. */
  readonly vcs?: RecordedVcs;
  readonly platforms: readonly string[];
  readonly tags: readonly string[];
  readonly target?: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly buildContexts: Readonly<Record<string, string>>;
  /** What else was not as usual, as flags of the command line: `--no-cache`, `--secret id=token`. */
  readonly flags: readonly string[];
  /** Of the program that built. */
  readonly pid: number;
}

/** Where a checkout comes from, without credentials. */
export interface RecordedVcs {
  readonly source?: string;
  readonly revision?: string;
  /** Of the Dockerfile, in the checkout. */
  readonly path: string;
}

/** What a build was made of besides its context: an image, a repository, a file of the web. */
export interface Material {
  /** Without credentials. */
  readonly uri: string;
  /** `sha256:...`; of a commit `sha1:...`. */
  readonly digests: readonly string[];
}

/** How a build ended. */
export interface BuildEnd {
  readonly time: Timestamp;
  readonly status: 'completed' | 'failed' | 'canceled';
  readonly result?: BuildOutcome;
  readonly error?: BuildFailure;
  readonly steps: StepCounts;
}

export interface BuildOutcome {
  readonly imageId: Digest;
  readonly manifest: Digest;
  readonly names: readonly string[];
}

export interface BuildFailure {
  readonly message: string;
  /** Absent: a defect of stave. */
  readonly code?: ErrorCode;
  readonly hint?: string;
  readonly details?: readonly string[];
  readonly range?: SourceRange;
  /** The lines of the Dockerfile around `range`, as they were. */
  readonly source?: readonly string[];
}

/** Of the steps of the Dockerfile that the target needs. */
export interface StepCounts {
  readonly total: number;
  readonly completed: number;
  readonly cached: number;
}

/** `killed`: it has no end, and nobody runs it. */
export type BuildStatus = BuildEnd['status'] | 'running' | 'killed';

/** A record without its events. */
export interface BuildSummary {
  readonly facts: BuildFacts;
  readonly status: BuildStatus;
  /** Absent while it runs, and of a killed one. */
  readonly end?: BuildEnd;
  /** When it ended; of one that runs or was killed: the last that was written of it. */
  readonly seen: Timestamp;
  readonly steps: StepCounts;
}

/** A record with all that happened; the bytes of its log are asked for one event at a time. */
export interface BuildRecord extends BuildSummary {
  readonly events: () => Iterable<BuildEvent>;
  readonly materials: () => readonly Material[];
}
