import type { Material } from './model/build-record.js';
import type { BuildPlan, ImageSpec } from './model/graph.js';
import { type ImageIndex, isIndexType, type Platform } from './model/oci.js';
import { formatPlatform, normalizePlatform } from './model/platform.js';
import { familiarName, parseReference } from './model/reference.js';
import type { Workshop } from './workshop.js';

/** The images a build of a platform stands on, as package URLs (as BuildKit's provenance has them), each once. */
export function imageMaterials(
  plans: readonly BuildPlan[],
  platforms: readonly Platform[],
  workshop: Workshop,
): readonly Material[] {
  const found = plans.flatMap(({ vertices }, i) => {
    const platform = platforms[i] ?? workshop.platform;
    return vertices.flatMap(({ op }) =>
      op.kind === 'image' ? [materialOf(op, platform, workshop)] : [],
    );
  });
  return [...new Map(found.map((material) => [material.uri, material])).values()];
}

function materialOf(spec: ImageSpec, platform: Platform, workshop: Workshop): Material {
  const layout = spec.reference.startsWith('oci-layout/');
  const { digest, ...reference } = parseReference(spec.reference);
  const { tag = digest === undefined ? 'latest' : undefined, ...bare } = reference;
  const name = familiarName(bare).split('/').map(encodeURIComponent).join('/');
  const version = tag === undefined ? '' : `@${encodeURIComponent(tag)}`;
  const shown = formatPlatform(normalizePlatform(platform));
  const qualifiers = new URLSearchParams({
    ...(digest === undefined ? {} : { digest }),
    platform: shown,
  });
  const uri = `pkg:${layout ? 'oci' : 'docker'}/${name}${version}?${qualifiers.toString()}`;
  return { uri, digests: [layout ? spec.manifest : rootOf(spec, workshop)] };
}

/** What the name meant: of several platforms their index, where the store has it. */
function rootOf({ reference, manifest }: ImageSpec, { store }: Workshop): string {
  const root = store.images.resolve(parseReference(reference));
  if (root === undefined || !isIndexType(root.mediaType) || !store.blobs.hasSync(root.digest))
    return manifest;
  const { manifests } = store.blobs.readJson(root.digest) as ImageIndex; // Checked when it came.
  return manifests.some(({ digest }) => digest === manifest) ? root.digest : manifest;
}
