import { gunzip, gzipSync } from 'node:zlib';
import { promisify } from 'node:util';
import { list, record } from '../exporter/image-document.js';
import type { CacheKey } from '../model/digest.js';
import { type Digest, digestOf, isDigest } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import type { Descriptor } from '../model/oci.js';
import type { KeyPart, ListedFact, PlaceRecord, RecordedPart } from '../model/op.js';
import { parseStrictJson } from '../registry/strict-json.js';

/** What keys were made of, so that a miss on another machine can be explained. BuildKit ignores a blob it has no use for. */
export const REASONS = 'application/vnd.stave.cache.reasons.v1.json+gzip';

export interface Reasons {
  readonly byPlace: ReadonlyMap<Digest, PlaceRecord>;
  readonly lists: ReadonlyMap<Digest, readonly ListedFact[]>;
}

export interface ExplainedStep {
  readonly places: readonly Digest[];
  readonly key: CacheKey;
  readonly inputs: readonly CacheKey[];
  readonly parts: readonly KeyPart[];
}

/** Facts of so many files travel; of a larger context only that it changed is known elsewhere. */
const MAX_FACTS = 20_000;
const MAX_PACKED = 16 << 20;
const MAX_BYTES = 128 << 20;

/** Equal steps give equal bytes. */
export function packReasons(steps: readonly ExplainedStep[]): {
  readonly blob: Descriptor;
  readonly bytes: Buffer;
} {
  const lists = new Map<Digest, readonly ListedFact[]>();
  let left = MAX_FACTS;
  const listed = (part: KeyPart): { readonly list?: Digest } => {
    const facts = part.list?.();
    if (facts === undefined || facts.length > left) return {};
    const digest = digestOf(JSON.stringify(facts));
    if (!lists.has(digest)) left -= facts.length;
    lists.set(digest, facts);
    return { list: digest };
  };
  const places = steps.map(({ places: at, key, inputs, parts }) => ({
    at,
    key,
    inputs,
    parts: parts.map((part) => {
      const { name, digest, shown } = part;
      return { name, digest, ...(shown === undefined ? {} : { shown }), ...listed(part) };
    }),
  }));
  const bytes = gzipSync(JSON.stringify({ places, lists: Object.fromEntries(lists) }));
  const blob = { mediaType: REASONS, digest: digestOf(bytes), size: bytes.length };
  return { blob, bytes };
}

export function isReasons({ mediaType, size }: Descriptor): boolean {
  return mediaType === REASONS && size <= MAX_PACKED;
}

/** Throws BuildError on anything but what `packReasons` writes; its texts are shown to a person as they are. */
export async function unpackReasons(packed: Uint8Array, what: string): Promise<Reasons> {
  const bytes = await promisify(gunzip)(packed, { maxOutputLength: MAX_BYTES }).catch(
    (error: unknown) => {
      throw new BuildError('archive', `${what} cannot be unpacked`, { cause: error });
    },
  );
  const fields = record(parseStrictJson(bytes.toString(), what), what);
  const byPlace = new Map<Digest, PlaceRecord>();
  for (const each of list(fields['places'] ?? [], what, MAX_ENTRIES)) {
    const { at, key, inputs, parts } = record(each, what);
    const place = {
      key: digest(key, what),
      inputs: list(inputs, what, MAX_ENTRIES).map((input) => digest(input, what)),
      parts: list(parts, what, MAX_ENTRIES).map((part) => readPart(record(part, what), what)),
    };
    for (const one of list(at, what, MAX_ENTRIES)) byPlace.set(digest(one, what), place);
  }
  const lists = Object.entries(record(fields['lists'] ?? {}, what)).map(
    ([name, facts]) => [digest(name, what), readFacts(facts, what)] as const,
  );
  return { byPlace, lists: new Map(lists) };
}

const MAX_ENTRIES = 100_000;

function readPart(fields: Readonly<Record<string, unknown>>, what: string): RecordedPart {
  const { name, shown, list: facts } = fields;
  return {
    name: text(name, what),
    digest: digest(fields['digest'], what),
    ...(shown === undefined ? {} : { shown: text(shown, what) }),
    ...(facts === undefined ? {} : { list: digest(facts, what) }),
  };
}

function readFacts(value: unknown, what: string): readonly ListedFact[] {
  return list(value, what, MAX_FACTS).map((each) => {
    const { path, facts } = record(each, what);
    const pairs = Object.entries(record(facts, what)).map(
      ([name, fact]) => [name, text(fact, what)] as const,
    );
    return { path: text(path, what), facts: Object.fromEntries(pairs) };
  });
}

function digest(value: unknown, what: string): Digest {
  if (typeof value === 'string' && isDigest(value)) return value;
  throw new BuildError('archive', `${what} has a malformed digest`);
}

function text(value: unknown, what: string): string {
  if (typeof value === 'string') return value;
  throw new BuildError('archive', `${what} has a part that is not text`);
}
