import { Problem } from './problem.js';
import { type Glob, compileGlob, replaceMatches, trimPrefix, trimSuffix } from './glob.js';

/** Looks a variable up; undefined is unset. */
export type Lookup = (name: string) => string | undefined;

/**
 * Expands a word as BuildKit's shell lexer does (Dockerfile reference, "Environment replacement"): quotes are removed,
 * `$v`, `${v}` and the modifiers `:- - :+ + :? ? # ## % %% / //` are replaced, the escape token quotes one character.
 * Throws Problem on what cannot be read and on `${v:?message}`.
 */
export function expandWord(word: string, lookup: Lookup, escape: string): string {
  return new Lexer(word, lookup, escape).all().join('');
}

/** The same for a text in which quotes are characters like others (the body of a here-document). */
export function expandText(text: string, lookup: Lookup, escape: string): string {
  return new Lexer(text, lookup, escape, false).all().join('');
}

/** The same, but blanks outside quotes, also those of an unquoted variable's value, separate words (EXPOSE). */
export function expandWords(word: string, lookup: Lookup, escape: string): string[] {
  const words: string[] = [];
  let current: string | undefined;
  for (const piece of new Lexer(word, lookup, escape).all(true)) {
    if (piece === SEPARATOR) {
      if (current !== undefined) words.push(current);
      current = undefined;
    } else current = (current ?? '') + piece;
  }
  return current === undefined ? words : [...words, current];
}

/** Not a text a Dockerfile can produce: it may not hold NUL. */
const SEPARATOR = '\0';
const SPECIAL = '@*#?-$!0';

class Lexer {
  readonly #text: string;
  readonly #lookup: Lookup;
  readonly #escape: string;
  readonly #quotes: boolean;
  #at = 0;

  constructor(text: string, lookup: Lookup, escape: string, quotes = true) {
    this.#text = text;
    this.#lookup = lookup;
    this.#escape = escape;
    this.#quotes = quotes;
  }

  /** Pieces of the whole text; with `split`, blanks become SEPARATOR pieces. */
  all(split = false): string[] {
    const pieces: string[] = [];
    while (this.#at < this.#text.length) {
      const char = this.#peek();
      if (split && /\s/.test(char)) {
        this.#at++;
        pieces.push(SEPARATOR);
      } else if (split && char === '$') {
        pieces.push(
          ...this.#dollar()
            .split(/(\s+)/)
            .filter((p) => p !== '')
            .map(blankToSeparator),
        );
      } else pieces.push(this.#piece());
    }
    return pieces;
  }

  #peek(): string {
    return this.#text[this.#at] ?? '';
  }

  #next(): string {
    return this.#text[this.#at++] ?? '';
  }

  /** One character, quoted run or variable. */
  #piece(): string {
    const char = this.#peek();
    if (char === "'" && this.#quotes) return this.#single();
    if (char === '"' && this.#quotes) return this.#double();
    if (char === '$') return this.#dollar();
    this.#at++;
    // A lone escape at the end is dropped.
    return char === this.#escape ? this.#next() : char;
  }

  #single(): string {
    const end = this.#text.indexOf("'", this.#at + 1);
    if (end === -1) throw endOf('single-quote');
    const text = this.#text.slice(this.#at + 1, end);
    this.#at = end + 1;
    return text;
  }

  #double(): string {
    this.#at++;
    let text = '';
    for (;;) {
      if (this.#at >= this.#text.length) throw endOf('double-quote');
      const char = this.#peek();
      if (char === '$') {
        text += this.#dollar();
        continue;
      }
      this.#at++;
      if (char === '"') return text;
      text += char === this.#escape ? this.#escapedInQuotes() : char;
    }
  }

  /** Inside double quotes the escape only quotes `"`, `$` and itself; before all else it is text. */
  #escapedInQuotes(): string {
    if (this.#at >= this.#text.length) throw endOf('double-quote');
    const char = this.#next();
    return char === '"' || char === '$' || char === this.#escape ? char : this.#escape + char;
  }

  #dollar(): string {
    this.#at++;
    if (this.#peek() !== '{') {
      const name = this.#name();
      return name === '' ? '$' : (this.#lookup(name) ?? '');
    }
    this.#at++;
    if (this.#at >= this.#text.length) throw missingBrace();
    if ('{}:'.includes(this.#peek())) throw new Problem('syntax error: bad substitution');
    const name = this.#name();
    const modifier = this.#next();
    if (modifier === '}') return this.#lookup(name) ?? '';
    if (modifier === '') throw missingBrace();
    return this.#modified(name, modifier);
  }

  #name(): string {
    const rest = this.#text.slice(this.#at);
    const match = /^(?:[A-Za-z_][A-Za-z0-9_]*|[0-9]+)/.exec(rest)?.[0];
    const name = match ?? (rest !== '' && SPECIAL.includes(rest[0] ?? '') ? (rest[0] ?? '') : '');
    this.#at += name.length;
    return name;
  }

  #modified(name: string, first: string): string {
    const nullIsUnset = first === ':';
    const modifier = nullIsUnset ? this.#next() : first;
    const value = this.#lookup(name);
    const isSet = value !== undefined && !(nullIsUnset && value === '');
    if ('+-?'.includes(modifier) && modifier !== '') {
      const word = this.#until('}', false);
      if (modifier === '+') return isSet ? word : '';
      if (modifier === '-') return isSet ? value : word;
      if (isSet) return value;
      throw new Problem(`${name}: ${word === '' ? 'is not allowed to be unset' : word}`);
    }
    if (nullIsUnset || !'#%/'.includes(modifier)) {
      throw new Problem(
        `unsupported modifier (${first}${nullIsUnset ? modifier : ''}) in substitution`,
      );
    }
    return modifier === '/' ? this.#replaced(value) : this.#trimmed(modifier, value);
  }

  #trimmed(modifier: string, value: string | undefined): string {
    const greedy = this.#peek() === modifier;
    if (greedy) this.#at++;
    const pattern = compileGlob(this.#until('}', true), this.#escape);
    if (value === undefined) return '';
    return modifier === '#'
      ? trimPrefix(pattern, value, greedy)
      : trimSuffix(pattern, value, greedy);
  }

  #replaced(value: string | undefined): string {
    const every = this.#peek() === '/';
    if (every) this.#at++;
    const pattern: Glob = compileGlob(this.#until('/', true), this.#escape);
    const replacement = this.#until('}', false);
    if (value === undefined) return '';
    return replaceMatches(pattern, value, replacement, every ? Infinity : 1);
  }

  /** Up to an unquoted `stop`; `raw` keeps escapes, for they quote glob characters. */
  #until(stop: string, raw: boolean): string {
    let text = '';
    while (this.#at < this.#text.length) {
      const char = this.#peek();
      if (char === stop) {
        this.#at++;
        return text;
      }
      if (raw && char === this.#escape) {
        this.#at++;
        const escaped = this.#next();
        text += escaped === '' ? '' : this.#escape + escaped;
      } else text += this.#piece();
    }
    throw missingBrace();
  }
}

function blankToSeparator(piece: string): string {
  return /^\s+$/.test(piece) ? SEPARATOR : piece;
}

function endOf(quote: string): Problem {
  return new Problem(`unexpected end of statement while looking for matching ${quote}`);
}

function missingBrace(): Problem {
  return new Problem("syntax error: missing '}'");
}
