import { fetchBlob, resolveRemote } from './remote-image.js';
import { openImage } from './image-source.js';
import type { ResolvedImage } from './model/graph.js';
import { shortId } from './model/digest.js';
import type { Platform } from './model/oci.js';
import {
  canonicalName,
  familiarName,
  familiarRepository,
  parseReference,
} from './model/reference.js';
import type { Scope } from './model/scope.js';
import type { Workshop } from './workshop.js';

const PARALLEL = 3;

export interface PullOptions {
  readonly workshop: Workshop;
  /** Default: this machine's. */
  readonly platform?: Platform;
  readonly signal: AbortSignal;
  /** Gets docker's lines. */
  readonly say: (line: string) => void;
}

/** Downloads an image whole and unpacks it, so that its size is known and it runs at once; gives the canonical name. */
export async function pullImage(
  name: string,
  { workshop, platform = workshop.platform, signal, say }: PullOptions,
): Promise<string> {
  const reference = parseReference(name);
  const scope: Scope = { signal, emit: () => undefined };
  const { images } = workshop.store;
  const known = new Set(images.list().map(({ id }) => id));
  const before = images.resolve(reference)?.digest;
  say(`${reference.tag ?? reference.digest ?? 'latest'}: Pulling from ${reference.path}`);
  const { image, id, root } = await resolveRemote(
    reference,
    { workshop, platform, tag: false },
    scope,
  );
  // Docker has nothing to tell of the layers of an image that it has under any name.
  const tell = known.has(id) ? () => undefined : say;
  await pullLayers(image, { workshop, signal, say: tell });
  images.tag(reference, root, 'registry'); // Last: a name never means something that is not whole.
  const attributes = { ...image.config.config?.Labels, name: familiarRepository(reference) };
  workshop.tell({ type: 'image', action: 'pull', id: familiarName(reference), attributes });
  say(`Digest: ${root.digest}`);
  const status = before === root.digest ? 'Image is up to date' : 'Downloaded newer image';
  say(`Status: ${status} for ${familiarName(reference)}`);
  return canonicalName(reference);
}

async function pullLayers(
  image: ResolvedImage,
  { workshop, signal, say }: PullOptions,
): Promise<void> {
  const scope: Scope = { signal, emit: () => undefined };
  const { blobs } = workshop.store;
  const reference = parseReference(image.reference);
  const diffIDs = image.config.rootfs.diff_ids;
  const { layers } = await openImage({ ...image, diffIDs }, workshop);
  const waiting = image.layers.map((blob, i) => ({ blob, layer: layers[i] }));
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { digest } = next.blob;
      const isHere = blobs.claim(digest);
      say(`${shortId(digest)}: ${isHere ? 'Already exists' : 'Pulling fs layer'}`);
      if (!isHere) {
        await fetchBlob(reference, next.blob, workshop, scope);
        say(`${shortId(digest)}: Download complete`);
      }
      await next.layer?.ensure(scope);
      if (!isHere) say(`${shortId(digest)}: Pull complete`);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
}
