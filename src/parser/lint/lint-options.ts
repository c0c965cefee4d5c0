import type { LintWarning } from '../../model/lint.js';
import type { IgnoreFacts } from './ignore-facts.js';

/** What the rules need besides the file, and who is told. */
export interface LintOptions {
  readonly warn: (warning: LintWarning) => void;
  /** The context's ignore file; asked only for a COPY or ADD from the context. */
  readonly ignore?: () => IgnoreFacts | undefined;
  /** Every stage is lowered, also past one that fails; the first in the file that did is thrown at the end. */
  readonly allStages?: boolean;
}
