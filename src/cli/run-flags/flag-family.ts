import type { RunOptions } from '../../model/run-options.js';
import type { FlagSpec, ParsedFlags } from '../flags.js';

/** A family's part of the options. `host` and `config` of all families are merged, key by key. */
export type RunPart = Partial<RunOptions>;

/** Flags of `run` and `create` that belong together: one file each in this directory. */
export interface FlagFamily {
  readonly flags: readonly FlagSpec[];
  /** Pure: files are read in `env`'s world only by families that say so. Throws BuildError `usage`. */
  readonly read: (flags: ParsedFlags, env: NodeJS.ProcessEnv) => RunPart;
}
