import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type CacheKey, type Digest, digestOf, hexOf } from '../model/digest.js';
import type { ListedFact, PlaceRecord, Records, StepRecord } from '../model/op.js';
import { lockFile } from './lock-file.js';
import { fannedPath, readRecord, writeRecord } from './record-file.js';
import { noteUse, readUses } from './uses.js';

export interface RecordPlaces {
  /** `<store>/records`, `<store>/locks`, `<store>/tmp`. */
  readonly directory: string;
  readonly locks: string;
  readonly passing: string;
}

/**
 * Records as small immutable files: `definition/<xx>/<key>`, `content/<op>/<key>`, `places/<xx>/<place>`,
 * `lists/<xx>/<digest>`. Each begins with the digest of its text, so a torn one reads as absent: a miss.
 */
export function createRecords({ directory, locks, passing }: RecordPlaces): Records {
  const written = async (path: string, value: unknown): Promise<void> => {
    await asynchronous(() => {
      writeRecord(path, value, passing);
    });
  };
  const definition = (key: CacheKey): string => fannedPath(directory, 'definition', key);
  const content = (op: Digest, key: CacheKey): string =>
    join(directory, 'content', hexOf(op), hexOf(key));
  const place = (digest: Digest): string => fannedPath(directory, 'places', digest);
  const list = (digest: Digest): string => fannedPath(directory, 'lists', digest);
  // A build asks for each step that runs: what others do meanwhile makes no difference to it.
  let uses: ReturnType<typeof readUses> | undefined;
  return {
    byDefinition: (key) => Promise.resolve(readRecord(definition(key)) as StepRecord | undefined),
    hasContent: (op) => Promise.resolve(existsSync(join(directory, 'content', hexOf(op)))),
    byContent: (op, key) => Promise.resolve(readRecord(content(op, key)) as StepRecord | undefined),
    putDefinition: (key, record) => written(definition(key), record),
    putContent: (op, key, record) => written(content(op, key), record),
    lastAt: (places) => {
      for (const digest of places) {
        const found = readRecord(place(digest)) as PlaceRecord | undefined;
        if (found !== undefined) return Promise.resolve(found);
      }
      return Promise.resolve(undefined);
    },
    putPlace: async (places, record) => {
      for (const digest of places) await written(place(digest), record);
    },
    used: (keys) =>
      asynchronous(() => {
        uses = undefined;
        noteUse(directory, keys, passing);
      }),
    lastUsed: (keys) => {
      uses ??= readUses(directory);
      const known = uses;
      return Promise.resolve(keys.map((key) => known.get(hexOf(key))?.last ?? 0));
    },
    putList: async (facts) => {
      const text = JSON.stringify(facts);
      const digest = digestOf(text);
      if (!existsSync(list(digest))) await written(list(digest), facts);
      return digest;
    },
    getList: (digest) =>
      Promise.resolve(readRecord(list(digest)) as readonly ListedFact[] | undefined),
    lock: (key, scope, onWait) => lockFile(join(locks, hexOf(key)), scope.signal, onWait),
  };
}

// eslint-disable-next-line @typescript-eslint/require-await -- a full disk must reject, not throw
async function asynchronous(work: () => void): Promise<void> {
  work();
}
