import type { Lookup } from '../words.js';

/** A lookup that remembers the names it was asked for. */
export interface Recorder {
  readonly lookup: Lookup;
  readonly matched: ReadonlySet<string>;
  readonly unmatched: ReadonlySet<string>;
}

export function recordLookups(inner: Lookup): Recorder {
  const [matched, unmatched] = [new Set<string>(), new Set<string>()];
  const lookup = (name: string): string | undefined => {
    const value = inner(name);
    (value === undefined ? unmatched : matched).add(name);
    return value;
  };
  return { lookup, matched, unmatched };
}
