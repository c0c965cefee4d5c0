import { createEventQueue } from './event-queue.js';
import { resolveOp } from './executor/resolve-op.js';
import { assembleImage, type BuiltImage } from './exporter/assemble.js';
import { blobSource, openImage } from './image-source.js';
import { internalVertex } from './internal-vertex.js';
import { withWarnings } from './lint-warnings.js';
import { type Definition, loadDefinition } from './load-definition.js';
import type { Build, BuildOptions, BuildResult } from './model/build-options.js';
import { CancelledError } from './model/error.js';
import type { BuildPlan, Vertex } from './model/graph.js';
import { type Descriptor } from './model/oci.js';
import { canonicalName, parseReference, type Reference } from './model/reference.js';
import type { Scope } from './model/scope.js';
import type { Snapshot } from './model/stores.js';
import { lower } from './parser/lower.js';
import { solve } from './solver/solve.js';
import type { Workshop } from './workshop.js';

/** Steps of one build that may run at once. */
const PARALLEL = 8;

/**
 * Wires the rooms for one build: parse, lower, solve, assemble, export. Runs in this process, which must be in a mount
 * namespace of its own if a step has to run (bin/stave sees to it).
 */
export function startBuild(options: BuildOptions, workshop: Workshop): Build {
  const queue = createEventQueue();
  const controller = new AbortController();
  const signals = options.signal ? [controller.signal, options.signal] : [controller.signal];
  const scope: Scope = { signal: AbortSignal.any(signals), emit: queue.push };
  const result = runBuild(options, workshop, scope).finally(queue.end);
  // Whoever only reads the events must not crash the process over a rejection it asks for later.
  result.catch(() => undefined);
  return {
    events: queue.events,
    result,
    async [Symbol.asyncDispose]() {
      controller.abort(new CancelledError('the build was disposed'));
      await result.catch(() => undefined);
    },
  };
}

async function runBuild(
  options: BuildOptions,
  workshop: Workshop,
  scope: Scope,
): Promise<BuildResult> {
  const tags = (options.tags ?? []).map(parseReference);
  const definition = await loadDefinition(options, workshop, scope);
  const plan = await withWarnings(definition, scope, (lint) =>
    lower(definition.dockerfile, { ...definition.lowering, lint }),
  );
  const snapshot = await solvePlan(plan, definition, workshop, scope);
  definition.saveContext();
  return internalVertex('exporting to image', scope, async (inner) => {
    const now = new Date(workshop.now()).toISOString();
    const base = baseOf(plan.target);
    const image = await assembleImage(
      { plan, snapshot, baseLayers: base.layers, store: workshop.store, now },
      inner,
    );
    await exportOutputs({ options, image, snapshot, tags, base }, workshop, inner);
    name(image, tags, workshop);
    return {
      imageId: image.imageId,
      manifest: image.manifest.digest,
      manifestSize: image.manifest.size,
      manifestMediaType: image.manifest.mediaType,
      names: tags.map(canonicalName),
    };
  });
}

function solvePlan(
  plan: BuildPlan,
  definition: Definition,
  workshop: Workshop,
  scope: Scope,
): Promise<Snapshot> {
  const { store } = workshop;
  const deps = {
    snapshots: store.snapshots,
    runtime: workshop.runtime,
    context: definition.context,
    openImage: (spec: Parameters<typeof openImage>[0]) => openImage(spec, workshop),
    remote: definition.remote,
    temporary: async () => (await store.lease()).dir,
    now: workshop.now,
  };
  return solve<Snapshot>(
    plan.target,
    plan.vertices,
    {
      resolveOp: (spec, vertex) => resolveOp(spec, vertex, deps),
      records: store.records,
      save: (snapshot) => JSON.stringify(snapshot.layers.map((layer) => layer.id)),
      load: (stored) => loadSnapshot(stored, workshop),
      parallel: PARALLEL,
      now: workshop.now,
    },
    scope,
  );
}

/** A record's layers, if all are still there. */
async function loadSnapshot(stored: string, { store }: Workshop): Promise<Snapshot | undefined> {
  const ids = JSON.parse(stored) as string[];
  const layers = await Promise.all(ids.map((id) => store.snapshots.open(id)));
  const found = layers.filter((layer) => layer !== undefined);
  return found.length === ids.length ? store.snapshots.snapshot(found) : undefined;
}

interface Base {
  readonly layers: readonly Descriptor[];
  readonly reference: string | undefined;
}

/** The image at the bottom of the target's filesystem. */
function baseOf(target: Vertex): Base {
  let vertex = target;
  for (let below = vertex.inputs[0]; below !== undefined; below = vertex.inputs[0]) vertex = below;
  if (vertex.op.kind !== 'image') return { layers: [], reference: undefined };
  return { layers: vertex.op.layers, reference: vertex.op.reference };
}

interface Finished {
  readonly options: BuildOptions;
  readonly image: BuiltImage;
  readonly snapshot: Snapshot;
  readonly tags: readonly Reference[];
  readonly base: Base;
}

async function exportOutputs(
  { options, image, snapshot, tags, base }: Finished,
  workshop: Workshop,
  scope: Scope,
): Promise<void> {
  const outputs = options.outputs ?? [];
  if (outputs.length === 0) return;
  const { exportImage } = await import('./exporter/export-image.js');
  const named = { ...image, references: tags, snapshot };
  const context = {
    store: workshop.store,
    fetch: blobSource(base.reference ?? 'scratch', workshop),
  };
  for (const output of outputs) await exportImage(output, named, context, scope);
}

/** Names come last: they never mean something that is not whole. */
function name(image: BuiltImage, tags: readonly Reference[], { store }: Workshop): void {
  for (const tag of tags) {
    if (store.images.resolve(tag)?.digest !== image.manifest.digest)
      store.images.tag(tag, image.manifest);
  }
  if (tags.length === 0) store.images.keep(image.manifest);
}
