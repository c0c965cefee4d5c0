import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore, type Store } from '../../src/cache/store.js';
import { assembleImage } from '../../src/exporter/assemble.js';
import type { Exportable } from '../../src/exporter/export-image.js';
import type { NamedImage } from '../../src/exporter/image-archive.js';
import type { BuildPlan, HistoryStep } from '../../src/model/graph.js';
import type { Descriptor, ImageConfig } from '../../src/model/oci.js';
import { parseReference } from '../../src/model/reference.js';
import type { Scope } from '../../src/model/scope.js';
import type { BlobSource, Bytes, Layer, Snapshot } from '../../src/model/stores.js';

export const NOW = '2026-01-02T03:04:05.000Z';
export const quiet: Scope = { signal: new AbortController().signal, emit: () => undefined };

/** A store of its own in a temporary directory; both go at the end. */
export interface TestStore extends AsyncDisposable {
  readonly dir: string;
  readonly store: Store;
}

export function testStore(): TestStore {
  const dir = mkdtempSync(join(process.env['STAVE_TEST_DIR'] ?? tmpdir(), 'stave-store-'));
  const store = openStore({ root: join(dir, 'store'), now: () => new Date(NOW) });
  return {
    dir,
    store,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** One layer on top of others, made by writing into its upper directory. */
export async function addLayer(
  store: Store,
  below: readonly Layer[],
  fill: (upper: string) => void,
): Promise<Layer> {
  await using active = await store.snapshots.prepare(store.snapshots.snapshot(below), quiet);
  fill(active.upper);
  const layer = await active.commit(quiet);
  await layer.meta(quiet);
  return layer;
}

export interface ImageParts {
  readonly layers: readonly Layer[];
  readonly tags?: readonly string[];
  readonly base?: ImageConfig;
  readonly baseLayers?: readonly Descriptor[];
}

/** An image as a build makes it: a line of metadata first, then one step a layer. */
export async function makeImage(
  store: Store,
  { layers, tags = [], base, baseLayers = [] }: ImageParts,
): Promise<NamedImage & { readonly snapshot: Snapshot; readonly imageId: string }> {
  const steps = layers.slice(baseLayers.length).map((_, i): HistoryStep => {
    const vertex = { name: `step ${String(i)}` } as unknown as NonNullable<HistoryStep['vertex']>;
    return { createdBy: `RUN step ${String(i)}`, vertex };
  });
  const plan = {
    config: { architecture: 'amd64', os: 'linux', config: { Env: ['A=1'], Cmd: ['/hello'] } },
    history: [{ createdBy: 'ENV A=1' }, ...steps],
    ...(base === undefined ? {} : { base }),
  } as unknown as BuildPlan; // assembleImage reads nothing else of it.
  const snapshot = store.snapshots.snapshot(layers);
  const image = await assembleImage({ plan, snapshot, baseLayers, store }, quiet);
  const references = tags.map(parseReference);
  for (const reference of references) store.images.tag(reference, image.manifest);
  return { ...image, references, snapshot };
}

/** An image of one platform, ready for `exportImage`; nothing may be fetched. */
export function exportable(
  image: NamedImage & { readonly snapshot: Snapshot },
  store: Store,
): Exportable {
  const context = { store, fetch: noFetch };
  const platform = { os: 'linux', architecture: 'amd64' };
  const { references } = image;
  const images = [{ ...image, platform, context }];
  return { images, references, annotations: [], index: false, epoch: undefined };
}

/** Bytes in pieces, as a slow source gives them. */
// eslint-disable-next-line @typescript-eslint/require-await -- pulled like every other source of bytes
export async function* pieces(bytes: Uint8Array, size = 1000): Bytes {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export async function collect(bytes: Bytes): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export const noFetch: BlobSource = (blob) => {
  throw new Error(`nothing may be fetched: ${blob.digest}`);
};
