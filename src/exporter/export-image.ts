import type { OutputSpec } from '../model/build-options.js';
import { BuildError, unreachable } from '../model/error.js';
import type { Scope } from '../model/scope.js';
import type { Snapshot } from '../model/stores.js';
import { filesystemDirectory, filesystemTar } from './filesystem.js';
import { dockerArchive, type NamedImage, ociLayout } from './image-archive.js';
import type { LayerContext } from './layer-source.js';
import { layoutDirectory } from './layout-directory.js';
import { tarOf, writeTo } from './tar-file.js';

/** Writes one `--output` of a finished build. The image is in the local store in any case. */
export async function exportImage(
  spec: OutputSpec,
  image: NamedImage & { readonly snapshot: Snapshot },
  context: LayerContext,
  scope: Scope,
): Promise<void> {
  const { type, dest } = spec;
  // `docker` and `image` without a destination mean the local store.
  if (type === 'image' || (type === 'docker' && dest === undefined)) return;
  if (dest === undefined)
    throw new BuildError('usage', `--output type=${type} needs dest=`, {
      hint: 'dest=- is stdout',
    });
  switch (type) {
    case 'oci':
      if (spec.tar === false)
        return layoutDirectory(dest, ociLayout([image], context, scope), scope);
      return writeTo(dest, tarOf(ociLayout([image], context, scope)), scope);
    case 'docker':
      return writeTo(dest, tarOf(dockerArchive([image], context, scope)), scope);
    case 'tar':
      return writeTo(dest, filesystemTar(image.snapshot, context.store.snapshots, scope), scope);
    case 'local':
      return filesystemDirectory(image.snapshot, dest, scope);
    default:
      return unreachable(type);
  }
}
