import type { SourceRange } from '../model/error.js';
import type { NetworkMode, ResolvedImage } from '../model/graph.js';
import type { LintOptions } from './lint/lint-options.js';
import type { OutlineCapture } from './lint/outline.js';
import type { Platform } from '../model/oci.js';

export interface LowerOptions {
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly target?: string;
  /** The host's. */
  readonly platform: Platform;
  /** For RUN without --network. */
  readonly network: NetworkMode;
  readonly noCache: boolean;
  /** Absolute path of the Dockerfile, or `-`: identifies places. */
  readonly place: string;
  /** Absent: no rule is looked at. */
  readonly lint?: LintOptions;
  /** Told of what the lowered stages use. */
  readonly outline?: OutlineCapture;
  readonly resolveImage: (name: string, range: SourceRange) => Promise<ResolvedImage>;
}
