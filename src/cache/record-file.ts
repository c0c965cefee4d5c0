import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, digestOf, hexOf } from '../model/digest.js';
import { replaceFile } from './durable.js';

/** `<directory>/<kind>/<xx>/<rest of the digest>`. */
export function fannedPath(directory: string, kind: string, digest: Digest): string {
  const hex = hexOf(digest);
  return join(directory, kind, hex.slice(0, 2), hex.slice(2));
}

/** What `writeRecord` wrote: whoever reads a record knows which kind lies at its path. A torn one reads as absent. */
export function readRecord(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    // Absent or unreadable: a miss. Anything without a code is a defect of ours.
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
  const cut = text.indexOf('\n');
  const body = text.slice(cut + 1);
  if (text.slice(0, cut) !== digestOf(body)) return undefined;
  return JSON.parse(body) as unknown;
}

/** `passing`: the store's directory of temporary files. */
export function writeRecord(path: string, value: unknown, passing: string): void {
  const body = JSON.stringify(value);
  replaceFile(path, `${digestOf(body)}\n${body}`, passing);
}
