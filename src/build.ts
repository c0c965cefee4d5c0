import { setMaxListeners } from 'node:events';
import { buildFacts } from './build-facts.js';
import { createEventQueue } from './event-queue.js';
import { resolveOp } from './executor/resolve-op.js';
import { guardSecrets } from './executor/secret-guard.js';
import { Secrets } from './executor/secrets.js';
import type { BuildCaches } from './build-caches.js';
import { exportBuild, type ExportInput, type Finished } from './export-build.js';
import { openImage } from './image-source.js';
import { internalVertex } from './internal-vertex.js';
import { withWarnings } from './lint-warnings.js';
import { type Definition, loadDefinition } from './load-definition.js';
import type { Build, BuildOptions, BuildResult, BuildWarning } from './model/build-options.js';
import type { BuildFacts } from './model/build-record.js';
import type { BuildStep } from './model/build-steps.js';
import type { BuildEvent, WarningEvent } from './model/events.js';
import type { Digest } from './model/digest.js';
import { CancelledError } from './model/error.js';
import type { BuildPlan } from './model/graph.js';
import type { Platform } from './model/oci.js';
import { parseReference } from './model/reference.js';
import type { RunSettings } from './model/run-settings.js';
import type { Scope } from './model/scope.js';
import { holdTime, steadyTime } from './model/steady-time.js';
import type { Snapshot } from './model/stores.js';
import { imageMaterials } from './materials.js';
import { lower } from './parser/lower.js';
import { type BuildRecorder, recordBuild } from './record-build.js';
import { snapshotRecords } from './snapshot-records.js';
import { stepsToRebuild } from './steps-to-rebuild.js';
import { solveAll } from './solver/solve.js';
import { privileges } from './sys/privileges.js';
import { wantsCaches } from './wants-caches.js';
import { hasPrivateMounts, type Workshop } from './workshop.js';

/** Steps of one build that may run at once. */
const PARALLEL = 8;

/** A build of this process. */
export interface RunningBuild extends Build {
  /** What its record says of it; undefined before the Dockerfile was read. */
  readonly facts: () => BuildFacts | undefined;
  readonly steps: () => readonly BuildStep[];
}

/**
 * Wires the rooms for one build: parse, lower, solve, assemble, export. Runs in this process, which must be in a mount
 * namespace of its own if a step has to run (bin/stave sees to it).
 */
export function startBuild(options: BuildOptions, workshop: Workshop): RunningBuild {
  const time = holdTime();
  const queue = createEventQueue();
  const controller = new AbortController();
  const signals = options.signal ? [controller.signal, options.signal] : [controller.signal];
  const warnings: BuildWarning[] = [];
  const emit = (event: BuildEvent): void => {
    if (event.type === 'warning') warnings.push(warningOf(event));
    recorder.event(event);
    queue.push(event);
  };
  const recorder = recordBuild(options, workshop, emit);
  const scope: Scope = { signal: AbortSignal.any(signals), emit };
  const result = recorded(recorder, scope.signal, runBuild(options, workshop, scope, recorder))
    .then((built) => ({ ...built, warnings }))
    .finally(() => {
      queue.end();
      time[Symbol.dispose]();
    });
  // Whoever only reads the events must not crash the process over a rejection it asks for later.
  result.catch(() => undefined);
  return {
    events: queue.events,
    result,
    facts: recorder.facts,
    steps: recorder.steps,
    async [Symbol.asyncDispose]() {
      controller.abort(new CancelledError('the build was disposed'));
      await result.catch(() => undefined);
    },
  };
}

async function recorded(
  recorder: BuildRecorder,
  signal: AbortSignal,
  build: Promise<Omit<BuildResult, 'warnings'>>,
): Promise<Omit<BuildResult, 'warnings'>> {
  try {
    const built = await build;
    recorder.completed(built);
    return built;
  } catch (error) {
    recorder.failed(error, signal.aborted);
    throw error;
  }
}

function warningOf({ message, detail, url, range }: WarningEvent): BuildWarning {
  return {
    message,
    ...(detail === undefined ? {} : { detail }),
    ...(url === undefined ? {} : { url }),
    ...(range === undefined ? {} : { range }),
  };
}

