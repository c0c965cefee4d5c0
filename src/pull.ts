import { fetchBlob, resolveRemote } from './remote-image.js';
import { shortId } from './model/digest.js';
import type { Platform } from './model/oci.js';
import { canonicalName, parseReference } from './model/reference.js';
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

/** Downloads an image whole; gives the canonical name. */
export async function pullImage(
  name: string,
  { workshop, platform = workshop.platform, signal, say }: PullOptions,
): Promise<string> {
  const reference = parseReference(name);
  const scope: Scope = { signal, emit: () => undefined };
  const { images, blobs } = workshop.store;
  const before = images.resolve(reference)?.digest;
  say(`${reference.tag ?? reference.digest ?? 'latest'}: Pulling from ${reference.path}`);
  const { image, root } = await resolveRemote(reference, { workshop, platform, tag: true }, scope);
  const waiting = [...image.layers];
  const work = async (): Promise<void> => {
    for (let layer = waiting.shift(); layer !== undefined; layer = waiting.shift()) {
      if (blobs.claim(layer.digest)) {
        say(`${shortId(layer.digest)}: Already exists`);
        continue;
      }
      say(`${shortId(layer.digest)}: Pulling fs layer`);
      await fetchBlob(reference, layer, workshop, scope);
      say(`${shortId(layer.digest)}: Pull complete`);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  say(`Digest: ${root.digest}`);
  const canonical = canonicalName(reference);
  say(
    before === root.digest
      ? `Status: Image is up to date for ${name}`
      : `Status: Downloaded newer image for ${name}`,
  );
  return canonical;
}
