import type { Digest, DiffID } from './digest.js';
import type { SourceRange } from './error.js';
import type { Descriptor, ImageConfig, Platform } from './oci.js';

/** One step as plain data: printable, digestable. What does not change the result is not in here. */
export type OpSpec =
  ImageSpec | ScratchSpec | HttpSpec | GitSpec | ExecSpec | CopySpec | MergeSpec | MkdirSpec;

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

/** A file of the web: a tree of that one file. No inputs. */
export interface HttpSpec {
  readonly kind: 'http';
  /** May hold credentials: shown only through `redactUrls`, and not in the key. */
  readonly url: string;
  /** What the file is called in the tree. */
  readonly filename: string;
  /** `sha256:`, `sha384:` or `sha512:` with hex: what the bytes must have. */
  readonly checksum?: string;
}

/** A commit of a git repository as a tree. No inputs. */
export interface GitSpec {
  readonly kind: 'git';
  /** What git is given; may hold credentials: shown only through `redactUrls`, and not in the key. */
  readonly remote: string;
  /** Branch, tag or commit; '' for the remote's HEAD. */
  readonly ref: string;
  /** Below the repository's root, without leading or trailing `/`; '' for all. */
  readonly subdir: string;
  /** Hex: the commit that `ref` must mean begins with it. */
  readonly checksum?: string;
  readonly keepGitDir: boolean;
  readonly submodules: boolean;
  /** Files' times: when they were checked out, or the commit's. */
  readonly mtime: 'checkout' | 'commit';
  /** Fetch `checksum` itself, whatever `ref` means by now. */
  readonly fetchByCommit: boolean;
}

export type NetworkMode = 'default' | 'none' | 'host';

/** A variable of a RUN step, and who set it (`proxy` variables are not in the key). */
export interface EnvVar {
  readonly name: string;
  readonly value: string;
  readonly origin: 'ENV' | 'ARG' | 'proxy';
}

/** `--device`: a CDI name, `vendor.com/class=name`. */
export interface DeviceRequest {
  readonly name: string;
  readonly required: boolean;
}

/** What is mounted into a RUN, in order. `target` is absolute and clean; `input` indexes the vertex' inputs. */
export type MountSpec =
  BindMountSpec | CacheMountSpec | TmpfsMountSpec | SecretMountSpec | SshMountSpec;

/** Without `input`: of the build context. Writes are thrown away. */
export interface BindMountSpec {
  readonly type: 'bind';
  readonly target: string;
  readonly input?: number;
  /** Absolute, in the source's root. */
  readonly source: string;
  readonly readonly: boolean;
}

/** A directory that outlives builds. `input`: its initial content. */
export interface CacheMountSpec {
  readonly type: 'cache';
  readonly target: string;
  readonly id: string;
  readonly namespace: string;
  readonly sharing: 'shared' | 'private' | 'locked';
  readonly input?: number;
  readonly source: string;
  readonly readonly: boolean;
  readonly owner?: FileOwner;
}

export interface TmpfsMountSpec {
  readonly type: 'tmpfs';
  readonly target: string;
  /** Bytes; 0 is the kernel's default. */
  readonly size: number;
  readonly readonly: boolean;
}

/** A file of its own, a variable, or both. */
export interface SecretMountSpec {
  readonly type: 'secret';
  readonly id: string;
  readonly target?: string;
  readonly env?: string;
  readonly required: boolean;
  readonly owner: FileOwner;
}

export interface SshMountSpec {
  readonly type: 'ssh';
  readonly id: string;
  readonly target: string;
  readonly required: boolean;
  readonly owner: FileOwner;
}

export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** RUN. Inputs: [root, then what is mounted]. */
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
  readonly security: 'sandbox' | 'insecure';
  readonly mounts: readonly MountSpec[];
  readonly devices: readonly DeviceRequest[];
  readonly platform: Platform;
  /** A here-document's script: an executable, read-only file below /dev/pipes. */
  readonly script?: InlineFile;
  /** BUILDKIT_SANDBOX_HOSTNAME; default `buildkitsandbox`. */
  readonly hostname?: string;
}

/** A file whose content stands in the Dockerfile. */
export interface InlineFile {
  /** One component. */
  readonly name: string;
  readonly content: string;
}

/** COPY and ADD. Inputs: [destination root], then what `from` and `origins` speak of. */
export interface CopySpec {
  readonly kind: 'copy';
  readonly instruction: 'COPY' | 'ADD';
  /** `context`: a build context, under its ignore rules; `input`: the second input's root. */
  readonly from: 'context' | 'input';
  /** The named context, of `from: 'context'`; absent for the main one. */
  readonly context?: string;
  /**
   * Where each of `sources` is, when ADD mixes them: 0 where `from` says, n the root of inputs[n] (a URL's file, a git
   * repository). Absent: all are where `from` says.
   */
  readonly origins?: readonly number[];
  /** As written after expansion (may hold wildcards, leading '/', '..'). */
  readonly sources: readonly string[];
  /** Here-documents: files of mode 0644, copied after `sources`. */
  readonly inline?: readonly InlineFile[];
  /** Absolute and cleaned; a trailing '/' (kept) says directory. */
  readonly dest: string;
  /** `user[:group]` after expansion. */
  readonly chown?: string;
  /** After expansion: octal or symbolic. */
  readonly chmod?: string;
  /** Source paths are kept below the destination, from the pivot `/./` on. */
  readonly parents?: boolean;
  /** Patterns of what is left out, in the ignore dialect; absent for none. */
  readonly exclude?: readonly string[];
  /** ADD unpacks local archives. */
  readonly unpack: boolean;
  /** `--unpack`: archives of the web too. */
  readonly unpackRemote?: boolean;
}

/** COPY --link: the layers of a copy made on scratch, on top of a root. Inputs: [root, copy]. */
export interface MergeSpec {
  readonly kind: 'merge';
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
  /** Absolute path of the Dockerfile; of one from stdin what stands for that. */
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
  /** SOURCE_DATE_EPOCH, in seconds. */
  readonly epoch?: number;
}

/** What lowering needs to know of an image. */
export interface ResolvedImage {
  /** Canonical name with tag and digest as resolved. */
  readonly reference: string;
  readonly manifest: Digest;
  readonly layers: readonly Descriptor[];
  readonly config: ImageConfig;
  /** It could not be resolved and stands in for what it might be; only a check goes on with one. */
  readonly placeholder?: boolean;
}

/** What --build-context puts in the place of an image or stage name. */
export type NamedSource =
  | { readonly kind: 'scratch' }
  /** An image by its name. */
  | { readonly kind: 'reference'; readonly reference: string }
  | { readonly kind: 'image'; readonly image: ResolvedImage }
  /** A directory: the named context of a copy. */
  | { readonly kind: 'local'; readonly name: string }
  | { readonly kind: 'source'; readonly op: HttpSpec | GitSpec; readonly shown: string };