async function runBuild(
  options: BuildOptions,
  workshop: Workshop,
  scope: Scope,
  recorder: BuildRecorder,
): Promise<Omit<BuildResult, 'warnings'>> {
  const started = steadyTime();
  const tags = (options.tags ?? []).map(parseReference);
  warnOfLimits(options, scope);
  return withCaches({ options, workshop }, scope, async (opening) => {
    const definition = await loadDefinition(options, workshop, scope, {
      lent: async (...wanted) => (await opening)?.lent?.find(...wanted),
      note: (material) => {
        recorder.material(material);
      },
    });
    const { platforms, origin, checkout, dockerfile } = definition;
    const facts = buildFacts({ options, origin, checkout, started, platforms: platforms.list });
    recorder.begin(facts, dockerfile.lines);
    const plans = await withWarnings(definition, scope, (lint) =>
      Promise.all(
        platforms.list.map((platform) =>
          lower(definition.dockerfile, { ...definition.lowering(platform), lint }),
        ),
      ),
    );
    imageMaterials(plans, platforms.list, workshop).forEach((each) => {
      recorder.material(each);
    });
    await checkForeign(plans, workshop.platform);
    await checkRun(plans, workshop);
    await checkIds(options, plans);
    const settings = settingsOf(options);
    const rebuild = stepsToRebuild(
      options.rebuild ?? [],
      plans.flatMap(({ vertices }) => vertices),
    );
    const caches = await opening;
    const sameFiles = async (): Promise<readonly string[]> => {
      const { sameDockerfiles } = await import('./same-dockerfile.js');
      const steps = plans.flatMap(({ vertices }) => vertices);
      return sameDockerfiles(
        facts,
        steps.map(({ name }) => name),
        workshop,
      );
    };
    const lowered = { options, tags, plans, definition, settings, rebuild, caches, sameFiles };
    const { built, finished } = await withClaims(workshop, () =>
      withoutBroken(caches, scope, () => solveAndExport(lowered, workshop, scope)),
    );
    await caches?.finish(finished, scope);
    return built;
  });
}

/** Caches are asked what they have while the build is prepared; what still asks when it ends is stopped. */
async function withCaches<T>(
  { options, workshop }: { readonly options: BuildOptions; readonly workshop: Workshop },
  scope: Scope,
  build: (opening: Promise<BuildCaches | undefined>) => Promise<T>,
): Promise<T> {
  if (!wantsCaches(options)) return build(Promise.resolve(undefined));
  const { openCaches } = await import('./build-caches.js');
  const controller = new AbortController();
  const signal = AbortSignal.any([scope.signal, controller.signal]);
  const opening = openCaches(options, workshop, { ...scope, signal });
  opening.catch(() => undefined);
  try {
    return await build(opening);
  } finally {
    controller.abort(new CancelledError('the build has ended'));
    await opening.catch(() => undefined);
  }
}

/** A cache that breaks off while it is used is left out, and the build is done again with what it has by now. */
async function withoutBroken<T>(
  caches: BuildCaches | undefined,
  scope: Scope,
  build: () => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await build();
    } catch (error) {
      if (caches?.survives(error, scope) !== true) throw error;
    }
  }
}

/**
 * A build that is cached whole takes no lease: it looks at its end whether all it had is still there. A prune that was
 * quicker than its names makes it begin again, and then what it uses is claimed before it counts.
 */
async function withClaims<T>({ store }: Workshop, build: () => Promise<T>): Promise<T> {
  const { claims } = store;
  claims.defer();
  try {
    const built = await build();
    if (!claims.lost()) return built;
  } catch (error) {
    if (!claims.lost()) throw error;
  }
  await store.lease();
  return await build();
}

interface Lowered {
  readonly options: BuildOptions;
  readonly tags: ExportInput['tags'];
  readonly plans: readonly BuildPlan[];
  readonly definition: Definition;
  readonly settings: RunSettings;
  readonly rebuild: ReadonlySet<Digest>;
  readonly caches: BuildCaches | undefined;
  readonly sameFiles: () => Promise<readonly string[]>;
}

async function solveAndExport(
  lowered: Lowered,
  workshop: Workshop,
  scope: Scope,
): Promise<{ readonly built: Omit<BuildResult, 'warnings'>; readonly finished: Finished[] }> {
  const { options, tags, plans, definition, caches } = lowered;
  const { platforms } = definition;
  const snapshots = await solvePlans(lowered, workshop, scope).catch(async (error: unknown) => {
    const { explainFailure } = await import('./parser/explain-failure.js');
    throw explainFailure(error, definition.dockerfile);
  });
  definition.saveContext();
  const finished = plans.map((plan, i) => {
    const [platform, snapshot] = [platforms.list[i], snapshots[i]];
    if (platform === undefined || snapshot === undefined)
      throw new Error('a plan without a result');
    return { plan, platform, snapshot };
  });
  const { index } = platforms;
  const baseSource = caches?.lent?.source;
  const built = await internalVertex('exporting to image', scope, (inner) =>
    exportBuild(
      { options, tags, finished, index, inline: caches?.inline, baseSource },
      workshop,
      inner,
    ),
  );
  return { built, finished };
}

