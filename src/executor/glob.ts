import { createRequire } from 'node:module';
import type * as Micromatch from 'micromatch';

let loaded: typeof Micromatch | undefined;

/** Loaded when the first pattern with a bracket has to be compiled. */
function micromatch(): typeof Micromatch {
  loaded ??= createRequire(import.meta.url)('micromatch') as typeof Micromatch;
  return loaded;
}

/** Text of a path or pattern given as latin1 bytes: its code points; a byte that is not UTF-8 stands alone. */
export function toRunes(bytes: string): string {
  if (/^[\x00-\x7f]*$/.test(bytes)) return bytes;
  const sequence =
    /[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}|[\x80-\xff]/g;
  return bytes.replace(sequence, (found) =>
    found.length === 1
      ? String.fromCharCode(0xdc00 + found.charCodeAt(0))
      : Buffer.from(found, 'latin1').toString(),
  );
}

/** A character, a test of one, `*`, `**` that takes anything, or `**` that takes whole directories (two states). */
type Token = string | ((char: string) => boolean) | typeof STAR | typeof ANY | typeof DIRS;
const STAR = 1;
const ANY = 2;
const DIRS = 3;

/**
 * Compiles a pattern of runes to a matcher of runes that takes time linear in the path, whatever the pattern.
 * `match`: Go's filepath.Match. `ignore`: moby/patternmatcher, where `**` spans directories. Throws SyntaxError.
 */
export function compileGlob(
  pattern: string,
  dialect: 'match' | 'ignore',
): (path: string) => boolean {
  const tokens = tokenize(Array.from(pattern), dialect);
  const from = tokens.findIndex((token) => typeof token !== 'string');
  if (from === -1) {
    const literal = tokens.join('');
    return (path) => path === literal;
  }
  const to = tokens.findLastIndex((token) => typeof token !== 'string') + 1;
  const head = tokens.slice(0, from).join('');
  const tail = tokens.slice(to).join('');
  const matchMiddle = middle(tokens.slice(from, to));
  return (path) =>
    path.length >= head.length + tail.length &&
    path.startsWith(head) &&
    path.endsWith(tail) &&
    matchMiddle(path.slice(head.length, path.length - tail.length));
}

/** What is left between the literal ends; nearly always a single wildcard. */
function middle(tokens: readonly Token[]): (text: string) => boolean {
  const [only] = tokens;
  if (tokens.length > 1 || typeof only === 'function')
    return (text) => simulate(tokens, Array.from(text));
  if (only === STAR) return (text) => !text.includes('/');
  if (only === ANY) return () => true;
  return (text) => text === '' || text.endsWith('/');
}

/** A token may begin here; or here is inside a `**` that has not come to a `/` yet. */
const BEGIN = 1;
const INSIDE = 2;

/** The states that are alive, which are few however long the pattern is. */
class States {
  readonly #tokens: readonly Token[];
  readonly #flags: Uint8Array;
  readonly alive: number[] = [];

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
    this.#flags = new Uint8Array(tokens.length + 1);
  }

  /** Wildcards may match nothing; a `**` only where it begins. */
  add(state: number, flag: typeof BEGIN | typeof INSIDE): void {
    for (let at = state; ; at++) {
      const before = this.#flags[at] ?? 0;
      if ((before & flag) !== 0) return;
      if (before === 0) this.alive.push(at);
      this.#flags[at] = before | flag;
      if (flag === INSIDE || typeof this.#tokens[at] !== 'number') return;
    }
  }

  clear(): void {
    for (const state of this.alive) this.#flags[state] = 0;
    this.alive.length = 0;
  }

  get matched(): boolean {
    return this.#flags[this.#tokens.length] !== 0;
  }
}

/** Runs all states at once, character by character: no backtracking. */
function simulate(tokens: readonly Token[], chars: readonly string[]): boolean {
  let [now, then] = [new States(tokens), new States(tokens)];
  now.add(0, BEGIN);
  for (const char of chars) {
    then.clear();
    for (const state of now.alive) advance(tokens, state, char, then);
    [now, then] = [then, now];
  }
  return now.matched;
}

function advance(tokens: readonly Token[], state: number, char: string, then: States): void {
  const token = tokens[state];
  if (token === DIRS) {
    then.add(state, INSIDE);
    if (char === '/') then.add(state + 1, BEGIN);
  } else if (token === ANY || (token === STAR && char !== '/')) then.add(state, BEGIN);
  else if (typeof token === 'function' ? token(char) : token === char) then.add(state + 1, BEGIN);
}

function tokenize(chars: readonly string[], dialect: 'match' | 'ignore'): Token[] {
  const tokens: Token[] = [];
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i] ?? '';
    if (char === '*' && chars[i + 1] === '*' && dialect === 'ignore') {
      const { token, end } = doubleStar(chars, i);
      // One more of the same takes nothing that one does not.
      if (token !== DIRS || tokens.at(-1) !== DIRS) tokens.push(token);
      i = end;
    } else if (char === '*') {
      if (tokens.at(-1) !== STAR) tokens.push(STAR);
    } else if (char === '?') tokens.push((other) => other !== '/');
    else if (char === '[') {
      const { test, end } = bracket(chars, i);
      tokens.push(test);
      i = end;
    } else if (char === '\\') {
      if (++i >= chars.length) throw new SyntaxError('a lone \\ at its end');
      tokens.push(chars[i] ?? '');
    } else tokens.push(char);
  }
  return tokens;
}

/** `**` with the `/` after it. At the end it takes all; so it does before a plain name: `**.log` is any `.log`. */
function doubleStar(chars: readonly string[], at: number): { token: Token; end: number } {
  const slash = chars[at + 2] === '/';
  const end = at + (slash ? 2 : 1);
  const suffix =
    at === 0 && !slash && !chars.slice(end + 1).some((char) => '*?[]\\'.includes(char));
  return { token: end + 1 >= chars.length || suffix ? ANY : DIRS, end };
}

/** `[a-z]`, `[^x]`, with escapes; the first `]` ends it, an empty one and a half range are errors (Go). */
function bracket(chars: readonly string[], start: number) {
  let i = start + 1;
  const negated = chars[i] === '^';
  if (negated) i++;
  const edge = (): string => {
    if (chars[i] === '\\') i++;
    else if (chars[i] === '-' || chars[i] === ']') throw badBracket();
    const char = chars[i++];
    if (char === undefined || i >= chars.length) throw badBracket();
    return char;
  };
  let ranges = '';
  while (chars[i] !== ']' || ranges === '') {
    const low = edge();
    let high = low;
    if (chars[i] === '-') {
      i++;
      high = edge();
    }
    if (low <= high) ranges += `${escaped(low)}-${escaped(high)}`;
    else ranges += NOTHING;
  }
  const one = oneOf(`[${ranges}]`);
  return { test: (char: string) => one(char) !== negated, end: i };
}

/** A backwards range has no character: one that no path holds. */
const NOTHING = '\\u0000-\\u0000';

function badBracket(): SyntaxError {
  return new SyntaxError('syntax error in pattern');
}

/** By UTF-16 unit: pairs are read as one character under the flag `u`. */
function escaped(char: string): string {
  return char.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The flag `u` is for characters beyond 16 bits; micromatch's types take it for a boolean. */
const CLASS = {
  ...{ nobrace: true, noextglob: true, dot: true },
  flags: 'u',
} as unknown as Micromatch.Options;

function oneOf(text: string): (char: string) => boolean {
  const regex = micromatch().makeRe(text, CLASS);
  return (char) => regex.test(char);
}
