import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { CacheMountInfo, CacheMounts } from '../cache/cache-mounts.js';
import { noSpace } from '../cache/durable.js';
import { removeTree } from '../cache/remove-tree.js';
import { checkRoom } from '../cache/room.js';
import type { Scope } from '../model/scope.js';
import type { MountIndex, TravelMount } from './mount-index.js';
import { readPack } from './mount-manifest.js';
import type { Place } from './place.js';
import { MountTree, writeChunks } from './unpack-mount.js';

export interface ImportOptions {
  readonly mounts: CacheMounts;
  readonly temporary: () => Promise<string>;
  /** Which of them; all others are left where they are. */
  readonly wanted: (mount: TravelMount) => boolean;
  /** True where the one here stays. `local` is what is here now. */
  readonly keeps: (local: CacheMountInfo, coming: TravelMount) => boolean;
  /** Told once for each that somebody uses. */
  readonly onWait: (id: string) => void;
}

export interface ImportedMount {
  readonly key: string;
  readonly id: string;
  readonly outcome: 'imported' | 'replaced' | 'kept';
}

/**
 * Brings cache mounts in: made whole beside the store's own, then put in place of what is there, under its lock. Only
 * the packs that are needed are read. Whatever fails, what was there stays.
 */
export async function importMounts(
  index: MountIndex,
  place: Place,
  options: ImportOptions,
  scope: Scope,
): Promise<readonly ImportedMount[]> {
  const { mounts, wanted, keeps } = options;
  const here = new Map(mounts.list().map((info) => [info.key, info]));
  const asked = index.mounts.filter(wanted);
  const coming = asked.filter((mount) => {
    const local = here.get(mount.key);
    return local === undefined || !keeps(local, mount);
  });
  const made = await unpack(index, coming, { ...options, place }, scope);
  const outcomes: ImportedMount[] = [];
  try {
    for (const mount of asked) {
      const directory = made.get(mount);
      const { key, id } = mount;
      const outcome =
        directory === undefined
          ? 'kept'
          : await mounts.adopt(directory, mount, {
              keeps: (local) => keeps(local, mount),
              onWait: () => {
                options.onWait(id);
              },
              signal: scope.signal,
            });
      outcomes.push({ key, id, outcome });
    }
  } finally {
    for (const directory of made.values()) removeTree(directory, () => false);
  }
  return outcomes;
}

type Made = ReadonlyMap<TravelMount, string>;

async function unpack(
  index: MountIndex,
  coming: readonly TravelMount[],
  { place, temporary }: Pick<ImportOptions, 'temporary'> & { readonly place: Place },
  scope: Scope,
): Promise<Made> {
  const made = new Map<TravelMount, string>();
  if (coming.length === 0) return made;
  const home = await temporary();
  checkRoom(home, sizeOf(coming), 'what is imported');
  const trees: MountTree[] = [];
  try {
    for (const mount of coming) {
      const directory = mkdtempSync(join(home, 'import-'));
      made.set(mount, directory);
      const fs = join(directory, 'fs');
      mkdirSync(fs, 0o700);
      const tree = new MountTree(fs, mount);
      tree.make();
      trees.push(tree);
    }
    await fill(index, trees, place, scope);
    for (const tree of trees) tree.finish();
    return made;
  } catch (error) {
    for (const directory of made.values()) removeTree(directory, () => false);
    throw noSpace(error, home);
  }
}

function sizeOf(mounts: readonly TravelMount[]): number {
  return mounts.flatMap(({ entries }) => entries).reduce((bytes, { size = 0 }) => bytes + size, 0);
}

async function fill(
  index: MountIndex,
  trees: readonly MountTree[],
  place: Place,
  scope: Scope,
): Promise<void> {
  const lengths = index.packs.flatMap(({ chunks }) => chunks.map(([, bytes]) => bytes));
  const wanted = new Map<number, { file: Buffer; offset: number }[]>();
  for (const tree of trees) {
    tree.wants(lengths, (chunk, at) => {
      const known = wanted.get(chunk);
      if (known === undefined) wanted.set(chunk, [at]);
      else known.push(at);
    });
  }
  let first = 0;
  for (const pack of index.packs) {
    const from = first;
    first += pack.chunks.length;
    if (!pack.chunks.some((_, i) => wanted.has(from + i))) continue;
    scope.signal.throwIfAborted();
    const bytes = await readPack(place, pack, scope);
    writeChunks(bytes, pack.chunks, (i) => wanted.get(from + i) ?? []);
  }
}
