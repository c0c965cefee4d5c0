import { directorySize } from './cache/directory-size.js';
import { spendReserve } from './cache/reserve.js';
import type { ContainerState } from './model/container.js';
import { pruned } from './model/engine-event.js';
import { BuildError } from './model/error.js';
import { type Volume, volumesOf } from './model/volume.js';
import type { Workshop } from './workshop.js';

/** docker's `Mounts` of a container's inspect document. */
export function mountPoints({ mounts = [] }: ContainerState, { volumes }: Workshop): object[] {
  return mounts.map(({ type, name, source = '', destination, readonly, mode }) => ({
    Type: type,
    ...(name === undefined ? {} : { Name: name }),
    Source: name === undefined ? source : volumes().path(name),
    Destination: destination,
    ...(name === undefined ? {} : { Driver: 'local' }),
    Mode: mode,
    RW: !readonly,
    Propagation: type === 'bind' ? 'rprivate' : '',
  }));
}

/** docker's inspect document of a volume. Throws BuildError `not-found`. */
export function inspectVolume(
  wanted: string,
  { volumes }: Pick<Workshop, 'volumes'>,
): Record<string, unknown> {
  const volume = volumes().find(wanted);
  const labels = labelsOf(volume);
  return {
    CreatedAt: volume.created.replace(/\.\d+Z$/, 'Z'),
    Driver: 'local',
    Labels: Object.keys(labels).length === 0 ? null : labels,
    Mountpoint: volumes().path(volume.name),
    Name: volume.name,
    Options: null,
    Scope: 'local',
  };
}

/** Anonymous ones have docker's label that says so. */
export function labelsOf({ labels, anonymous }: Volume): Readonly<Record<string, string>> {
  return anonymous ? { 'com.docker.volume.anonymous': '', ...labels } : labels;
}

const never = new AbortController();

/** Who makes and removes volumes and containers takes turns. */
export async function createVolume(
  name: string | undefined,
  labels: Readonly<Record<string, string>>,
  { containers, volumes }: Workshop,
): Promise<Volume> {
  await using _turn = await containers.lockNames(never.signal);
  return volumes().create(name, labels);
}

/** Throws BuildError `not-found`, `conflict` when a container has it, in docker's words. */
export async function removeVolume(
  name: string,
  { containers, volumes, store }: Workshop,
): Promise<void> {
  using _reserve = spendReserve(store.root);
  await using _turn = await containers.lockNames(never.signal);
  volumes().find(name);
  const users = containers.list().filter((state) => volumesOf(state).includes(name));
  if (users.length > 0) {
    const ids = users.map(({ id }) => id).join(', ');
    throw new BuildError('conflict', `remove ${name}: volume is in use - [${ids}]`, {
      hint: `stave rm ${users[0]?.name ?? ''}`,
    });
  }
  volumes().remove(name);
}

/** Names of volumes that a container has. */
export function usedVolumes({ containers }: Workshop): ReadonlySet<string> {
  return new Set(containers.list().flatMap(volumesOf));
}

export interface PrunedVolumes {
  readonly removed: readonly string[];
  readonly bytes: number;
}

export interface VolumePruneOptions {
  /** Only say what would go. */
  readonly dryRun?: boolean;
  /** Ids of containers that do not count: they would be gone by then. */
  readonly without?: readonly string[];
}

/** Removes those of the volumes wanted that no container has. */
export async function pruneVolumes(
  wanted: (volume: Volume) => boolean,
  { containers, volumes: open, tell, store }: Workshop,
  { dryRun = false, without = [] }: VolumePruneOptions = {},
): Promise<PrunedVolumes> {
  using _reserve = spendReserve(store.root);
  const volumes = open();
  await using _turn = await containers.lockNames(never.signal);
  const states = containers.list().filter(({ id }) => !without.includes(id));
  const used = new Set(states.flatMap(volumesOf));
  const gone = volumes.list().filter((volume) => !used.has(volume.name) && wanted(volume));
  let bytes = 0;
  for (const { name } of gone) {
    bytes += directorySize(volumes.path(name));
    if (!dryRun) volumes.remove(name);
  }
  if (!dryRun) tell(pruned('volume', bytes));
  return { removed: gone.map(({ name }) => name), bytes };
}
