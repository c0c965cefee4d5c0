import type { StoredImage } from './model/stored-image.js';
import { type Digest, shortId } from './model/digest.js';
import { BuildError } from './model/error.js';
import type { HistoryEntry } from './model/oci.js';
import {
  canonicalName,
  familiarName,
  familiarRepository,
  parseReference,
} from './model/reference.js';
import type { Workshop } from './workshop.js';

/** One line of an image's history, newest first. */
export interface HistoryRow extends HistoryEntry {
  /** The image's id on the first line, absent below. */
  readonly id?: Digest;
  readonly sizeBytes: number;
}

/** Sum of the layers' sizes: of files where a layer is unpacked or was built, else of its blob. */
export function imageSize(image: StoredImage, workshop: Workshop): number {
  return layerSizes(image, workshop).reduce((sum, size) => sum + size, 0);
}

/** Bytes of each layer, bottom first. */
export function layerSizes(image: StoredImage, { store }: Workshop): number[] {
  return image.config.rootfs.diff_ids.map(
    (diffID, i) => store.layerFacts(diffID)?.fileBytes ?? image.document.layers[i]?.size ?? 0,
  );
}

export function imageHistory(name: string, workshop: Workshop): HistoryRow[] {
  const image = workshop.store.images.find(name);
  const sizes = layerSizes(image, workshop);
  let layer = 0;
  const rows = (image.config.history ?? []).map((entry) => ({
    ...entry,
    sizeBytes: entry.empty_layer === true ? 0 : (sizes[layer++] ?? 0),
  }));
  return rows.reverse().map((row, i) => (i === 0 ? { ...row, id: image.id } : row));
}

/** docker's inspect document of an image (Engine API, ImageInspect). */
export function inspectImage(name: string, workshop: Workshop): Record<string, unknown> {
  const image = workshop.store.images.find(name);
  const { config } = image;
  const size = imageSize(image, workshop);
  return {
    Id: image.id,
    RepoTags: image.references.map(familiarName),
    RepoDigests: image.references.map(
      (reference) => `${familiarRepository(reference)}@${image.root.digest}`,
    ),
    Parent: '',
    Comment: config.history?.at(-1)?.comment ?? '',
    Created: config.created ?? '',
    Author: config.author ?? '',
    Config: config.config ?? {},
    Architecture: config.architecture,
    ...(config.variant === undefined ? {} : { Variant: config.variant }),
    Os: config.os,
    Size: size,
    GraphDriver: { Name: 'stave', Data: null },
    RootFS: { Type: 'layers', Layers: config.rootfs.diff_ids },
    Descriptor: image.root,
  };
}

export function tagImage(source: string, target: string, { store }: Workshop): void {
  const image = store.images.find(source);
  store.images.tag(parseReference(target), image.root);
}

/** What removing did, a line each, in docker's words. */
export function removeImage(text: string, force: boolean, workshop: Workshop): string[] {
  const { images } = workshop.store;
  const image = images.find(text);
  const byId = image.id.startsWith(text) || image.id.slice('sha256:'.length).startsWith(text);
  const named = byId ? undefined : canonicalName(parseReference(text));
  const going = image.references.filter(
    (reference) => named === undefined || canonicalName(reference) === named,
  );
  if (named === undefined && going.length > 1 && !force) {
    throw new BuildError(
      'conflict',
      `conflict: unable to delete ${shortId(image.id)} (must be forced) - image is referenced in multiple repositories`,
      {
        hint: `stave rmi --force ${text}, or remove its names one by one`,
      },
    );
  }
  const last = going.length === image.references.length;
  if (last) refuseInUse(image.id, force, workshop);
  for (const reference of going) images.untag(reference);
  const lines = going.map((reference) => `Untagged: ${familiarName(reference)}`);
  if (!last) return lines;
  images.forget(image.root.digest);
  return [...lines, `Deleted: ${image.id}`];
}

function refuseInUse(id: Digest, force: boolean, { containers }: Workshop): void {
  const users = containers.list().filter(({ imageId }) => imageId === id);
  const user = users.find(({ status }) => status === 'running') ?? users[0];
  if (user === undefined) return;
  if (user.status === 'running') {
    throw new BuildError(
      'conflict',
      `conflict: unable to delete ${shortId(id)} (cannot be forced) - image is being used by running container ${user.id.slice(0, 12)}`,
    );
  }
  if (force) return;
  throw new BuildError(
    'conflict',
    `conflict: unable to delete ${shortId(id)} (must be forced) - image is being used by stopped container ${user.id.slice(0, 12)}`,
    {
      hint: `remove the container first: stave rm ${user.id.slice(0, 12)}, or use --force`,
    },
  );
}
