import { compileGlob, replaceMatches, trimPrefix, trimSuffix } from './glob.js';
import { Problem } from './problem.js';

/** Looks a variable up; undefined is unset. */
export type Lookup = (name: string) => string | undefined;

/** An expanded text may be this long; without a limit a few lines could double it for ever. */
const MAX_LENGTH = 1 << 20;
const MAX_DEPTH = 200;

/**
 * Expands a word as BuildKit's shell lexer does (Dockerfile reference, "Environment replacement"): quotes are removed,
 * `$v`, `${v}` and the modifiers `:- - :+ + :? ? # ## % %% / //` are replaced, the escape token quotes one character.
 * Throws Problem on what cannot be read and on `${v:?message}`.
 */
export function expandWord(word: string, lookup: Lookup, escape: string): string {
  return new Lexer(word, lookup, { escape, quotes: 'remove' }).all();
}

/** The same for a text in which quotes are characters like others (the body of a here-document). */
export function expandText(text: string, lookup: Lookup, escape: string): string {
  return new Lexer(text, lookup, { escape, quotes: 'text' }).all();
}

/** The same for people: quotes stay, and so does a variable that is not set; what cannot be read stays whole. */
export function expandTitle(text: string, lookup: Lookup, escape: string): string {
  try {
    return new Lexer(text, lookup, { escape, quotes: 'keep' }).all();
  } catch (error) {
    if (error instanceof Problem) return text;
    throw error;
  }
}

/** The same, but blanks outside quotes, also those of an unquoted variable's value, separate words (EXPOSE). */
export function expandWords(word: string, lookup: Lookup, escape: string): string[] {
  return new Lexer(word, lookup, { escape, quotes: 'remove' }).words();
}

interface Mode {
  readonly escape: string;
  /** `keep` also keeps variables that are not set. */
  readonly quotes: 'remove' | 'text' | 'keep';
}

