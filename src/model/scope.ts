import type { BuildEvent } from './events.js';

/** What every slow call carries: how it is stopped, and where its facts go. */
export interface Scope {
  /** Aborting always carries a reason. Ask `signal.throwIfAborted()` after anything slow. */
  readonly signal: AbortSignal;
  /** Synchronous, returns nothing, cannot fail the work. */
  readonly emit: (event: BuildEvent) => void;
}
