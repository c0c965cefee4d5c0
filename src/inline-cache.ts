import { knownBases } from './bases-to-carry.js';
import type { Finished } from './export-build.js';
import { type CachedBuild, collectedSteps, imageLayers } from './export-cache.js';
import type { Digest } from './model/digest.js';
import type { InlineCache } from './model/oci.js';
import { familiarName, parseReference } from './model/reference.js';
import type { Scope } from './model/scope.js';
import type { OutgoingBase } from './remote-cache/export.js';
import { inlineBases } from './remote-cache/inline.js';
import { inlineRecords, type LayerIdentity } from './remote-cache/write-config.js';
import type { Workshop } from './workshop.js';

type InlineOf = (
  image: Finished,
  epoch: number | undefined,
  scope: Scope & { readonly vertex?: Digest },
) => Promise<InlineCache>;

/** More is nothing for the config of an image, which every pull of it reads. */
const MAX_DOCUMENTS = 1 << 20;

/**
 * What an image carries of its own cache: records as BuildKit writes them into its config, and of the base that no
 * registry has its documents, for its layers are the image's. A base of another stage it cannot carry: that is a warning,
 * one for a base.
 */
export function inlineCaches(of: (image: Finished) => CachedBuild, workshop: Workshop): InlineOf {
  const told = new Set<string>();
  return async (image, epoch, scope) => {
    const build = of(image);
    const bases = knownBases([image.plan], build.lent, workshop);
    const steps = await collectedSteps(build, bases, workshop, scope);
    const created = epoch === undefined ? undefined : new Date(epoch * 1000).toISOString();
    const layers = await imageLayers(image, scope);
    const records = Buffer.from(JSON.stringify(inlineRecords(steps, layers, created)));
    const outgoing = bases.outgoing();
    const carried = inlineBases(outgoing.filter((base) => fits(base, layers)));
    for (const base of outgoing) if (!fits(base, layers)) warn(base.name, told, scope);
    return {
      'moby.buildkit.cache.v0': records.toString('base64'),
      ...(carried === undefined ? {} : { 'stave.cache.bases.v0': carried }),
    };
  };
}

function fits(base: OutgoingBase, image: readonly LayerIdentity[]): boolean {
  const own = new Set(image.map(({ diffID }) => diffID));
  const size = base.manifest.length + base.config.length;
  return size <= MAX_DOCUMENTS && base.layers.every(({ diffID }) => own.has(diffID));
}

function warn(name: string, told: Set<string>, scope: Scope & { readonly vertex?: Digest }): void {
  if (told.has(name)) return;
  told.add(name);
  const shown = familiarName(parseReference(name));
  const { vertex } = scope;
  scope.emit({
    type: 'warning',
    ...(vertex === undefined ? {} : { vertex }),
    message: `the cache in the image does not carry base image ${shown}, which no registry has: a machine without it cannot use the cache`,
    hint: `push ${shown}, or use --cache-to type=registry,ref=...,mode=max`,
  });
}
