import type { ArgDeclaration, Form, Pair } from './instruction.js';
import { Problem } from './problem.js';

/** What separates a keyword and the words of a list: not every blank of Unicode, a name may hold those. */
export const BLANKS = /[\t\v\f\r ]+/;

/** Splits at blanks outside quotes; quotes and escapes stay in the words (they matter at expansion). */
export function quotedWords(text: string, escape: string): string[] {
  const words: string[] = [];
  let word = '';
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const char = text[i] ?? '';
    if (char === escape && quote !== "'" && i + 1 < text.length) {
      word += char + (text[++i] ?? '');
    } else if (quote === '' && /\s/.test(char)) {
      if (word !== '') words.push(word);
      word = '';
    } else {
      if (char === quote) quote = '';
      else if (quote === '' && (char === '"' || char === "'")) quote = char;
      word += char;
    }
  }
  return word === '' ? words : [...words, word];
}

/** `k=v k2=v2`, or the old `k the rest` (FEATURES P10). */
export function namedValues(text: string, keyword: string, escape: string): Pair[] {
  const words = quotedWords(text, escape);
  const first = words[0];
  if (first === undefined) throw new Problem(`${keyword} requires at least one argument`);
  if (!first.includes('=')) {
    const name = text.split(BLANKS, 1)[0] ?? '';
    const value = text.slice(name.length).trim();
    if (value === '')
      throw new Problem(`${keyword} must have two arguments`, {
        hint: `write ${keyword} ${name}=value`,
      });
    return [[name, value]];
  }
  return words.map((word) => {
    const at = word.indexOf('=');
    if (at === -1) {
      throw new Problem(`can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`);
    }
    if (at === 0) throw new Problem(`${keyword} names can not be blank`);
    return [word.slice(0, at), word.slice(at + 1)];
  });
}

export function argDeclarations(text: string, escape: string): ArgDeclaration[] {
  const words = quotedWords(text, escape);
  if (words.length === 0) throw new Problem('ARG requires at least one argument');
  return words.map((word) => {
    const at = word.indexOf('=');
    if (at === 0) throw new Problem('ARG names can not be blank');
    return at === -1 ? { name: word } : { name: word.slice(0, at), value: word.slice(at + 1) };
  });
}

/** The strings of a JSON array, or undefined when the text is none (then it is shell form). */
export function jsonArray(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // BuildKit reads broken JSON as shell form.
  }
  if (!Array.isArray(value)) return undefined;
  const items: unknown[] = value;
  return items.map((item) => {
    if (typeof item === 'string') return item;
    throw new Problem('when using JSON array syntax, arrays must be comprised of strings only', {
      hint: `write ${JSON.stringify(String(item))} in quotes`,
    });
  });
}

export function formOf(text: string): Form {
  const args = jsonArray(text);
  return args === undefined ? { json: false, text } : { json: true, args };
}

/** Whether the text is a JSON array, also one that is refused because it holds more than strings. */
export function isJsonForm(text: string): boolean {
  try {
    return jsonArray(text) !== undefined;
  } catch (error) {
    if (error instanceof Problem) return true;
    throw error;
  }
}

/** A JSON array's strings, or words at blanks without regard for quotes. */
export function plainWords(text: string): string[] {
  return jsonArray(text) ?? text.split(BLANKS).filter((word) => word !== '');
}
