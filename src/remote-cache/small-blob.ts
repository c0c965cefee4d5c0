import { verified } from '../cache/receive.js';
import { BuildError } from '../model/error.js';
import type { Descriptor } from '../model/oci.js';
import type { Scope } from '../model/scope.js';
import type { Bytes } from '../model/stores.js';

/** A document's bytes, size and digest checked. Throws BuildError `integrity`. */
export async function smallBlob(
  bytes: Bytes,
  blob: Descriptor,
  { what, most }: { readonly what: string; readonly most: number },
  scope: Scope,
): Promise<Buffer> {
  if (blob.size > most)
    throw new BuildError('integrity', `${what} is larger than ${String(most >> 20)} MiB`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of verified(bytes, blob, scope)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
