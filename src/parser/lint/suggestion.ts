import { nearest } from '../../model/nearest.js';

/** The name that was meant; of very short ones every other is a slip away, so none is. */
export function suggestion(name: string, known: Iterable<string>): string | undefined {
  return name.length < 3 ? undefined : nearest(name, known);
}
