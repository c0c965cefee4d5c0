import { BuildError } from '../model/error.js';

const MAX_DEPTH = 64;

/**
 * JSON from a registry: at most 64 levels deep, no key twice in an object (two readers could see two images), whole
 * numbers only as far as they are exact. Throws BuildError `registry` naming the document.
 */
export function parseStrictJson(text: string, what: string): unknown {
  checkTokens(text, what);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw bad(what, (error as Error).message);
  }
}

function checkTokens(text: string, what: string): void {
  const keys: Set<string>[] = [];
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"(?:\s*:)?|[{}[\]]|-?\d[\d.eE+-]*/g)) {
    if (token === '{' || token === '[') {
      keys.push(new Set());
      if (keys.length > MAX_DEPTH) throw bad(what, `deeper than ${String(MAX_DEPTH)} levels`);
    } else if (token === '}' || token === ']') keys.pop();
    else if (token.endsWith(':')) {
      const key = token.slice(0, token.lastIndexOf('"') + 1);
      const own = keys.at(-1);
      if (own?.has(key) === true) throw bad(what, `key ${key} twice`);
      own?.add(key);
    } else if (/^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token))) {
      throw bad(what, `number ${token} is too large`);
    }
  }
}

function bad(what: string, why: string): BuildError {
  return new BuildError('registry', `${what} is not valid: ${why}`);
}
