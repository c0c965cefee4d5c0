import type { Digest, DiffID } from './digest.js';
import type { SourceRange } from './error.js';
import type { Descriptor, ImageConfig, Platform } from './oci.js';

/** One step as plain data: printable, digestable. What does not change the result is not in here. */
export type OpSpec = ImageSpec | ScratchSpec | ExecSpec | CopySpec | MkdirSpec;

/** FROM an image, or `COPY --from=image`: already resolved to content. */
export interface ImageSpec {
  readonly kind: 'image';
  /** Canonical name, for messages and for fetching; the key knows only `diffIDs`. */
  readonly reference: string;
  readonly manifest: Digest;
  /** Bottom first; as many as `diffIDs`. */
  readonly layers: readonly Descriptor[];
  readonly diffIDs: readonly DiffID[];
}

/** The empty base. */
export interface ScratchSpec {
  readonly kind: 'scratch';
}

export type NetworkMode = 'default' | 'none' | 'host';

/** A variable of a RUN step, and who set it (`proxy` variables are not in the key). */
export interface EnvVar {
  readonly name: string;
  readonly value: string;
  readonly origin: 'ENV' | 'ARG' | 'proxy';
}

/** RUN. Inputs: [root]. */
export interface ExecSpec {
  readonly kind: 'exec';
  /** argv, the shell included for shell form. */
  readonly args: readonly string[];
  /** Stable order, each name once. */
  readonly env: readonly EnvVar[];
  /** Absolute. */
  readonly cwd: string;
  /** USER as written, '' for root. */
  readonly user: string;
  readonly network: NetworkMode;
  readonly platform: Platform;
}

/** COPY and local ADD. Inputs: [destination root] or [destination root, source root]. */
export interface CopySpec {
  readonly kind: 'copy';
  readonly instruction: 'COPY' | 'ADD';
  /** `context`: the build context, under its ignore rules; `input`: the second input's root. */
  readonly from: 'context' | 'input';
  /** As written after expansion (may hold wildcards, leading '/', '..'). */
  readonly sources: readonly string[];
  /** Absolute and cleaned; a trailing '/' (kept) says directory. */
  readonly dest: string;
  /** `user[:group]` after expansion. */
  readonly chown?: string;
  /** After expansion: octal text. */
  readonly chmod?: string;
  /** ADD unpacks local archives. */
  readonly unpack: boolean;
}

/** WORKDIR: creates the directory (and parents) if missing, owned by `user`. Inputs: [root]. */
export interface MkdirSpec {
  readonly kind: 'mkdir';
  readonly path: string;
  readonly user: string;
}

/** A node of the graph. Two vertices with the same digest are the same work. */
export interface Vertex {
  /** canonicalDigest of op and the inputs' digests (the context's content is not in it). */
  readonly digest: Digest;
  readonly op: OpSpec;
  readonly inputs: readonly Vertex[];
  /** `[stage 2/5] RUN make`, as BuildKit titles it. */
  readonly name: string;
  readonly range: SourceRange;
  readonly place: Place;
  /** --no-cache: run even when a record exists. Sources and WORKDIR still reuse. */
  readonly ignoreCache: boolean;
}

/** Where in its Dockerfile a step stands: how the record of "this step, last time" is found. */
export interface Place {
  /** Absolute path of the Dockerfile, or `-`. */
  readonly file: string;
  readonly stage: string;
  /** Count of vertices before it in its stage. */
  readonly position: number;
  /** The instruction, upper-cased keyword, unexpanded. */
  readonly text: string;
}

/** One instruction's line in the image's history (one per instruction). */
export interface HistoryStep {
  readonly createdBy: string;
  /** The vertex whose layer it describes; absent for metadata (`empty_layer`). */
  readonly vertex?: Vertex;
}

/** What lowering makes of a Dockerfile for one target and platform. */
export interface BuildPlan {
  /** The target's last vertex. */
  readonly target: Vertex;
  /** Everything the target reaches, inputs first. */
  readonly vertices: readonly Vertex[];
  /** The image config but for `rootfs`, `history` and `created`, which the exporter computes. */
  readonly config: Omit<ImageConfig, 'rootfs' | 'history' | 'created'>;
  /** Config of the base image at the bottom of the target's stages, for its history; absent on scratch. */
  readonly base?: ImageConfig;
  /** After the base's own history, in order. */
  readonly history: readonly HistoryStep[];
  readonly targetName: string;
}

/** What lowering needs to know of an image. */
export interface ResolvedImage {
  /** Canonical name with tag and digest as resolved. */
  readonly reference: string;
  readonly manifest: Digest;
  readonly layers: readonly Descriptor[];
  readonly config: ImageConfig;
}
