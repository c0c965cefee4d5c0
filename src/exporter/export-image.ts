import { join } from 'node:path';
import type { OutputSpec } from '../model/build-options.js';
import { BuildError, unreachable } from '../model/error.js';
import { formatPlatform } from '../model/platform.js';
import type { Scope } from '../model/scope.js';
import type { Bytes, Snapshot } from '../model/stores.js';
import { filesystemDirectory, filesystemTar, type SplitTree } from './filesystem.js';
import { dockerArchive, ociLayout } from './image-archive.js';
import type { ImageForm } from './image-form.js';
import { indexLayout, type ImageSet, type PlatformImage } from './image-index.js';
import { annotationsOf } from './index-document.js';
import { layoutDirectory } from './layout-directory.js';
import { type ArchiveFile, tarOf, writeTo } from './tar-file.js';

/** A finished build, ready to leave. */
export interface Exportable extends ImageSet {
  readonly images: readonly (PlatformImage & { readonly snapshot: Snapshot })[];
  /** It is an index, also if of one image. */
  readonly index: boolean;
  /** RFC 3339 and seconds of SOURCE_DATE_EPOCH. */
  readonly epoch: { readonly text: string; readonly seconds: number } | undefined;
}

/** Writes one `--output` of a finished build. The image is in the local store in any case. */
export async function exportImage(spec: OutputSpec, set: Exportable, scope: Scope): Promise<void> {
  const { type, dest } = spec;
  // `docker` and `image` without a destination mean the local store.
  if (type === 'image' || (type === 'docker' && dest === undefined)) return;
  if (dest === undefined)
    throw new BuildError('usage', `--output type=${type} needs dest=`, {
      hint: 'dest=- is stdout',
    });
  switch (type) {
    case 'oci':
      if (spec.tar === false) return layoutDirectory(dest, ociFiles(spec, set, scope), scope);
      return writeTo(dest, tarOf(ociFiles(spec, set, scope)), scope);
    case 'docker':
      return writeTo(dest, dockerFile(set, scope), scope);
    case 'tar':
      return writeTo(dest, filesystemTar(treesOf(spec, set), set.epoch?.seconds, scope), scope);
    case 'local':
      for (const { prefix, snapshot } of treesOf(spec, set))
        await filesystemDirectory(
          snapshot,
          { dest: join(dest, prefix), epoch: set.epoch?.seconds },
          scope,
        );
      return;
    default:
      return unreachable(type);
  }
}

function ociFiles(spec: OutputSpec, set: Exportable, scope: Scope): AsyncIterable<ArchiveFile> {
  const [first] = set.images;
  if (first === undefined) throw new Error('nothing to export');
  const made =
    set.epoch === undefined ? {} : { 'org.opencontainers.image.created': set.epoch.text };
  const on = set.index ? 'index-descriptor' : 'manifest-descriptor';
  const platform = set.index ? undefined : first.platform;
  const form: ImageForm = {
    compression: spec.compression,
    level: spec.compressionLevel,
    force: spec.forceCompression,
    docker: spec.ociMediaTypes === false,
    descriptorAnnotations: { ...made, ...annotationsOf(set.annotations, on, platform) },
  };
  if (set.index) return indexLayout(set, form, scope);
  const image = { ...first, references: set.references };
  return ociLayout([image], { ...first.context, form }, scope);
}

function dockerFile(set: Exportable, scope: Scope): Bytes {
  const [first, ...more] = set.images;
  if (first === undefined || more.length > 0 || set.index) {
    throw new BuildError('unsupported', "docker's archive holds no images of several platforms", {
      hint: 'use -o type=oci,dest=FILE, or build one platform',
    });
  }
  return tarOf(dockerArchive([{ ...first, references: set.references }], first.context, scope));
}

/** One tree at the top, or a directory a platform: `linux_arm_v7`. */
function treesOf(spec: OutputSpec, set: Exportable): SplitTree[] {
  const split = spec.platformSplit ?? set.index;
  if (!split && set.images.length > 1) {
    throw new BuildError('usage', 'platform-split=false with several platforms', {
      hint: 'their files would overwrite each other: leave it out, or build one platform',
    });
  }
  return set.images.map(({ snapshot, platform, context }) => ({
    snapshot,
    snapshots: context.store.snapshots,
    prefix: split ? formatPlatform(platform).replaceAll('/', '_') : '',
  }));
}
