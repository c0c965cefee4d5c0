import { BuildError } from '../model/error.js';

const MAX_DEPTH = 64;

/**
 * JSON from a registry: at most 64 levels deep, no key twice in an object (two readers could see two images), whole
 * numbers only as far as they are exact. Throws BuildError `registry` naming the document.
 */
export function parseStrictJson(text: string, what: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text) as unknown;
  } catch (error) {
    throw bad(what, shortened((error as Error).message)); // JSON.parse throws nothing but SyntaxError.
  }
  checkTokens(text, what);
  return value;
}

/** Only after JSON.parse: of valid JSON the tokens are told by their first character, each character is read once. */
function checkTokens(text: string, what: string): void {
  const keys: Set<string>[] = [];
  for (let at = 0; at < text.length; at++) {
    const first = text.charAt(at);
    if (first === '{' || first === '[') {
      if (keys.push(new Set()) > MAX_DEPTH)
        throw bad(what, `deeper than ${String(MAX_DEPTH)} levels`);
    } else if (first === '}' || first === ']') keys.pop();
    else if (first === '"') {
      const end = endOfString(text, at);
      if (isKey(text, end)) addKey(keys.at(-1), text.slice(at, end), what);
      at = end - 1;
    } else if (first === '-' || (first >= '0' && first <= '9')) {
      const end = endOfNumber(text, at);
      checkNumber(text.slice(at, end), what);
      at = end - 1;
    }
  }
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text.charAt(at) !== '"') at += text.charAt(at) === '\\' ? 2 : 1;
  return at + 1;
}

function endOfNumber(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && /[0-9.eE+-]/.test(text.charAt(at))) at++;
  return at;
}

function isKey(text: string, end: number): boolean {
  let at = end;
  while (/\s/.test(text.charAt(at))) at++;
  return text.charAt(at) === ':';
}

/** `"a"` and `"\u0061"` are the same key. */
function addKey(keys: Set<string> | undefined, literal: string, what: string): void {
  const key = JSON.parse(literal) as string; // a string literal cut out of valid JSON
  if (keys?.has(key) === true) throw bad(what, `key ${shortened(literal)} twice`);
  keys?.add(key);
}

function checkNumber(literal: string, what: string): void {
  const value = Number(literal);
  const exact = /[.eE]/.test(literal) ? Number.isFinite(value) : Number.isSafeInteger(value);
  if (!exact || Math.abs(value) > Number.MAX_SAFE_INTEGER)
    throw bad(what, `number ${shortened(literal)} is too large`);
}

function shortened(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}...` : text;
}

function bad(what: string, why: string): BuildError {
  return new BuildError('registry', `${what} is not valid: ${why}`);
}
