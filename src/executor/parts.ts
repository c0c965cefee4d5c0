import { canonicalDigest, type Canonical } from '../model/canonical.js';
import type { KeyPart } from '../model/op.js';
import { redactUrls } from '../model/redact-urls.js';

const MAX_SHOWN = 60;

/** A named part of a key from a plain value; `shown` is printed when it is short. */
export function part(name: string, value: Canonical, shown?: string): KeyPart {
  const digest = canonicalDigest(value);
  if (shown === undefined || shown.length > MAX_SHOWN) return { name, digest };
  return { name, digest, shown: redactUrls(shown) };
}
