import { posix } from 'node:path';
import { canonicalDigest } from '../model/canonical.js';
import type { CacheKey, Digest } from '../model/digest.js';
import type { Place } from '../model/graph.js';
import type { KeyPart } from '../model/op.js';

/** Digest of a step's own definition, inputs aside. */
export function opDigest(parts: readonly KeyPart[]): Digest {
  return canonicalDigest(parts.map(({ name, digest }) => [name, digest]));
}

/** From the definition alone: cheap, tried first. */
export function definitionKey(op: Digest, inputs: readonly CacheKey[]): CacheKey {
  return canonicalDigest(['definition', op, inputs]);
}

/** From what is read of the inputs, by content. */
export function contentKey(
  op: Digest,
  parts: readonly { readonly name: string; readonly digest: Digest }[],
): CacheKey {
  return canonicalDigest(['content', op, parts.map(({ name, digest }) => [name, digest])]);
}

/** Where the last run of "this step" may be found: same text, then same position, then the text anywhere. */
export function placeKeys({
  file,
  stage,
  position,
  text,
}: Place): readonly [text: Digest, position: Digest, anywhere: Digest] {
  return [
    canonicalDigest(['text', file, stage, text]),
    canonicalDigest(['position', file, stage, position]),
    canonicalDigest(['anywhere', text]),
  ];
}

/** Where it may be found in a cache: another machine has the file elsewhere, and the cache is of one project. */
export function travellingPlaceKeys({
  file,
  stage,
  position,
  text,
}: Place): readonly [text: Digest, position: Digest] {
  const name = posix.basename(file);
  return [
    canonicalDigest(['text in', name, stage, text]),
    canonicalDigest(['position in', name, stage, position]),
  ];
}

/** Where one run is found whatever ran at its place since. */
export function runKey(key: CacheKey): Digest {
  return canonicalDigest(['run', key]);
}
