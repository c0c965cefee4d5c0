import { nearest } from '../model/nearest.js';
import { notYet, Problem } from './problem.js';

/** `text`: `--k=v` once; `bool`: `--k`, `--k=true` or `--k=false` once; `list`: `--k=v` any number of times. */
export type FlagKind = 'text' | 'bool' | 'list';

export interface FlagSyntax {
  /** Flags that work. */
  readonly known: Readonly<Record<string, FlagKind>>;
  /** Flags of the language that are refused until they are built. */
  readonly later: readonly string[];
}

/** What was given, by kind; asking for a flag under another kind than its own is a defect of ours. */
export interface Flags {
  /** Names in the order they were first given. */
  readonly used: readonly string[];
  readonly text: (name: string) => string | undefined;
  readonly bool: (name: string) => boolean | undefined;
  readonly list: (name: string) => readonly string[];
}

/** Flags directly after the keyword, and what follows them. */
export function readFlags(
  text: string,
  keyword: string,
  syntax: FlagSyntax,
  escape: string,
): { flags: Flags; rest: string } {
  const values = new Map<string, string[]>();
  const { words, rest } = flagWords(text, escape);
  for (const word of words) {
    const cut = word.indexOf('=');
    const name = cut === -1 ? word.slice(2) : word.slice(2, cut);
    const kind = kindOf(name, keyword, syntax);
    const before = values.get(name) ?? [];
    if (before.length > 0 && kind !== 'list')
      throw new Problem(`duplicate flag specified: --${name}`);
    const value = cut === -1 ? undefined : word.slice(cut + 1);
    values.set(name, [...before, kind === 'bool' ? truth(name, value) : given(name, value)]);
  }
  return { flags: flagsOf(values, syntax), rest };
}

function flagsOf(values: ReadonlyMap<string, readonly string[]>, { known }: FlagSyntax): Flags {
  const ask = (name: string, kind: FlagKind): readonly string[] => {
    if (known[name] !== undefined && known[name] !== kind) {
      throw new Error(`--${name} is a ${known[name]} flag`);
    }
    return values.get(name) ?? [];
  };
  return {
    used: [...values.keys()],
    text: (name) => ask(name, 'text')[0],
    bool: (name) => {
      const value = ask(name, 'bool')[0];
      return value === undefined ? undefined : value === 'true';
    },
    list: (name) => ask(name, 'list'),
  };
}

function given(name: string, value: string | undefined): string {
  if (value === undefined) {
    throw new Problem(`missing a value on flag: --${name}`, { hint: `write --${name}=value` });
  }
  return value;
}

function truth(name: string, value: string | undefined): string {
  if (value === undefined) return 'true';
  if (value === '') throw new Problem(`missing a value on flag: --${name}`);
  const lower = value.toLowerCase();
  if (lower === 'true' || lower === 'false') return lower;
  throw new Problem(`expecting boolean value for flag --${name}, not: ${value}`);
}

/** What follows the flags, whatever they are. */
export function skipFlags(text: string, escape: string): string {
  return flagWords(text, escape).rest;
}

/**
 * Words that begin with `--`, up to the first that does not; a bare `--` ends them and is dropped. Quotes and the
 * escape are taken off, also an escape inside single quotes, as BuildKit does it here.
 */
function flagWords(text: string, escape: string): { words: string[]; rest: string } {
  const words: string[] = [];
  let at = 0;
  for (;;) {
    while (isBlank(text[at])) at++;
    if (!text.startsWith('--', at)) return { words, rest: text.slice(at).trim() };
    const { word, end } = flagWord(text, at, escape);
    at = end;
    if (word === '--') return { words, rest: text.slice(at).trim() };
    words.push(word);
  }
}

function flagWord(text: string, from: number, escape: string): { word: string; end: number } {
  let word = '';
  let quote = '';
  let at = from;
  for (; at < text.length; at++) {
    const char = text[at] ?? '';
    if (char === escape) word += text[++at] ?? '';
    else if (char === quote) quote = '';
    else if (quote !== '') word += char;
    else if (char === '"' || char === "'") quote = char;
    else if (isBlank(char)) break;
    else word += char;
  }
  return { word, end: at };
}

function isBlank(char: string | undefined): boolean {
  return char !== undefined && /\s/.test(char);
}

function kindOf(name: string, keyword: string, syntax: FlagSyntax): FlagKind {
  const kind = Object.hasOwn(syntax.known, name) ? syntax.known[name] : undefined;
  if (kind !== undefined) return kind;
  if (syntax.later.includes(name)) throw notYet(`${keyword} --${name}`);
  const near = nearest(name, [...Object.keys(syntax.known), ...syntax.later]);
  throw new Problem(
    `unknown flag: --${name}`,
    near === undefined
      ? { hint: knownFlags(keyword, syntax) }
      : { hint: `did you mean --${near}?` },
  );
}

function knownFlags(keyword: string, { known }: FlagSyntax): string {
  const names = Object.keys(known);
  if (names.length === 0) return `${keyword} takes no flags; after -- words are taken as they are`;
  return `${keyword} takes ${names.map((flag) => `--${flag}`).join(', ')}`;
}
