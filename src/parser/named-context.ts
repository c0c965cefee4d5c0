import { canonicalDigest } from '../model/canonical.js';
import type { NamedSource, OpSpec, ResolvedImage, Vertex } from '../model/graph.js';
import { familiarName, parseReference } from '../model/reference.js';

/** The name a context is known by: an image's as docker shortens it, without `:latest`; any other as it stands. */
export function contextName(name: string): string {
  try {
    return familiarName(parseReference(name)).replace(/:latest$/, '');
  } catch {
    return name;
  }
}

/** A context's files as a tree; a directory is copied whole, under its ignore rules. `make` makes a source's vertex. */
export function contextVertex(
  found: NamedSource,
  name: string,
  make: (op: OpSpec, title: string) => Vertex,
): Vertex {
  if (found.kind === 'source') return make(found.op, `[context ${name}] ${found.shown}`);
  if (found.kind === 'image') return make(imageSpec(found.image), `[context ${name}]`);
  const scratch = make({ kind: 'scratch' }, 'FROM scratch');
  if (found.kind !== 'local') return scratch;
  const op: OpSpec = {
    ...{ kind: 'copy', instruction: 'COPY', from: 'context', context: found.name },
    ...{ sources: ['/'], dest: '/', unpack: false },
  };
  const vertex = make(op, `[context ${name}] copy`);
  const digest = canonicalDigest({ op: op as never, inputs: [scratch.digest] });
  // No instruction of the stage has this position.
  const place = { ...vertex.place, position: -1 };
  return { ...vertex, digest, place, inputs: [scratch] };
}

export function imageSpec(image: ResolvedImage): OpSpec {
  const { reference, manifest, layers } = image;
  return { kind: 'image', reference, manifest, layers, diffIDs: image.config.rootfs.diff_ids };
}
