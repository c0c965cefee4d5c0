import type { SourceRange } from '../model/error.js';
import type { GitSpec, HttpSpec, NamedSource, NetworkMode, ResolvedImage } from '../model/graph.js';
import type { LintOptions } from './lint/lint-options.js';
import type { OutlineCapture } from './lint/outline.js';
import type { Platform } from '../model/oci.js';

/** Something that works, but probably not as meant. */
export interface Warning {
  readonly message: string;
  readonly range?: SourceRange;
}

/** What a SOURCE_DATE_EPOCH that is no number names. */
export type EpochSource =
  | { readonly kind: 'context' }
  | { readonly kind: 'named-context'; readonly name: string }
  /** The one remote source of a stage of one ADD. */
  | { readonly kind: 'add'; readonly op: HttpSpec | GitSpec; readonly stage: string };

export interface LowerOptions {
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly target?: string;
  /** To build for; and what this machine is, if that is another. */
  readonly platform: Platform;
  readonly buildPlatform?: Platform;
  /** Nobody asked for a platform: the image is for what its base is for. */
  readonly implicitPlatform?: boolean;
  /** Several platforms are built: titles name this one. */
  readonly multiPlatform?: boolean;
  /** For RUN without --network. */
  readonly network: NetworkMode;
  readonly noCache: boolean;
  /** Names of stages whose steps run again. */
  readonly noCacheFilter?: readonly string[];
  /** Absolute path of the Dockerfile, or `-`: identifies places. */
  readonly place: string;
  /** Absent: no rule is looked at. */
  readonly lint?: LintOptions;
  /** Told of what the lowered stages use. */
  readonly outline?: OutlineCapture;
  readonly resolveImage: (
    name: string,
    platform: Platform,
    range: SourceRange,
  ) => Promise<ResolvedImage>;
  /** Names given by --build-context. */
  readonly namedContexts?: ReadonlySet<string>;
  /** Absent: nobody is told. */
  readonly warn?: (warning: Warning) => void;
  /** The time a remote source says it is from (SOURCE_DATE_EPOCH=context or a name), in seconds, if it has one. */
  readonly sourceTime?: (source: EpochSource) => Promise<number | undefined>;
  /** What a name means by --build-context, before it means a stage or an image; for a platform, if it has one of its own. */
  readonly namedContext?: (name: string, platform?: Platform) => Promise<NamedSource | undefined>;
}
