import { Problem } from './problem.js';

/** One unit of a `${v#pattern}` glob: any text, any character, or this character. */
type Unit = { readonly any: 'text' | 'char' } | { readonly char: string };
export type Glob = readonly Unit[];

const MAX_WORK = 1 << 27;

/**
 * `*` and `?` are special and do not match a newline, brackets are plain. `\` quotes `*`, `?` and itself, and before
 * `}` and `/` it goes, whatever the escape directive says (BuildKit's lexer). Throws Problem on any other `\`.
 */
export function compileGlob(pattern: string): Glob {
  const units: Unit[] = [];
  const chars = Array.from(pattern);
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i] ?? '';
    if (char === '\\') units.push({ char: escaped(pattern, chars[++i] ?? '') });
    else if (char === '*') units.push({ any: 'text' });
    else if (char === '?') units.push({ any: 'char' });
    else units.push({ char });
  }
  return units;
}

function escaped(pattern: string, char: string): string {
  if (char !== '' && '*?\\}/'.includes(char)) return char;
  throw new Problem(`invalid pattern (${pattern}) in substitution: invalid escape '\\${char}'`);
}

export function trimPrefix(glob: Glob, value: string, greedy: boolean): string {
  const chars = Array.from(value);
  const found = search(glob, chars, { from: 0, anchored: true, greedy });
  return found === undefined ? value : chars.slice(found.end).join('');
}

export function trimSuffix(glob: Glob, value: string, greedy: boolean): string {
  const chars = Array.from(value).reverse();
  const found = search([...glob].reverse(), chars, { from: 0, anchored: true, greedy });
  return found === undefined ? value : chars.slice(found.end).reverse().join('');
}

/**
 * The first or every leftmost longest match replaced. An empty match counts, but not directly after another one (Go's
 * regexp). Pieces are given, not the text, so that the caller can stop before it is too long.
 */
export function* replaceMatches(
  glob: Glob,
  value: string,
  replacement: string,
  every: boolean,
): Generator<string> {
  const chars = Array.from(value);
  let at = 0;
  let last = -1;
  while (at <= chars.length) {
    const found = search(glob, chars, { from: at, anchored: false, greedy: true });
    if (found === undefined) break;
    const { start, end } = found;
    yield chars.slice(at, start).join('');
    const empty = start === end;
    if (!empty || start !== last) yield replacement;
    if (empty) yield chars[end] ?? '';
    last = end;
    at = empty ? end + 1 : end;
    if (!every) break;
  }
  yield chars.slice(at).join('');
}

interface Search {
  readonly from: number;
  /** A match must begin at `from`. */
  readonly anchored: boolean;
  readonly greedy: boolean;
}

const NONE = Number.MAX_SAFE_INTEGER;

/**
 * The leftmost match, the longest or the shortest. All states of the pattern go over the text together, each with the
 * earliest start that led to it, so the cost is the text's length times the pattern's, whatever the pattern is.
 */
function search(
  glob: Glob,
  chars: readonly string[],
  { from, anchored, greedy }: Search,
): { start: number; end: number } | undefined {
  if (glob.length * (chars.length - from) > MAX_WORK) throw tooMuch();
  let states = new Array<number>(glob.length + 1).fill(NONE);
  let best: { start: number; end: number } | undefined;
  for (let at = from; ; at++) {
    if (best === undefined && (!anchored || at === from)) {
      states[0] = Math.min(states[0] ?? NONE, at);
    }
    skipStars(glob, states);
    const start = states[glob.length] ?? NONE;
    if (start < NONE && (best === undefined || start <= best.start)) {
      best = { start, end: at };
      if (!greedy) return best;
    }
    const char = chars[at];
    if (char === undefined) return best;
    const next = advance(glob, states, char, best?.start ?? NONE);
    if (next === undefined && (anchored || best !== undefined)) return best;
    states = next ?? states.fill(NONE);
  }
}

/** States after one more character; undefined when none is left. Starts after `limit` cannot win any more. */
function advance(
  glob: Glob,
  states: readonly number[],
  char: string,
  limit: number,
): number[] | undefined {
  let next: number[] | undefined;
  for (const [state, start] of states.entries()) {
    const unit = glob[state];
    if (unit === undefined || start === NONE || start > limit) continue;
    const stays = 'any' in unit && unit.any === 'text';
    if ('any' in unit ? char === '\n' : unit.char !== char) continue;
    next ??= new Array<number>(glob.length + 1).fill(NONE);
    const to = stays ? state : state + 1;
    next[to] = Math.min(next[to] ?? NONE, start);
  }
  return next;
}

/** `*` may match nothing. */
function skipStars(glob: Glob, states: number[]): void {
  for (const [state, unit] of glob.entries()) {
    if (!('any' in unit) || unit.any !== 'text') continue;
    states[state + 1] = Math.min(states[state + 1] ?? NONE, states[state] ?? NONE);
  }
}

function tooMuch(): Problem {
  return new Problem('the pattern of a substitution is too long for a value of this size');
}
