import { BuildError } from '../model/error.js';
import type { Scope } from '../model/scope.js';
import { dockerArchive, type NamedImage, ociLayout } from './image-archive.js';
import type { LayerContext } from './layer-source.js';
import { tarOf, writeTo } from './tar-file.js';

export interface SaveSpec {
  /** `oci` (the default of `image save`) has docker's manifest.json too, so every docker loads it. */
  readonly type: 'oci' | 'docker';
  /** A file, or `-` for stdout. */
  readonly dest: string;
}

/** Writes images of the store into one archive; equal images give equal bytes. Layers they share are written once. */
export async function saveImages(
  images: readonly NamedImage[],
  { type, dest }: SaveSpec,
  context: LayerContext,
  scope: Scope,
): Promise<void> {
  if (images.length === 0) throw new BuildError('usage', 'no image to save');
  const files = type === 'oci' ? ociLayout : dockerArchive;
  await writeTo(dest, tarOf(files(images, context, scope)), scope);
}
