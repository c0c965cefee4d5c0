/** One unit of a `${v#pattern}` glob: any text, any character, or this character. */
type Unit = { readonly any: 'text' | 'char' } | { readonly char: string };
export type Glob = readonly Unit[];

/** `*` and `?` are special, the escape quotes the next character; brackets are plain (BuildKit's lexer). */
export function compileGlob(pattern: string, escape: string): Glob {
  const units: Unit[] = [];
  const chars = Array.from(pattern);
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i] ?? '';
    if (char === escape && i + 1 < chars.length) units.push({ char: chars[++i] ?? '' });
    else if (char === '*') units.push({ any: 'text' });
    else if (char === '?') units.push({ any: 'char' });
    else units.push({ char });
  }
  return units;
}

export function trimPrefix(glob: Glob, value: string, greedy: boolean): string {
  const chars = Array.from(value);
  const end = matchEnd(glob, chars, 0, greedy);
  return end === undefined ? value : chars.slice(end).join('');
}

export function trimSuffix(glob: Glob, value: string, greedy: boolean): string {
  const chars = Array.from(value).reverse();
  const end = matchEnd([...glob].reverse(), chars, 0, greedy);
  return end === undefined ? value : chars.slice(end).reverse().join('');
}

/** Leftmost longest matches, at most `limit`. An empty pattern matches nothing. */
export function replaceMatches(
  glob: Glob,
  value: string,
  replacement: string,
  limit: number,
): string {
  const chars = Array.from(value);
  let out = '';
  let done = 0;
  for (let at = 0; at < chars.length;) {
    const end = done < limit ? matchEnd(glob, chars, at, true) : undefined;
    if (end === undefined || end === at) {
      out += chars[at++] ?? '';
      continue;
    }
    out += replacement;
    at = end;
    done++;
  }
  return out;
}

/**
 * End of a match that starts at `from`, the longest or the shortest. All states of the pattern advance together over
 * the text, so the cost is its length times the pattern's, whatever the pattern is.
 */
function matchEnd(
  glob: Glob,
  chars: readonly string[],
  from: number,
  greedy: boolean,
): number | undefined {
  let states = withSkips(glob, new Set([0]));
  let found: number | undefined;
  for (let at = from; ; at++) {
    if (states.has(glob.length)) {
      found = at;
      if (!greedy) return found;
    }
    const char = chars[at];
    if (char === undefined || states.size === 0) return found;
    states = withSkips(glob, advance(glob, states, char));
  }
}

function advance(glob: Glob, states: ReadonlySet<number>, char: string): Set<number> {
  const next = new Set<number>();
  for (const state of states) {
    const unit = glob[state];
    if (unit === undefined) continue;
    if ('any' in unit) next.add(unit.any === 'text' ? state : state + 1);
    else if (unit.char === char) next.add(state + 1);
  }
  return next;
}

/** `*` may match nothing. */
function withSkips(glob: Glob, states: Set<number>): Set<number> {
  for (const state of states) {
    const unit = glob[state];
    if (unit !== undefined && 'any' in unit && unit.any === 'text') states.add(state + 1);
  }
  return states;
}
