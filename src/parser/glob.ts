import { Problem } from './problem.js';

/** One unit of a `${v#pattern}` glob: any text, any character, or this character. */
type Unit = { readonly any: 'text' | 'char' } | { readonly char: string };
export type Glob = readonly Unit[];

/** Steps of one search: far more than any use, and less than a second. */
const MAX_WORK = 1 << 24;

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
    else if (char === '*' && chars[i + 1] === '*') continue;
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

/** The states of a pattern that are alive, each with the earliest start that led to it. */
class States {
  readonly #glob: Glob;
  readonly #starts: Int32Array;
  readonly alive: number[] = [];

  constructor(glob: Glob) {
    this.#glob = glob;
    this.#starts = new Int32Array(glob.length + 1).fill(NONE);
  }

  start(state: number): number {
    return this.#starts[state] ?? NONE;
  }

  /** `*` may match nothing. */
  add(state: number, start: number): void {
    for (let at = state; ; at++) {
      const before = this.start(at);
      if (before !== NONE && before <= start) return;
      if (before === NONE) this.alive.push(at);
      this.#starts[at] = start;
      const unit = this.#glob[at];
      if (unit === undefined || !('any' in unit) || unit.any !== 'text') return;
    }
  }

  clear(): void {
    for (const state of this.alive) this.#starts[state] = NONE;
    this.alive.length = 0;
  }
}

const NONE = -1;

/** The leftmost match, the longest or the shortest. All states go over the text together: nothing is tried twice. */
function search(
  glob: Glob,
  chars: readonly string[],
  { from, anchored, greedy }: Search,
): { start: number; end: number } | undefined {
  let [now, then] = [new States(glob), new States(glob)];
  let best: { start: number; end: number } | undefined;
  let work = 0;
  for (let at = from; ; at++) {
    if (best === undefined && (!anchored || at === from)) now.add(0, at);
    const start = now.start(glob.length);
    if (start !== NONE && (best === undefined || start <= best.start)) {
      best = { start, end: at };
      if (!greedy) return best;
    }
    const char = chars[at];
    if (char === undefined) return best;
    if ((work += now.alive.length) > MAX_WORK) throw tooMuch();
    then.clear();
    for (const state of now.alive) {
      const next = after(state, glob[state], char);
      const first = now.start(state);
      // A start after the best one cannot win any more.
      if (next !== undefined && first <= (best?.start ?? first)) then.add(next, first);
    }
    [now, then] = [then, now];
    if (now.alive.length === 0 && (anchored || best !== undefined)) return best;
  }
}

/** The state that a character leads to, if it is one for this unit. */
function after(state: number, unit: Unit | undefined, char: string): number | undefined {
  if (unit === undefined || ('any' in unit ? char === '\n' : unit.char !== char)) return undefined;
  return 'any' in unit && unit.any === 'text' ? state : state + 1;
}

function tooMuch(): Problem {
  return new Problem('the pattern of a substitution is too long for a value of this size');
}
