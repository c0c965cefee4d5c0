import { closeSync, openSync } from 'node:fs';
import type { DiskBlobStore } from '../cache/blob-store.js';
import { BuildError } from '../model/error.js';
import { type Descriptor, type Manifest, MediaType } from '../model/oci.js';
import type { Scope } from '../model/scope.js';
import { readAtLeast } from '../sys/read-at-least.js';
import { bad, list, readConfig, record } from './image-document.js';
import type { FoundImage, LoadContext } from './load-context.js';
import { tagsOf } from './load-oci.js';
import type { ArchiveContents } from './read-archive.js';

/**
 * Images of docker's own format (`docker save` before 25, podman, skopeo): manifest.json names a config and layer tars.
 * They get a manifest of ours; the config, and with it the image id, stays as it is.
 */
export async function dockerImages(
  contents: ArchiveContents,
  { store }: LoadContext,
  scope: Scope,
): Promise<readonly FoundImage[]> {
  const manifest = contents.document('manifest.json');
  if (manifest === undefined) throw notAnArchive(contents);
  const images: FoundImage[] = [];
  for (const entry of list(manifest, 'manifest.json', 1000)) {
    images.push(await readImage(entry, contents, { blobs: store.blobs, scope }));
  }
  return images;
}

async function readImage(
  entry: unknown,
  contents: ArchiveContents,
  { blobs, scope }: { blobs: DiskBlobStore; scope: Scope },
): Promise<FoundImage> {
  const { Config: name, Layers: names, RepoTags: tags } = record(entry, 'manifest.json');
  const configFile = fileOf(name, contents);
  const layers = list(names ?? [], 'Layers of manifest.json', 500).map((layer) =>
    layerOf(fileOf(layer, contents), blobs),
  );
  const config = readConfig(blobs.readJson(configFile.digest), layers.length, String(name));
  const document: Manifest = {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: { ...configFile, mediaType: MediaType.ociConfig },
    layers,
  };
  const manifest = await blobs.putJson(document, MediaType.ociManifest, scope);
  return { manifest, document, config, references: tagsOf(tags) };
}

function fileOf(name: unknown, contents: ArchiveContents): Descriptor {
  if (typeof name !== 'string') throw bad('manifest.json', 'names a file that is not text');
  const file = contents.file(Buffer.from(name).toString('latin1'));
  if (file === undefined) throw bad('the archive', `lacks ${JSON.stringify(name)}`);
  return file;
}

/** The format does not say whether a layer is compressed; its first bytes do. */
function layerOf(file: Descriptor, blobs: DiskBlobStore): Descriptor {
  const head = Buffer.alloc(2);
  const fd = openSync(blobs.path(file.digest), 'r');
  try {
    readAtLeast(fd, head, head.length);
  } finally {
    closeSync(fd);
  }
  const gzip = head[0] === 0x1f && head[1] === 0x8b;
  return { ...file, mediaType: gzip ? MediaType.ociLayerGzip : MediaType.ociLayer };
}

function notAnArchive(contents: ArchiveContents): BuildError {
  if (contents.document('repositories') !== undefined) {
    return new BuildError('unsupported', 'the archive was saved by a docker older than 1.10', {
      hint: 'load it with docker and save it again',
    });
  }
  return new BuildError(
    'archive',
    'the archive holds no images: it has neither index.json nor manifest.json',
    {
      hint: 'a root filesystem is used with FROM scratch and ADD',
    },
  );
}