const NAME = /[\p{L}_][\p{L}\p{Nd}_]*|\p{Nd}+|[@*#?$!-]/uy;

class Lexer {
  readonly #text: string;
  readonly #lookup: Lookup;
  readonly #escape: string;
  readonly #quotes: Mode['quotes'];
  #at = 0;
  #depth = 0;
  /** In a pattern escapes stay, for they quote its special characters. */
  #raw = false;

  constructor(text: string, lookup: Lookup, { escape, quotes }: Mode) {
    this.#text = text;
    this.#lookup = lookup;
    this.#escape = escape;
    this.#quotes = quotes;
  }

  all(): string {
    let text = '';
    while (this.#at < this.#text.length) text = joined(text, this.#piece());
    return text;
  }

  words(): string[] {
    const words: string[] = [];
    let current = '';
    let length = 0;
    const end = (): void => {
      if (current !== '') words.push(current);
      length += current.length + 1;
      if (length > MAX_LENGTH) throw tooLong();
      current = '';
    };
    while (this.#at < this.#text.length) {
      const char = this.#peek();
      if (/\s/.test(char)) {
        this.#at++;
        end();
      } else if (char === '$') {
        const [first = '', ...more] = this.#dollar().split(/\s+/);
        current = joined(current, first);
        for (const word of more) {
          end();
          current = word;
        }
      } else current = joined(current, this.#piece());
    }
    end();
    return words;
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
    if (char === '$') return this.#dollar();
    if (char === "'" && this.#quotes !== 'text') return this.#single();
    if (char === '"' && this.#quotes !== 'text') return this.#double();
    this.#at++;
    if (char !== this.#escape) return char;
    // A lone escape at the end is dropped.
    return (this.#raw ? char : '') + this.#next();
  }

  #single(): string {
    const end = this.#text.indexOf("'", this.#at + 1);
    if (end === -1) throw endOf('single-quote');
    const keep = this.#quotes === 'keep' ? 0 : 1;
    const text = this.#text.slice(this.#at + keep, end + 1 - keep);
    this.#at = end + 1;
    return text;
  }

  #double(): string {
    this.#at++;
    const quote = this.#quotes === 'keep' ? '"' : '';
    let text = quote;
    for (;;) {
      if (this.#at >= this.#text.length) throw endOf('double-quote');
      const char = this.#peek();
      if (char === '$') {
        text = joined(text, this.#dollar());
        continue;
      }
      this.#at++;
      if (char === '"') return text + quote;
      text += char === this.#escape ? this.#escapedInQuotes() : char;
    }
  }

  /** Inside double quotes the escape only quotes `"`, `$` and itself; before all else it is text. */
  #escapedInQuotes(): string {
    const raw = this.#raw ? this.#escape : '';
    const char = this.#peek();
    if (char !== '"' && char !== '$' && char !== this.#escape) return raw + this.#escape;
    this.#at++;
    return raw + char;
  }

  #dollar(): string {
    this.#at++;
    if (this.#peek() !== '{') {
      const name = this.#name();
      return name === '' ? '$' : this.#value(name, `$${name}`);
    }
    this.#at++;
    if (this.#at >= this.#text.length) throw missing('}');
    if ('{}:'.includes(this.#peek())) throw new Problem('syntax error: bad substitution');
    const name = this.#name();
    const modifier = this.#next();
    if (modifier === '}') return this.#value(name, `\${${name}}`);
    if (modifier === '') throw missing('}');
    if (++this.#depth > MAX_DEPTH) throw new Problem('substitutions are nested too deeply');
    const text = this.#modified(name, modifier);
    this.#depth--;
    return text;
  }

  #value(name: string, written: string): string {
    return this.#lookup(name) ?? (this.#quotes === 'keep' ? written : '');
  }

  #name(): string {
    NAME.lastIndex = this.#at;
    const name = NAME.exec(this.#text)?.[0] ?? '';
    this.#at += name.length;
    return name;
  }

  #modified(name: string, first: string): string {
    const nullIsUnset = first === ':';
    const modifier = nullIsUnset ? this.#next() : first;
    const value = this.#lookup(name);
    if (modifier !== '' && '+-?'.includes(modifier)) {
      const word = this.#until('}', false);
      if (value === undefined && this.#quotes === 'keep')
        return `\${${name}${first}${nullIsUnset ? modifier : ''}${word}}`;
      return choose({ name, modifier, nullIsUnset, value }, word);
    }
    if (nullIsUnset || !'#%/'.includes(modifier)) {
      const written = first + (nullIsUnset ? modifier : '');
      throw new Problem(`unsupported modifier (${written}) in substitution`, {
        hint: 'known are :- - :+ + :? ? # ## % %% / //, as in a shell',
      });
    }
    if (modifier === '/') return this.#replaced(name, value);
    const word = this.#until('}', true);
    if (value === undefined && this.#quotes === 'keep') return `\${${name}${modifier}${word}}`;
    return trimmed(modifier, word, value ?? '');
  }

  #replaced(name: string, value: string | undefined): string {
    const every = this.#peek() === '/';
    if (every) this.#at++;
    const pattern = this.#until('/', true);
    const replacement = this.#until('}', true);
    if (value === undefined && this.#quotes === 'keep')
      return `\${${name}/${pattern}/${replacement}}`;
    let text = '';
    for (const piece of replaceMatches(compileGlob(pattern), value ?? '', replacement, every))
      text = joined(text, piece);
    return text;
  }

  /** Up to an unquoted `stop`. */
  #until(stop: '}' | '/', raw: boolean): string {
    const before = this.#raw;
    this.#raw = raw;
    let text = '';
    while (this.#peek() !== stop) {
      if (this.#at >= this.#text.length) throw missing(stop);
      text = joined(text, this.#piece());
    }
    this.#at++;
    this.#raw = before;
    return text;
  }
}

interface Choice {
  readonly name: string;
  readonly modifier: string;
  readonly nullIsUnset: boolean;
  readonly value: string | undefined;
}

function choose({ name, modifier, nullIsUnset, value }: Choice, word: string): string {
  const isSet = value !== undefined && !(nullIsUnset && value === '');
  if (modifier === '+') return isSet ? word : '';
  if (isSet) return value;
  if (modifier === '-') return word;
  const missing = value === undefined ? 'unset' : 'empty';
  throw new Problem(`${name}: ${word === '' ? `is not allowed to be ${missing}` : word}`);
}

/** A doubled `#` or `%` asks for the longest match. */
function trimmed(modifier: string, word: string, value: string): string {
  const greedy = word.startsWith(modifier);
  const pattern = compileGlob(greedy ? word.slice(1) : word);
  return modifier === '#' ? trimPrefix(pattern, value, greedy) : trimSuffix(pattern, value, greedy);
}

function joined(text: string, piece: string): string {
  if (text.length + piece.length > MAX_LENGTH) throw tooLong();
  return text + piece;
}

function tooLong(): Problem {
  return new Problem('the expanded text is longer than 1 MiB', {
    hint: 'put large texts into files',
  });
}

function endOf(quote: string): Problem {
  return new Problem(`unexpected end of statement while looking for matching ${quote}`);
}

function missing(char: '}' | '/'): Problem {
  return new Problem(`syntax error: missing '${char}'${char === '/' ? ' in ${}' : ''}`);
}
