import { type KnownBases, knownBases } from './bases-to-carry.js';
import type { Finished } from './export-build.js';
import { blobSource } from './image-source.js';
import type { LentBases } from './lent-bases.js';
import { baseLayers } from './base-layers.js';
import { internalVertex } from './internal-vertex.js';
import type { CacheTo } from './model/cache-options.js';
import type { DiffID, Digest } from './model/digest.js';
import { BuildError } from './model/error.js';
import type { Descriptor } from './model/oci.js';
import type { KeyedStep } from './model/op.js';
import type { Scope } from './model/scope.js';
import type { BlobSource, Layer } from './model/stores.js';
import { warningOf } from './model/warning-of.js';
import { registrySettings } from './registry-settings.js';
import { exportMountsTo } from './remote-mounts.js';
import type { WritableCacheBackend } from './remote-cache/backend.js';
import { type CollectedStep, collectSteps } from './remote-cache/collect.js';
import { exportCache, type OutgoingBase } from './remote-cache/export.js';
import type { CacheImports } from './remote-cache/imports.js';
import { openCacheTo } from './remote-cache/open-backend.js';
import { withinBudget } from './remote-cache/time-budget.js';
import { type LayerIdentity, positions } from './remote-cache/write-config.js';
import { placeKeys, travellingPlaceKeys } from './solver/keys.js';
import { isOfMounts } from './travel/mount-manifest.js';
import type { Workshop } from './workshop.js';
import { steadyTime } from './model/steady-time.js';

/** A build as its caches see it. */
export interface CachedBuild {
  readonly steps: readonly KeyedStep[];
  readonly finished: readonly Finished[];
  readonly imports: CacheImports | undefined;
  readonly lent: LentBases | undefined;
}

type PlacedCache = Exclude<CacheTo, { readonly type: 'inline' }>;

const TIMEOUT_MS = 600_000;

/** Opened before anything runs: a name that cannot be is said at once, not after an hour. */
export interface OpenedCacheTo {
  readonly to: PlacedCache;
  readonly backend: WritableCacheBackend;
}

export function openExports(to: readonly CacheTo[], workshop: Workshop): readonly OpenedCacheTo[] {
  const settings = registrySettings(workshop);
  return to
    .filter((each): each is PlacedCache => each.type !== 'inline')
    .map((each) => ({ to: each, backend: openCacheTo(each, settings) }));
}

/** After the image is complete. A cache that cannot be written is a warning, unless it is required. */
export async function exportCaches(
  destinations: readonly OpenedCacheTo[],
  build: CachedBuild,
  workshop: Workshop,
  scope: Scope,
): Promise<void> {
  if (destinations.length === 0) return;
  const plans = build.finished.map(({ plan }) => plan);
  const bases = knownBases(plans, build.lent, workshop);
  const all = await collectedSteps(build, bases, workshop, scope);
  for (const { to, backend } of destinations) {
    await internalVertex(`exporting cache to ${backend.name}`, scope, async (inner) => {
      try {
        const chosen =
          to.mode === 'max'
            ? { steps: all, bases: bases.outgoing() }
            : {
                steps: await ofImage(all, build.finished, inner),
                bases: bases.outgoing(new Set(build.finished.flatMap(baseDiffIDs))),
              };
        await write({ to, backend }, { build, ...chosen }, workshop, inner);
      } catch (error) {
        scope.signal.throwIfAborted();
        if (!(error instanceof BuildError) || to.required === true) throw error;
        const what = `the cache was not exported to ${backend.name}`;
        inner.emit({ ...warningOf(what, error), vertex: inner.vertex });
      }
    });
  }
}

interface Written {
  readonly build: CachedBuild;
  readonly steps: readonly CollectedStep[];
  readonly bases: readonly OutgoingBase[];
}

async function write(
  { to, backend }: OpenedCacheTo,
  { build: { imports, finished, lent }, steps, bases }: Written,
  workshop: Workshop,
  scope: Scope & { readonly vertex: Digest },
): Promise<void> {
  const reasons = steps.map(({ keyed: { vertex, key, inputs, parts } }) => {
    const places = [...placeKeys(vertex.place), ...travellingPlaceKeys(vertex.place)];
    return { places, key, inputs, parts };
  });
  const { store } = workshop;
  const { mounts } = to;
  const plans = finished.map(({ plan }) => plan);
  const named = baseLayers(plans);
  const references = new Map(
    [...named.values()].map(({ blob, reference }) => [blob.digest, reference]),
  );
  const fetchBase: BlobSource = (blob, inner) => {
    const reference = references.get(blob.digest) ?? 'scratch';
    return (lent?.source(reference) ?? blobSource(reference, workshop))(blob, inner);
  };
  const more =
    mounts && ((inner: Scope) => exportMountsTo(backend, { ids: mounts, plans }, workshop, inner));
  const say = (line: string): void => {
    const data = Buffer.from(`${line}\n`);
    scope.emit({ type: 'log', vertex: scope.vertex, stream: 'stderr', data, time: steadyTime() });
  };
  // An export of mounts says itself which stay; one without leaves them alone.
  const keeps = (blob: Descriptor): boolean => mounts === undefined && isOfMounts(blob);
  const input = { steps, reasons, bases, imports, store, fetchBase, say, keeps, more };
  const budget = { what: `exporting the cache`, ms: to.timeoutMs ?? TIMEOUT_MS };
  const done = await withinBudget(budget, scope, (inner) =>
    exportCache(input, { backend, settings: to }, inner),
  );
  say(
    `${count(done.steps, 'step')}, ${count(done.layers, 'layer')}; ${String(done.uploaded)} of them uploaded (${String(done.bytes)} bytes)`,
  );
}

function count(number: number, what: string): string {
  return `${String(number)} ${what}${number === 1 ? '' : 's'}`;
}

/** The steps of a build whose results are known. */
export async function collectedSteps(
  { steps, finished, imports }: CachedBuild,
  bases: KnownBases,
  { store }: Workshop,
  scope: Scope,
): Promise<readonly CollectedStep[]> {
  const layers = finished.flatMap((image) => ownLayers(image));
  await Promise.all(layers.map((layer) => layer.meta(scope))); // Names of trees need trees.
  const own = layers.map(({ id }) => id);
  return collectSteps(steps, { store, imports, bases: bases.layers, own }, scope);
}

/** Above the base. */
function ownLayers({ plan, snapshot }: Finished): readonly Layer[] {
  return snapshot.layers.slice(plan.base?.rootfs.diff_ids.length ?? 0);
}

function baseDiffIDs({ plan }: Finished): readonly DiffID[] {
  return plan.base?.rootfs.diff_ids ?? [];
}

/** Steps whose layers are all the image's. */
async function ofImage(
  all: readonly CollectedStep[],
  finished: readonly Finished[],
  scope: Scope,
): Promise<readonly CollectedStep[]> {
  const own = (await Promise.all(finished.map((each) => imageLayers(each, scope)))).flat();
  return all.filter(({ layers }) => !positions(layers, own).includes(-1));
}

/** The image's layers as its steps made them, whatever an epoch makes of their times. */
export async function imageLayers(
  image: Finished,
  scope: Scope,
): Promise<readonly LayerIdentity[]> {
  const below = baseDiffIDs(image).map((diffID) => ({ diffID }));
  const own = ownLayers(image).map((layer) => layer.meta(scope));
  return [...below, ...(await Promise.all(own))];
}
