import type { CacheFrom, CacheTo } from './cache-options.js';
import type { Digest } from './digest.js';
import type { SourceRange } from './error.js';
import type { BuildEvent } from './events.js';
import type { NetworkMode } from './graph.js';
import type { RunSettings } from './run-settings.js';

/** Where an annotation goes (OCI annotations.md): a document, or the descriptor that names it. */
export interface Annotation {
  readonly on: 'manifest' | 'manifest-descriptor' | 'index' | 'index-descriptor';
  /** Of one platform only, `os/arch[/variant]`. */
  readonly platform?: string;
  readonly key: string;
  readonly value: string;
}

/** `--output`: what leaves the house besides the image in the local store. `dest` `-` is stdout. */
export interface OutputSpec {
  readonly type: 'oci' | 'docker' | 'tar' | 'local' | 'image';
  /** File (oci, docker, tar) or directory (local, oci with tar=false); absent for `image`. */
  readonly dest?: string;
  /** `oci` only: false writes a directory layout. */
  readonly tar?: boolean;
  /** Names in the archive; default the build's tags. */
  readonly names?: readonly string[];
  /** Of layers in an OCI archive; default gzip. */
  readonly compression?: 'gzip' | 'zstd' | 'uncompressed';
  /** Of gzip 0 to 9, of zstd 1 to 22. */
  readonly compressionLevel?: number;
  /** Layers of the base too, which else stay as they came. */
  readonly forceCompression?: boolean;
  /** False names manifest, config and layers by docker's media types. */
  readonly ociMediaTypes?: boolean;
  /** Besides the build's own. */
  readonly annotations?: readonly Annotation[];
  /** SOURCE_DATE_EPOCH of this output alone; null for none. */
  readonly epoch?: number | null;
  /** False leaves files' times that are later than the epoch. */
  readonly rewriteTimestamp?: boolean;
  /** `local` and `tar`: a directory a platform; default when there are several. */
  readonly platformSplit?: boolean;
}

export interface BuildOptions extends RunSettings {
  /**
   * The build context: a directory, a git repository, the URL of a tar or of a Dockerfile, or `-`: `stdin` holds a tar
   * or a Dockerfile.
   */
  readonly context: string;
  /** What `-` means. Not over the API. */
  readonly stdin?: AsyncIterable<Uint8Array>;
  /**
   * Path of the Dockerfile, a URL, or `-`; default `Dockerfile`, then `dockerfile` in the context. Relative paths are
   * below the working directory, or below the context when that is no directory of this machine.
   */
  readonly dockerfile?: string;
  /** Further contexts by name: a directory, git or http(s) URL, docker-image://name, oci-layout://directory. */
  readonly buildContexts?: Readonly<Record<string, string>>;
  /** Image names; `latest` where no tag is written. */
  readonly tags?: readonly string[];
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** A stage's name; default the last stage. */
  readonly target?: string;
  /** `os/arch[/variant]`, several with commas between: an image each, under one index. Default: the machine's. */
  readonly platform?: string;
  readonly noCache?: boolean;
  /** Names of stages whose steps run again. */
  readonly noCacheFilter?: readonly string[];
  /**
   * Steps that run again: what stands in the brackets of their titles (`2/5`, `builder 2/5`), or a part of their text. What
   * follows is reused where it gives the same result.
   */
  readonly rebuild?: readonly string[];
  readonly annotations?: readonly Annotation[];
  /** Ask the registry again even when the image is in the store. */
  readonly pull?: boolean;
  /** Default for RUN. */
  readonly network?: NetworkMode;
  readonly outputs?: readonly OutputSpec[];
  /** Where steps are looked for that this machine has not; the first that has one gives it. */
  readonly cacheFrom?: readonly CacheFrom[];
  /** Where steps go when the image is complete. */
  readonly cacheTo?: readonly CacheTo[];
  /** Store root; default `$STAVE_ROOT`, /var/lib/stave for root, else $XDG_DATA_HOME/stave. */
  readonly root?: string;
  readonly signal?: AbortSignal;
}

export interface BuildResult {
  /** Digest of the image config: docker's image id. */
  readonly imageId: Digest;
  /** Digest of the manifest in the local store. */
  readonly manifest: Digest;
  readonly manifestSize: number;
  readonly manifestMediaType: string;
  /** Canonical names it was tagged with. */
  readonly names: readonly string[];
  /** What works but is probably not meant, in the order of the events that told it. */
  readonly warnings: readonly BuildWarning[];
}

/** What a lint rule, or a look at the options, found. */
export interface BuildWarning {
  /** Begins with the rule's name when it is a rule's. */
  readonly message: string;
  readonly detail?: readonly string[];
  /** A page about the rule. */
  readonly url?: string;
  readonly range?: SourceRange;
}

/** A build that runs. Disposing before `result` settles cancels it. */
export interface Build extends AsyncDisposable {
  /** May be iterated once; ends when the build ends. Unread events are kept. */
  readonly events: AsyncIterable<BuildEvent>;
  readonly result: Promise<BuildResult>;
}