/** A limit that holds nobody is worse than none. */
function warnOfLimits({ resources, cgroupParent }: BuildOptions, { emit }: Scope): void {
  const limited = cgroupParent !== undefined || Object.keys(resources ?? {}).length > 0;
  if (!limited || (!privileges().userNamespace && privileges().admin)) return;
  const message = 'limits of memory and CPU are not enforced: cgroups need root here';
  emit({ type: 'warning', message });
}

/** Who asks for the host's network for every RUN allows it for each. */
function settingsOf(options: BuildOptions): RunSettings {
  if (options.network !== 'host') return options;
  return { ...options, allow: [...(options.allow ?? []), 'network.host'] };
}

/** Most builds have no foreign step and do not load the check. */
async function checkForeign(plans: readonly BuildPlan[], host: Platform): Promise<void> {
  const ops = plans.flatMap(({ vertices }) => vertices.map(({ op }) => op));
  if (ops.every((op) => op.kind !== 'exec' || op.platform.architecture === host.architecture))
    return;
  const { checkEmulation } = await import('./emulation.js');
  checkEmulation(plans, host);
}

/** Where no step can run, that is said before anything is downloaded. */
async function checkRun(plans: readonly BuildPlan[], { env }: Workshop): Promise<void> {
  if (hasPrivateMounts(env)) return;
  if (!plans.some(({ vertices }) => vertices.some(({ op }) => op.kind === 'exec'))) return;
  const { chrootProblem } = await import('./runtime/chroot-problem.js');
  if (chrootProblem() === undefined) return;
  const { cannotRun, whyNoNamespaces } = await import('./runtime/blocked.js');
  throw cannotRun(whyNoNamespaces());
}

/** An id that no step has would do nothing. */
async function checkIds(
  { cacheMountRollback = [], cacheTo = [] }: BuildOptions,
  plans: readonly BuildPlan[],
): Promise<void> {
  const travel = cacheTo.flatMap((to) => (to.type === 'inline' ? [] : (to.mounts ?? [])));
  if (cacheMountRollback.length + travel.length === 0) return;
  const { checkMountIds } = await import('./check-mount-ids.js');
  checkMountIds('--cache-mount-rollback', cacheMountRollback, plans);
  checkMountIds('--cache-to mounts', travel, plans);
}

/** One graph of all platforms: what they have in common runs once. */
function solvePlans(
  { plans, definition, settings, rebuild, caches, sameFiles }: Lowered,
  workshop: Workshop,
  scope: Scope,
): Promise<Snapshot[]> {
  const { store } = workshop;
  const secrets = new Secrets(settings.secrets ?? []);
  const deps = {
    snapshots: guardSecrets(store.snapshots, secrets),
    mounts: store.mounts,
    bringMount: caches?.bringMount,
    settings,
    secrets,
    freshMounts: new Set<string>(),
    runtime: workshop.runtime,
    context: definition.context,
    openImage: (spec: Parameters<typeof openImage>[0]) =>
      openImage(spec, workshop, caches?.lent?.source(spec.reference)),
    remote: definition.remote,
    temporary: async () => (await store.lease()).dir,
    later: store.chores.add,
    now: steadyTime,
  };
  const { save, load } = snapshotRecords(plans, workshop, caches?.lent?.source);
  const vertices = plans.flatMap((plan) => plan.vertices);
  const distinct = [...new Map(vertices.map((vertex) => [vertex.digest, vertex])).values()];
  return solveAll<Snapshot>(
    plans.map(({ target }) => target),
    distinct,
    {
      resolveOp: (spec, vertex) => resolveOp(spec, vertex, deps),
      records: store.records,
      rebuild,
      sameFiles,
      ...(caches?.elsewhere === undefined ? {} : { elsewhere: caches.elsewhere }),
      onKeyed: (steps) => caches?.noteSteps(steps),
      save,
      load: async (stored, inputs) =>
        stored.startsWith('{') ? caches?.load(stored, plans, inputs) : load(stored, inputs),
      onUnsaved: (step, record, result) => caches?.noteUnsaved(step, record, result),
      parallel: PARALLEL,
      now: steadyTime,
      idle: () => new Promise((resolve) => setImmediate(resolve)),
      anySignal,
    },
    scope,
  );
}

/** Eight steps at once, each with its container and mounts, are no leak of listeners. */
function anySignal(signals: AbortSignal[]): AbortSignal {
  const signal = AbortSignal.any(signals);
  setMaxListeners(0, signal);
  return signal;
}
