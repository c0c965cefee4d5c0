import { BuildError } from './model/error.js';
import type { ResolvedImage } from './model/graph.js';
import type { Descriptor } from './model/oci.js';
import { canonicalName, type Reference } from './model/reference.js';
import type { Scope } from './model/scope.js';
import type { Workshop } from './workshop.js';

export function resolveRemote(
  reference: Reference,
  _workshop: Workshop,
  _scope: Scope,
): Promise<ResolvedImage> {
  return Promise.reject(
    new BuildError('registry', `${canonicalName(reference)}: not in the store`),
  );
}

export function fetchBlob(
  _reference: Reference,
  blob: Descriptor,
  _workshop: Workshop,
  _scope: Scope,
): Promise<void> {
  return Promise.reject(new BuildError('registry', `blob ${blob.digest}: not in the store`));
}
