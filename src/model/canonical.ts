import { createHash, type Hash } from 'node:crypto';
import { type Digest, digestOf, digestOfHash } from './digest.js';

export type Canonical =
  | string
  | number
  | boolean
  | null
  | undefined
  | Uint8Array
  | readonly Canonical[]
  | { readonly [key: string]: Canonical };

/**
 * Digest of a plain value in a length-prefixed encoding: two different values never encode alike,
 * object keys are sorted, `undefined` members are as absent. Numbers must be safe integers or finite.
 */
export function canonicalDigest(value: Canonical): Digest {
  let hash: Hash | undefined;
  // One call for many short texts: most of a call is its price.
  let text = '';
  encode(value, (part) => {
    if (typeof part === 'string') text += part;
    else {
      hash = (hash ?? createHash('sha256')).update(text).update(part);
      text = '';
    }
  });
  if (hash !== undefined) return digestOfHash(hash.update(text));
  return text.length > MAX_REMEMBERED ? digestOf(text) : remembered(text);
}

/** Steps of one build have most of their parts in common: users, directories, variables. */
const known = new Map<string, Digest>();
const MAX_REMEMBERED = 256;
const MAX_KNOWN = 2000;

function remembered(text: string): Digest {
  const before = known.get(text);
  if (before !== undefined) return before;
  if (known.size >= MAX_KNOWN) known.clear();
  const digest = digestOf(text);
  known.set(text, digest);
  return digest;
}

function encode(value: Canonical, put: (part: string | Uint8Array) => void): void {
  if (value === null || value === undefined) put('n');
  else if (typeof value === 'string') put(`s${String(Buffer.byteLength(value))}:${value}`);
  else if (typeof value === 'number') put(`i${String(value)};`);
  else if (typeof value === 'boolean') put(value ? 't' : 'f');
  else if (value instanceof Uint8Array) {
    put(`b${String(value.byteLength)}:`);
    put(value);
  } else if (isList(value)) {
    put(`l${String(value.length)}:`);
    for (const item of value) encode(item, put);
  } else encodeRecord(value, put);
}

function encodeRecord(
  value: { readonly [key: string]: Canonical },
  put: (part: string | Uint8Array) => void,
): void {
  const keys = Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .sort();
  put(`d${String(keys.length)}:`);
  for (const key of keys) {
    encode(key, put);
    encode(value[key], put);
  }
}

function isList(value: Canonical): value is readonly Canonical[] {
  return Array.isArray(value);
}
