import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { OutputSpec } from '../model/build-options.js';
import { BuildError, unreachable } from '../model/error.js';
import type { Scope } from '../model/scope.js';
import type { Snapshot } from '../model/stores.js';
import { filesystemDirectory, filesystemTar } from './filesystem.js';
import { dockerArchive, type NamedImage, ociLayout } from './image-archive.js';
import type { LayerContext } from './layer-source.js';
import { type ArchiveFile, tarOf, writeTo } from './tar-file.js';

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
      if (spec.tar === false) return writeFiles(dest, ociLayout([image], context, scope), scope);
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

/** An OCI layout as a directory; index.json comes after the blobs it names. */
async function writeFiles(
  dest: string,
  files: AsyncIterable<ArchiveFile>,
  scope: Scope,
): Promise<void> {
  for await (const { name, bytes } of files) {
    const path = join(dest, name);
    mkdirSync(dirname(path), { recursive: true });
    await writeTo(path, bytes, scope);
  }
}
