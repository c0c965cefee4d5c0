import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CacheKey, type Digest, digestOf, hexOf } from '../model/digest.js';
import type { ListedFact, PlaceRecord, Records, StepRecord } from '../model/op.js';
import { replaceFile } from './durable.js';
import { lockFile } from './lock-file.js';

/**
 * Records as small immutable files: `definition/<xx>/<key>`, `content/<op>/<key>`, `places/<xx>/<place>`,
 * `lists/<xx>/<digest>`. Each begins with the digest of its text, so a torn one reads as absent: a miss.
 */
export function createRecords(directory: string, locks: string): Records {
  const definition = (key: CacheKey): string => fanned(directory, 'definition', key);
  const content = (op: Digest, key: CacheKey): string =>
    join(directory, 'content', hexOf(op), hexOf(key));
  const place = (digest: Digest): string => fanned(directory, 'places', digest);
  const list = (digest: Digest): string => fanned(directory, 'lists', digest);
  return {
    byDefinition: (key) => Promise.resolve(read(definition(key)) as StepRecord | undefined),
    hasContent: (op) => Promise.resolve(existsSync(join(directory, 'content', hexOf(op)))),
    byContent: (op, key) => Promise.resolve(read(content(op, key)) as StepRecord | undefined),
    putDefinition: (key, record) => write(definition(key), record),
    putContent: (op, key, record) => write(content(op, key), record),
    lastAt: (places) => {
      for (const digest of places) {
        const found = read(place(digest)) as PlaceRecord | undefined;
        if (found !== undefined) return Promise.resolve(found);
      }
      return Promise.resolve(undefined);
    },
    putPlace: async (places, record) => {
      for (const digest of places) await write(place(digest), record);
    },
    putList: async (facts) => {
      const text = JSON.stringify(facts);
      const digest = digestOf(text);
      if (!existsSync(list(digest))) await writeText(list(digest), text);
      return digest;
    },
    getList: (digest) => Promise.resolve(read(list(digest)) as readonly ListedFact[] | undefined),
    lock: (key, scope, onWait) => lockFile(join(locks, hexOf(key)), scope.signal, onWait),
  };
}

function fanned(directory: string, kind: string, digest: Digest): string {
  const hex = hexOf(digest);
  return join(directory, kind, hex.slice(0, 2), hex.slice(2));
}

/** What `write` wrote: whoever reads a record knows which kind lies at its path. */
function read(path: string): unknown {
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

function write(path: string, value: unknown): Promise<void> {
  return writeText(path, JSON.stringify(value));
}

// eslint-disable-next-line @typescript-eslint/require-await -- a full disk must reject, not throw
async function writeText(path: string, body: string): Promise<void> {
  replaceFile(path, `${digestOf(body)}\n${body}`);
}
