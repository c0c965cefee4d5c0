import { readdirSync } from 'node:fs';
import { hasCode } from '../model/has-code.js';

/** Names in a directory of the store; none where there is no directory. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
