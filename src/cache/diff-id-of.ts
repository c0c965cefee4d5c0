import { readFileSync } from 'node:fs';
import { hasCode } from '../model/has-code.js';

/** From a tree's `meta.json`, without its algorithm; undefined where it cannot be read. */
export function diffIDOf(file: string): string | undefined {
  try {
    const { diffID } = JSON.parse(readFileSync(file, 'utf8')) as { readonly diffID?: unknown };
    return /^sha256:([0-9a-f]{64})$/.exec(String(diffID))?.[1];
  } catch (error) {
    if (error instanceof SyntaxError || hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
