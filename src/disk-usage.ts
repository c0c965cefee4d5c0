import { lstatSync } from 'node:fs';
import { cacheEntries, rootBytes } from './cache/collect.js';
import { diskBytes, directorySize } from './cache/directory-size.js';
import { partialBlobs } from './cache/partial-blobs.js';
import { writtenSize } from './container-tree.js';
import type { ContainerState } from './model/container.js';
import type { Digest } from './model/digest.js';
import type { StoredImage } from './model/stored-image.js';
import { type Volume, volumesOf } from './model/volume.js';
import { layerSizes } from './images.js';
import { rootsOf } from './roots.js';
import type { Workshop } from './workshop.js';

export interface ImageUsage {
  readonly image: StoredImage;
  readonly size: number;
  /** In layers other images have too. */
  readonly shared: number;
  readonly containers: number;
}

export interface ContainerUsage {
  readonly state: ContainerState;
  readonly size: number;
}

export interface VolumeUsage {
  readonly volume: Volume;
  readonly size: number;
  /** Containers that have it. */
  readonly links: number;
}

export interface CacheUsage {
  readonly id: string;
  /** BuildKit's word: regular, exec.cachemount. */
  readonly type: string;
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly created: number;
  readonly used: number;
  readonly uses: number;
  readonly inUse: boolean;
  /** What it is for. */
  readonly description: string;
}

/** What the store holds, and what of it could be given back. */
export interface DiskUsage {
  readonly images: readonly ImageUsage[];
  readonly containers: readonly ContainerUsage[];
  readonly volumes: readonly VolumeUsage[];
  readonly cache: readonly CacheUsage[];
  /** Bytes of all that images need, packed and unpacked, each counted once, and of what no container needs of it. */
  readonly imageBytes: number;
  readonly imageReclaimable: number;
}

/** Bytes in files, as docker counts: directories and the filesystem's own needs left out. */
export function diskUsage(workshop: Workshop): DiskUsage {
  const { store, containers } = workshop;
  const states = containers.list();
  const sizes = new Map<Digest, number>();
  const layersOf = new Map<Digest, readonly Digest[]>();
  const images = store.images.list();
  for (const image of images) {
    const own = layerSizes(image, workshop);
    const diffIDs = image.config.rootfs.diff_ids;
    for (const [i, diffID] of diffIDs.entries()) sizes.set(diffID, own[i] ?? 0);
    layersOf.set(image.id, [...new Set(diffIDs)]);
  }
  const sum = (diffIDs: Iterable<Digest>): number =>
    [...new Set(diffIDs)].reduce((bytes, diffID) => bytes + (sizes.get(diffID) ?? 0), 0);
  const owners = countOwners(layersOf.values());
  const uses = (id: Digest): number => states.filter(({ imageId }) => imageId === id).length;
  const active = images.filter(({ id }) => uses(id) > 0);
  const imageBytes = rootBytes(store, rootsOf(workshop));
  const needed = rootsOf(
    workshop,
    active.map(({ root }) => root),
  );
  return {
    images: images.map((image) => {
      const layers = layersOf.get(image.id) ?? [];
      const shared = sum(layers.filter((diffID) => (owners.get(diffID) ?? 0) > 1));
      return { image, size: sum(layers), shared, containers: uses(image.id) };
    }),
    containers: states.map((state) => ({
      state,
      size: writtenSize(state, workshop),
    })),
    volumes: volumeUsage(states, workshop),
    cache: cacheUsage(workshop),
    imageBytes,
    imageReclaimable: imageBytes - rootBytes(store, needed),
  };
}

function volumeUsage(states: readonly ContainerState[], { volumes }: Workshop): VolumeUsage[] {
  const used = states.flatMap((state) => [...new Set(volumesOf(state))]);
  return volumes()
    .list()
    .map((volume) => ({
      volume,
      size: directorySize(volumes().path(volume.name)),
      links: used.filter((name) => name === volume.name).length,
    }));
}

function countOwners(layers: Iterable<readonly Digest[]>): ReadonlyMap<Digest, number> {
  const counts = new Map<Digest, number>();
  for (const diffIDs of layers)
    for (const diffID of diffIDs) counts.set(diffID, (counts.get(diffID) ?? 0) + 1);
  return counts;
}

function cacheUsage(workshop: Workshop): CacheUsage[] {
  const { store } = workshop;
  const entries = cacheEntries(store, rootsOf(workshop)).map(
    ({ id, bytes, created, used, uses, inUse, description }): CacheUsage => ({
      id,
      type: 'regular',
      size: bytes,
      created,
      used,
      uses,
      inUse,
      description,
    }),
  );
  const mounts = store.mounts.list().map(({ key, id, created, lastUsed }) => ({
    id: key,
    type: 'exec.cachemount',
    size: directorySize(store.path('mounts', key, 'fs')),
    created: Date.parse(created),
    used: Date.parse(lastUsed),
    uses: 1,
    inUse: store.mounts.isInUse(key),
    description: `cache mount ${id}`,
  }));
  const places = { partial: store.path('partial'), locks: store.path('locks') };
  const partial = partialBlobs(places).map(({ hex, bytes, used, inUse }) => ({
    ...{ id: hex, type: 'internal', size: bytes, created: used, used, uses: 1, inUse },
    description: `part of blob ${hex}`,
  }));
  return [...entries, ...mounts, ...partial, ...history(workshop), memory(workshop)];
}

/** Of builds; one entry, for `stave history` lists them. */
function history({ store }: Workshop): CacheUsage[] {
  const builds = store.builds.sizes();
  const times = builds.map(({ used }) => used);
  if (builds.length === 0) return [];
  return [
    {
      id: 'builds',
      type: 'internal',
      size: builds.reduce((sum, { bytes }) => sum + bytes, 0),
      created: Math.min(...times),
      used: Math.max(...times),
      uses: 1,
      inUse: false,
      description: `history of ${String(builds.length)} builds`,
    },
  ];
}

/** What is remembered of steps, contexts and layers: many small files, so the blocks they take are what counts. */
function memory({ store }: Workshop): CacheUsage {
  const places = ['records', 'contexts', 'trees/by-diff'].map((name) => store.path(name));
  const times = places.flatMap(
    (place) => lstatSync(place, { throwIfNoEntry: false })?.mtimeMs ?? [],
  );
  return {
    id: 'records',
    type: 'internal',
    size: places.reduce((sum, place) => sum + diskBytes(place), 0),
    created: Math.min(...times),
    used: Math.max(...times),
    uses: 1,
    inUse: false,
    description: 'what is known of steps, contexts and layers',
  };
}
