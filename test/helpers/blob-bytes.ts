import { digestOf } from '../../src/model/digest.js';
import { type Descriptor, MediaType } from '../../src/model/oci.js';
import type { Bytes } from '../../src/model/stores.js';

// eslint-disable-next-line @typescript-eslint/require-await -- a source of bytes
export async function* once(bytes: Buffer): Bytes {
  yield bytes;
}

export async function all(bytes: Bytes): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of bytes) parts.push(part);
  return Buffer.concat(parts);
}

export function blobOf(bytes: Buffer): Descriptor {
  return { mediaType: MediaType.ociLayerGzip, digest: digestOf(bytes), size: bytes.length };
}
