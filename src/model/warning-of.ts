import type { BuildError } from './error.js';
import type { WarningEvent } from './events.js';

/** What failed and costs the build nothing but that: why, and what to do next. */
export function warningOf(
  what: string,
  { message, hint }: BuildError,
): Pick<WarningEvent, 'type' | 'message' | 'hint'> {
  return {
    type: 'warning',
    message: `${what}: ${message}`,
    ...(hint === undefined ? {} : { hint }),
  };
}
