import type { StoredImage } from './model/stored-image.js';
import type { Digest } from './model/digest.js';
import { imageHappening } from './model/engine-event.js';
import type { HistoryEntry } from './model/oci.js';
import {
  familiarName,
  familiarRepository,
  parseReference,
  pulledDigest,
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

export function imageHistory(image: StoredImage, workshop: Workshop): HistoryRow[] {
  const sizes = layerSizes(image, workshop);
  let layer = 0;
  const rows = (image.config.history ?? []).map((entry) => ({
    ...entry,
    sizeBytes: entry.empty_layer === true ? 0 : (sizes[layer++] ?? 0),
  }));
  return rows.reverse().map((row, i) => (i === 0 ? { ...row, id: image.id } : row));
}

/** docker's inspect document of an image (Engine API, ImageInspect). */
export function inspectImage(image: StoredImage, workshop: Workshop): Record<string, unknown> {
  const { config } = image;
  const size = imageSize(image, workshop);
  return {
    Id: image.id,
    RepoTags: image.references.map(familiarName),
    RepoDigests: [...new Set(image.pulled.map(pulledDigest))],
    Parent: '',
    Comment: config.history?.at(-1)?.comment ?? '',
    Created: config.created ?? '',
    Author: config.author ?? '',
    Config: withAbsentFields(config.config ?? {}),
    Architecture: config.architecture,
    ...(config.variant === undefined ? {} : { Variant: config.variant }),
    Os: config.os,
    Size: size,
    GraphDriver: { Name: 'stave', Data: null },
    RootFS: { Type: 'layers', Layers: config.rootfs.diff_ids },
    Descriptor: image.root,
  };
}

const LISTS = ['Env', 'Entrypoint', 'Cmd', 'OnBuild', 'Shell'];
const MAPS = ['ExposedPorts', 'Volumes', 'Labels'];
const TEXTS = ['User', 'WorkingDir', 'StopSignal'];

/** What an image does not set is not printed, but templates may ask for it: `[]`, `map[]`, and null as JSON. */
function withAbsentFields(config: object): Record<string, unknown> {
  const shown: Record<string, unknown> = { ...config };
  const absent = (names: readonly string[], value: unknown): void => {
    for (const name of names)
      if (!Object.hasOwn(shown, name)) Object.defineProperty(shown, name, { value });
  };
  const asNull = { value: () => null };
  absent(LISTS, Object.defineProperty([], 'toJSON', asNull));
  absent(MAPS, Object.defineProperty({}, 'toJSON', asNull));
  absent(TEXTS, '');
  absent(['Healthcheck'], null);
  return shown;
}

export function tagImage(source: string, target: string, { store, tell }: Workshop): void {
  const image = store.images.find(source);
  const name = parseReference(target);
  const inRepository = image.pulled.some(
    (each) => familiarRepository(each) === familiarRepository(name),
  );
  store.images.tag(name, image.root, inRepository ? 'registry' : undefined);
  tell(imageHappening('tag', image, familiarName(name)));
}
