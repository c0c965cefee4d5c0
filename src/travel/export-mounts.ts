import { closeSync } from 'node:fs';
import type { CacheMounts } from '../cache/cache-mounts.js';
import { openSource } from '../cache/open-source.js';
import { BuildError } from '../model/error.js';
import type { Scope } from '../model/scope.js';
import { chunksOf } from './chunks.js';
import type { MountIndex, Pack, TravelEntry, TravelMount } from './mount-index.js';
import { EMPTY_CONFIG, manifestOf, packBlob, packIndex, readExport } from './mount-manifest.js';
import { Packer } from './packer.js';
import type { Place, WritablePlace } from './place.js';
import { walkMount } from './walk-mount.js';

/** Which ones, and where they are. */
export interface ExportInput {
  readonly mounts: CacheMounts;
  readonly keys: readonly string[];
  /** Mounts of the earlier export stay in it: those that are not here, or were used elsewhere since. */
  readonly keepOthers?: boolean;
  /** Told once for each that somebody uses. */
  readonly onWait: (id: string) => void;
}

/** Entries with their chunks by name, until it is known which pack has which. */
interface Draft extends Omit<TravelMount, 'entries'> {
  readonly entries: readonly { readonly entry: TravelEntry; readonly hexes?: readonly string[] }[];
}

export interface ExportedMounts {
  readonly mounts: readonly {
    readonly id: string;
    readonly bytes: number;
    readonly files: number;
  }[];
  /** All packs, and those that had to be written. */
  readonly packs: number;
}

/**
 * Writes cache mounts to a place; what an earlier export there has is not written again. The manifest comes last: a
 * reader sees the old export or the new one.
 */
export async function exportMounts(
  input: ExportInput,
  place: WritablePlace,
  scope: Scope,
): Promise<ExportedMounts> {
  const old = await earlier(place, scope);
  const expected = input.keys.reduce((sum, key) => sum + input.mounts.bytes(key), 0);
  const packer = new Packer({ old: old.packs, expected }, place, scope);
  const kept = input.keepOthers === true ? old.mounts.filter((mount) => isNews(mount, input)) : [];
  const drafts = kept.flatMap((mount) => carried(mount, old.names, packer));
  const done = new Set(drafts.map(({ key }) => key));
  // One lock at a time: steps that take several in another order never wait for us in a circle.
  for (const key of input.keys)
    if (!done.has(key)) drafts.push(...(await draft(key, input, packer, scope)));
  const packs = await packer.finish();
  const index = numbered(drafts, packs);
  const { bytes, blob } = await packIndex(index);
  await place.put(bytes, blob, scope);
  await place.put(EMPTY_CONFIG.bytes, EMPTY_CONFIG.blob, scope);
  await place.publish(manifestOf(blob, packs), scope);
  return {
    packs: packs.length,
    mounts: index.mounts.map(({ id, entries }) => ({
      id,
      files: entries.length,
      bytes: entries.reduce((sum, { size = 0 }) => sum + size, 0),
    })),
  };
}

interface Earlier {
  /** Packs that are still there. */
  readonly packs: readonly Pack[];
  /** Of all chunks, by number. */
  readonly names: readonly string[];
  readonly mounts: readonly TravelMount[];
}

/** What was exported there before. What cannot be read is as nothing. */
async function earlier(place: Place, scope: Scope): Promise<Earlier> {
  const old = await readExport(place, scope).catch((error: unknown) => {
    if (error instanceof BuildError && ['integrity', 'archive'].includes(error.code))
      return undefined;
    throw error;
  });
  const packs = old?.packs ?? [];
  const there = await Promise.all(packs.map((pack) => place.has(packBlob(pack), scope)));
  return {
    packs: packs.filter((_, i) => there[i]),
    names: packs.flatMap(({ chunks }) => chunks.map(([hex]) => hex)),
    mounts: old?.mounts ?? [],
  };
}

/** Not here, or used elsewhere after it was used here. */
function isNews({ key, lastUsed }: TravelMount, { mounts, keys }: ExportInput): boolean {
  const local = keys.includes(key) ? mounts.list().find((each) => each.key === key) : undefined;
  return local === undefined || Date.parse(local.lastUsed) < Date.parse(lastUsed);
}

/** As it was exported; nothing when parts of it are gone. */
function carried(mount: TravelMount, names: readonly string[], packer: Packer): readonly Draft[] {
  const entries = mount.entries.map(({ chunks, ...entry }) =>
    chunks === undefined
      ? { entry }
      : { entry, hexes: chunks.map((number) => names[number] ?? '') },
  );
  const hexes = entries.flatMap((entry) => ('hexes' in entry ? entry.hexes : []));
  return packer.keep(hexes) ? [{ ...mount, entries }] : [];
}

/** Nothing of one that was removed meanwhile. */
async function draft(
  key: string,
  { mounts, onWait }: ExportInput,
  packer: Packer,
  scope: Scope,
): Promise<readonly Draft[]> {
  const told = (): void => {
    onWait(mounts.list().find((each) => each.key === key)?.id ?? key);
  };
  await using held = await mounts.hold(key, scope.signal, told);
  const info = mounts.list().find((each) => each.key === key);
  if (held === undefined || info === undefined) return [];
  const entries = [];
  for (const { entry, file } of walkMount(held.path)) {
    scope.signal.throwIfAborted();
    if (file === undefined) entries.push({ entry });
    else {
      const { hexes, size } = await addFile(file, entry.path, packer);
      entries.push({ entry: { ...entry, size }, hexes });
    }
  }
  return [{ ...info, entries }];
}

async function addFile(
  file: Buffer,
  path: string,
  packer: Packer,
): Promise<{ hexes: readonly string[]; size: number }> {
  const fd = openSource(file, path);
  try {
    const hexes: string[] = [];
    let size = 0;
    for (const chunk of chunksOf(fd)) {
      hexes.push(await packer.add(chunk, { file, offset: size }));
      size += chunk.length;
    }
    return { hexes, size };
  } finally {
    closeSync(fd);
  }
}

function numbered(drafts: readonly Draft[], packs: readonly Pack[]): MountIndex {
  const names = packs.flatMap(({ chunks }) => chunks.map(([hex]) => hex));
  const numbers = new Map(names.map((hex, i) => [hex, i]));
  const numberOf = (hex: string): number => {
    const number = numbers.get(hex);
    if (number === undefined) throw new Error(`chunk ${hex} is in no pack`);
    return number;
  };
  return {
    version: 1,
    packs,
    mounts: drafts.map((mount) => ({
      ...mount,
      entries: mount.entries.map(({ entry, hexes }) =>
        hexes === undefined ? entry : { ...entry, chunks: hexes.map(numberOf) },
      ),
    })),
  };
}
