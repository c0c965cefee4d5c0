import { fetchBlob, resolveRemote } from './remote-image.js';
import { openImage } from './image-source.js';
import { BuildError } from './model/error.js';
import type { ResolvedImage } from './model/graph.js';
import { shortId } from './model/digest.js';
import type { Platform } from './model/oci.js';
import {
  canonicalName,
  familiarName,
  familiarRepository,
  parseReference,
  type Reference,
} from './model/reference.js';
import type { Scope } from './model/scope.js';
import { openRepository } from './registry/registry.js';
import { registrySettings } from './registry-settings.js';
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

/** Every tag of a repository; gives its canonical name. */
export async function pullAllTags(name: string, options: PullOptions): Promise<string> {
  const { workshop, signal, say } = options;
  const reference = parseReference(name);
  if (reference.digest !== undefined || name.lastIndexOf(':') > name.lastIndexOf('/'))
    throw new BuildError('usage', "tag can't be used with --all-tags/-a", {
      hint: 'leave out the tag, or -a',
    });
  const repository = familiarRepository(reference);
  const scope: Scope = { signal, emit: () => undefined };
  const tags = await openRepository(reference, registrySettings(workshop)).tags(scope);
  if (tags === undefined || tags.length === 0)
    throw new BuildError('registry', `repository ${repository} not found`, {
      hint: `is the name right? stave login ${reference.domain} where it wants credentials`,
    });
  let newer = false;
  for (const tag of tags) {
    const each = await pullTag({ ...reference, tag }, options);
    newer ||= each.newer;
  }
  say(`Status: ${newer ? NEWER : CURRENT} for ${repository}`);
  return `${reference.domain}/${reference.path}`;
}

/** Downloads an image whole and unpacks it, so that its size is known and it runs at once; gives the canonical name. */
export async function pullImage(
  name: string,
  { workshop, platform = workshop.platform, signal, say }: PullOptions,
): Promise<string> {
  const reference = parseReference(name);
  const { newer } = await pullTag(reference, { workshop, platform, signal, say });
  say(`Status: ${newer ? NEWER : CURRENT} for ${familiarName(reference)}`);
  return canonicalName(reference);
}

const NEWER = 'Downloaded newer image';
const CURRENT = 'Image is up to date';

async function pullTag(
  reference: Reference,
  { workshop, platform = workshop.platform, signal, say }: PullOptions,
): Promise<{ readonly newer: boolean }> {
  const scope: Scope = { signal, emit: () => undefined };
  const { images } = workshop.store;
  const known = new Set(images.list().map(({ id }) => id));
  const before = images.resolve(reference)?.digest;
  say(`${shownTag(reference)}: Pulling from ${reference.path}`);
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
  return { newer: before !== root.digest };
}

/** By digest docker names it whole. */
function shownTag(reference: Reference): string {
  const { tag, digest } = reference;
  return digest === undefined ? (tag ?? 'latest') : familiarName(reference);
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
