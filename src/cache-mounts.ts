import { mkdirSync, mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { directorySize } from './cache/directory-size.js';
import type { CacheMountInfo } from './cache/cache-mounts.js';
import { BuildError } from './model/error.js';
import { nearest } from './model/nearest.js';
import { familiarName, type Reference } from './model/reference.js';
import type { Scope } from './model/scope.js';
import { registrySettings } from './registry-settings.js';
import { stdoutPlace, unpackLayout } from './travel/archive-place.js';
import { type ExportedMounts, exportMounts } from './travel/export-mounts.js';
import { type ImportedMount, importMounts } from './travel/import-mounts.js';
import { openLayout } from './travel/layout-place.js';
import type { TravelMount } from './travel/mount-index.js';
import { readExport } from './travel/mount-manifest.js';
import type { Place, WritablePlace } from './travel/place.js';
import { registryPlace } from './travel/registry-place.js';
import type { Workshop } from './workshop.js';

/** Where cache mounts travel to or come from. */
export type TravelPlace =
  | { readonly type: 'stdio' }
  | { readonly type: 'local'; readonly path: string }
  | { readonly type: 'registry'; readonly reference: Reference };

export interface CacheMountUsage extends CacheMountInfo {
  readonly bytes: number;
  readonly inUse: boolean;
}

/** The last used first. */
export function listCacheMounts({ store }: Workshop): readonly CacheMountUsage[] {
  return store.mounts
    .list()
    .map((info) => ({
      ...info,
      bytes: directorySize(store.path('mounts', info.key, 'fs')),
      inUse: store.mounts.isInUse(info.key),
    }))
    .sort((a, b) => (a.lastUsed > b.lastUsed ? -1 : 1));
}

/** Those of an id, or the one whose key begins so. Throws BuildError `not-found`. */
export function findCacheMounts(
  mounts: readonly CacheMountInfo[],
  name: string,
  where: 'here' | 'export' = 'here',
): readonly CacheMountInfo[] {
  const byId = mounts.filter(({ id }) => id === name);
  if (byId.length > 0) return byId;
  const byKey = /^[0-9a-f]{4,40}(\.\d+)?$/.test(name)
    ? mounts.filter(({ key }) => key.startsWith(name))
    : [];
  if (byKey.length === 1) return byKey;
  const ids = mounts.map(({ id }) => id);
  const near = nearest(name, ids);
  const all = where === 'here' ? 'stave cache ls lists them' : `the export has ${shortList(ids)}`;
  throw new BuildError(
    'not-found',
    byKey.length > 1 ? `several cache mounts begin with ${name}` : `no such cache mount: ${name}`,
    { hint: near === undefined ? all : `did you mean ${near}?` },
  );
}

/** Of a hint, which is one line. */
const MOST_NAMED = 5;

function shortList(ids: readonly string[]): string {
  const more = ids.length - MOST_NAMED;
  return [...ids.slice(0, MOST_NAMED), ...(more > 0 ? [`${String(more)} more`] : [])].join(', ');
}

/** Gives the keys of what is gone. Throws BuildError `conflict` when a step uses one of them; it stays. */
export function removeCacheMounts(name: string, { store }: Workshop): readonly string[] {
  return findCacheMounts(store.mounts.list(), name).map(({ key, id }) => {
    if (store.mounts.remove(key)) return key;
    throw new BuildError('conflict', `cache mount ${id} (${key.slice(0, 12)}) is in use`, {
      hint: 'a step of a running build has it: try again when that is over',
    });
  });
}

export interface TravelOptions {
  /** Ids, or beginnings of keys; none for all. */
  readonly names: readonly string[];
  /** Somebody uses a cache mount, and is waited for. */
  readonly onWait: (id: string) => void;
}

export async function exportCacheMounts(
  to: TravelPlace,
  { names, onWait }: TravelOptions,
  workshop: Workshop,
  scope: Scope,
): Promise<ExportedMounts> {
  const { store } = workshop;
  const all = store.mounts.list();
  const wanted = names.length === 0 ? all : names.flatMap((name) => findCacheMounts(all, name));
  if (wanted.length === 0) {
    throw new BuildError('not-found', 'there is no cache mount to export', {
      hint: 'a step with RUN --mount=type=cache makes one',
    });
  }
  const keys = [...new Set(wanted.map(({ key }) => key))];
  const send = (place: WritablePlace): Promise<ExportedMounts> =>
    exportMounts({ mounts: store.mounts, keys, onWait }, place, scope);
  if (to.type === 'stdio') return send(stdoutPlace(scope));
  if (to.type === 'registry')
    return send(registryPlace(taggable(to.reference), registrySettings(workshop)));
  await using place = await openLayout(to.path, 'write', scope);
  return await send(place);
}

export interface MountImportOptions extends TravelOptions {
  /** Also in the place of those that were used here later. */
  readonly overwrite: boolean;
  /** What `stdio` means. */
  readonly stdin: AsyncIterable<Uint8Array>;
}

export async function importCacheMounts(
  from: TravelPlace,
  options: MountImportOptions,
  workshop: Workshop,
  scope: Scope,
): Promise<readonly ImportedMount[]> {
  if (from.type === 'registry')
    return bringIn(
      registryPlace(from.reference, registrySettings(workshop)),
      options,
      workshop,
      scope,
    );
  const directory =
    from.type === 'local' ? from.path : await received(options.stdin, workshop, scope);
  await using place = await openLayout(directory, 'read', scope);
  return await bringIn(place, options, workshop, scope);
}

function taggable(reference: Reference): Reference {
  if (reference.digest === undefined) return reference;
  throw new BuildError('usage', `${familiarName(reference)} names one export for ever`, {
    hint: 'write to a tag: leave @sha256:... out',
  });
}

async function received(
  stdin: AsyncIterable<Uint8Array>,
  { store }: Workshop,
  scope: Scope,
): Promise<string> {
  const directory = mkdtempSync(join((await store.lease()).dir, 'stdin-'));
  mkdirSync(join(directory, 'blobs'));
  await unpackLayout(stdin, directory, scope);
  return directory;
}

async function bringIn(
  place: Place,
  { names, overwrite, onWait }: Omit<MountImportOptions, 'stdin'>,
  { store }: Workshop,
  scope: Scope,
): Promise<readonly ImportedMount[]> {
  const index = await readExport(place, scope);
  if (index === undefined) {
    throw new BuildError('not-found', `no cache mounts were exported to ${place.name}`, {
      hint: 'stave cache export --mounts DEST does it',
    });
  }
  const infos = index.mounts.map((mount): CacheMountInfo => mount);
  const keys = new Set(
    names.flatMap((name) => findCacheMounts(infos, name, 'export')).map(({ key }) => key),
  );
  return importMounts(
    index,
    place,
    {
      mounts: store.mounts,
      temporary: async () => (await store.lease()).dir,
      wanted: ({ key }) => keys.size === 0 || keys.has(key),
      keeps: (local, coming) =>
        !overwrite && isNewer(local, coming) && !isEmpty(store.path('mounts', local.key, 'fs')),
      onWait,
    },
    scope,
  );
}

/** What was used here since: as new, too, for it is then what is coming. */
function isNewer(local: CacheMountInfo, coming: TravelMount): boolean {
  return Date.parse(local.lastUsed) >= Date.parse(coming.lastUsed);
}

function isEmpty(directory: string): boolean {
  return readdirSync(directory).length === 0;
}
