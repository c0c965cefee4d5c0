import type { Finished } from './export-build.js';
import { exportCaches, openExports } from './export-cache.js';
import { inlineCaches } from './inline-cache.js';
import { blobSource } from './image-source.js';
import { baseLayers } from './base-layers.js';
import { loadImported, openImports } from './import-cache.js';
import { type LentBases, lentBases } from './lent-bases.js';
import type { BuildOptions } from './model/build-options.js';
import type { CacheMountRequest } from './cache/cache-mounts.js';
import type { CacheKey } from './model/digest.js';
import type { BuildPlan } from './model/graph.js';
import type { Elsewhere, KeyedStep, StepRecord } from './model/op.js';
import type { InlineCache } from './model/oci.js';
import type { Scope } from './model/scope.js';
import type { Snapshot } from './model/stores.js';
import { warningOf } from './model/warning-of.js';
import { adoptSteps, type UnsavedStep } from './remote-cache/adopt.js';
import { CacheFailure } from './remote-cache/failure.js';
import { mountBringer } from './remote-mounts.js';
import { snapshotRecords } from './snapshot-records.js';
import { isInline } from './wants-caches.js';
import type { Workshop } from './workshop.js';

/** What a build has to do with caches outside its store. */
export interface BuildCaches {
  /** Undefined when there is nothing to look in. */
  readonly elsewhere: Elsewhere | undefined;
  /** Base images that nobody else has. */
  readonly lent: LentBases | undefined;
  readonly noteSteps: (steps: readonly KeyedStep[]) => void;
  /** A record of `elsewhere` as a snapshot, on the inputs that are here where it is known by their content. */
  readonly load: (
    stored: string,
    plans: readonly BuildPlan[],
    inputs?: readonly Snapshot[],
  ) => Promise<Snapshot | undefined>;
  /** A result whose layers are not all here: it is recorded at the end, if they are then. */
  readonly noteUnsaved: (step: KeyedStep, record: StepRecord, result: Snapshot) => void;
  /** What an image carries of its own cache; undefined when it is not to. `epoch` in seconds. */
  readonly inline:
    | ((image: Finished, epoch: number | undefined, scope: Scope) => Promise<InlineCache>)
    | undefined;
  /** Brings a cache mount that a step is about to use and this machine lacks. */
  readonly bringMount: ((request: CacheMountRequest) => Promise<void>) | undefined;
  /** True when the build is to be done again without the cache that broke. Throws where that was required. */
  readonly survives: (error: unknown, scope: Scope) => boolean;
  /** After the image is complete: records what came, exports what is asked for. */
  readonly finish: (finished: readonly Finished[], scope: Scope) => Promise<void>;
}

/** Opens the caches of `--cache-from` and `--cache-to`. Throws BuildError on names that cannot be. */
export async function openCaches(
  options: BuildOptions,
  workshop: Workshop,
  scope: Scope,
): Promise<BuildCaches> {
  const destinations = openExports(options.cacheTo ?? [], workshop);
  const imports = await openImports(options.cacheFrom ?? [], workshop, scope);
  let steps: readonly KeyedStep[] = [];
  const unsaved = new Map<CacheKey, UnsavedStep>();
  const lent = imports && lentBases(imports.loaded, workshop);
  const baseSource = lent?.source ?? ((name: string) => blobSource(name, workshop));
  const load: BuildCaches['load'] = async (stored, plans, inputs) =>
    imports &&
    loadImported(stored, { imports, bases: baseLayers(plans), baseSource, inputs }, workshop);
  return {
    elsewhere: imports,
    lent,
    noteSteps: (keyed) => {
      steps = keyed;
    },
    load,
    noteUnsaved: ({ key }, record, snapshot) => {
      unsaved.set(key, { record, snapshot });
    },
    inline: isInline(options)
      ? inlineCaches((image) => ({ steps, finished: [image], imports, lent }), workshop)
      : undefined,
    bringMount: imports && mountBringer(imports.loaded, workshop, scope),
    survives: (error, { emit }) => {
      if (!(error instanceof CacheFailure) || imports === undefined) return false;
      const { cache, cause } = error;
      if (imports.options(cache).required === true) throw cause;
      imports.drop(cache);
      unsaved.clear(); // It is noted again.
      const what = `the cache ${imports.backend(cache).name} broke off, the build goes on without it`;
      emit(warningOf(what, cause));
      return true;
    },
    finish: async (finished, inner) => {
      if (imports !== undefined) {
        const plans = finished.map(({ plan }) => plan);
        const own = snapshotRecords(plans, workshop, baseSource);
        const imported = { imports, unsaved, own, load: (stored: string) => load(stored, plans) };
        await adoptSteps(steps, imported, workshop.store);
      }
      await exportCaches(destinations, { steps, finished, imports, lent }, workshop, inner);
    },
  };
}
