import type { SourceRange } from '../model/error.js';
import type { NetworkMode, ResolvedImage } from '../model/graph.js';
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
  readonly resolveImage: (name: string, range: SourceRange) => Promise<ResolvedImage>;
}
