import { descriptor, list, record } from '../exporter/image-document.js';
import type { Descriptor } from '../model/oci.js';
import { parseStrictJson } from '../registry/strict-json.js';
import type { CacheDocument } from './backend.js';

/*
 * Where no manifest names the blobs (s3, gha), BuildKit's form of a cache is its config alone: each layer says of itself
 * what it is. What else is there stands in a field that BuildKit passes over.
 */
const OWN_FIELD = 'staveBlobs';

const MAX_BLOBS = 50_000;

export function flatDocument({ config, blobs }: CacheDocument): Buffer {
  const fields = JSON.parse(Buffer.from(config).toString()) as object; // We wrote it.
  const own = blobs.map(({ mediaType, digest, size, annotations }) => ({
    ...{ mediaType, digest, size },
    ...(annotations === undefined ? {} : { annotations }),
  }));
  return Buffer.from(JSON.stringify({ ...fields, [OWN_FIELD]: own }));
}

/** Throws BuildError on what is no cache. */
export function readFlatDocument(config: Buffer, what: string): CacheDocument {
  const fields = record(parseStrictJson(config.toString(), what), what);
  const own = fields[OWN_FIELD];
  const blobs =
    own === undefined
      ? list(fields['layers'] ?? [], `layers of ${what}`, MAX_BLOBS).flatMap((layer) =>
          described(record(layer, `a layer of ${what}`), what),
        )
      : list(own, `the blobs of ${what}`, MAX_BLOBS).map((each) =>
          descriptor(each, `a blob of ${what}`),
        );
  return { config, blobs };
}

/** BuildKit's layers. */
function described(
  { blob, annotations }: Readonly<Record<string, unknown>>,
  what: string,
): readonly Descriptor[] {
  if (annotations === undefined || annotations === null) return [];
  const { mediaType, size } = record(annotations, `annotations of a layer of ${what}`);
  return [descriptor({ mediaType, size, digest: blob }, `a layer of ${what}`)];
}

/** Several caches as one: what one does not know another may. */
export function joinDocuments(
  documents: readonly CacheDocument[],
  what: string,
): CacheDocument | undefined {
  if (documents.length < 2) return documents[0];
  const layers: unknown[] = [];
  const records: unknown[] = [];
  for (const { config } of documents) {
    const fields = record(parseStrictJson(Buffer.from(config).toString(), what), what);
    const below = layers.length;
    const own = list(fields['layers'] ?? [], `layers of ${what}`, MAX_BLOBS);
    layers.push(...own.map((each) => raised(record(each, what), 'parent', below)));
    const entries = list(fields['records'] ?? [], `records of ${what}`, MAX_RECORDS);
    records.push(...entries.map((each) => raisedRecord(record(each, what), below, what)));
  }
  const blobs = documents.flatMap((document) => document.blobs);
  return { config: Buffer.from(JSON.stringify({ layers, records })), blobs };
}

const MAX_RECORDS = 100_000;

type Fields = Readonly<Record<string, unknown>>;

/** An index by so much; -1 is none, and Go leaves a zero out. */
function raised(fields: Fields, name: string, by: number): object {
  const index = fields[name] ?? 0;
  return { ...fields, [name]: typeof index === 'number' && index >= 0 ? index + by : index };
}

function raisedRecord(fields: Fields, by: number, what: string): object {
  const { layers } = fields;
  if (layers === undefined || layers === null) return fields;
  const own = list(layers, `layers of a record of ${what}`, MAX_RECORDS);
  return { ...fields, layers: own.map((each) => raised(record(each, what), 'layer', by)) };
}
