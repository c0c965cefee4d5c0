import { createHash } from 'node:crypto';
import { type Digest, digestOfHash } from './digest.js';

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
  const hash = createHash('sha256');
  // One call for many short texts: most of a call is its price.
  let text = '';
  encode(value, (part) => {
    if (typeof part === 'string') text += part;
    else {
      hash.update(text).update(part);
      text = '';
    }
  });
  return digestOfHash(hash.update(text));
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
