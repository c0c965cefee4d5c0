import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}
interface Document {
  /** Of an index. */
  readonly manifests?: readonly Blob[];
  readonly config: Blob;
  readonly layers: readonly Blob[];
}
interface Config {
  readonly rootfs: { readonly diff_ids: readonly string[] };
  readonly history?: readonly { readonly empty_layer?: boolean }[];
}

/** Everything that is wrong with an OCI layout: each digest, size and diffID is computed again. */
export function validateLayout(directory: string): string[] {
  const wrong: string[] = [];
  const read = ({ digest, size }: Blob): Buffer => {
    const path = join(directory, 'blobs', digest.replace(':', '/'));
    if (!existsSync(path)) {
      wrong.push(`${digest} is missing`);
      return Buffer.from('{}');
    }
    const bytes = readFileSync(path);
    if (bytes.length !== size) wrong.push(`${digest} has ${String(bytes.length)} bytes`);
    if (sha256(bytes) !== digest) wrong.push(`${digest} is damaged`);
    return bytes;
  };
  const layout = json(join(directory, 'oci-layout')) as { imageLayoutVersion: string };
  if (layout.imageLayoutVersion !== '1.0.0') wrong.push('oci-layout');
  const index = json(join(directory, 'index.json')) as { manifests: Blob[] };
  const entries = [...index.manifests];
  for (let entry = entries.shift(); entry !== undefined; entry = entries.shift()) {
    const document = JSON.parse(read(entry).toString()) as Document & { mediaType?: string };
    if (document.mediaType !== undefined && document.mediaType !== entry.mediaType) {
      wrong.push(`${entry.digest} is ${document.mediaType}, the index says ${entry.mediaType}`);
    }
    if (document.manifests !== undefined) {
      entries.push(...document.manifests);
      continue;
    }
    const config = JSON.parse(read(document.config).toString()) as Config;
    const diffIDs = document.layers.map((layer) => sha256(plain(read(layer))));
    if (JSON.stringify(diffIDs) !== JSON.stringify(config.rootfs.diff_ids)) {
      wrong.push(`diffIDs of ${entry.digest}: ${diffIDs.join(' ')}`);
    }
    const described = (config.history ?? []).filter((line) => line.empty_layer !== true).length;
    if (described !== diffIDs.length) wrong.push(`history of ${entry.digest}`);
  }
  return wrong;
}

function plain(bytes: Buffer): Buffer {
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function json(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}
