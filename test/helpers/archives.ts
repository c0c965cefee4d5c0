import { createHash } from 'node:crypto';
import { encodeHeader, padding, tarEnd, type TarType } from '../../src/cache/tar.js';

/** A file of an archive made in place. */
export interface File {
  readonly name: string;
  readonly body?: string | Uint8Array;
  readonly type?: TarType;
  readonly link?: string;
}

export function tarOf(...files: File[]): Buffer {
  const parts = files.flatMap(({ name, body = '', type = 'file', link }) => {
    const bytes = Buffer.from(body);
    const linkname = link === undefined ? {} : { linkname: link };
    const rest = { mode: 0o644, uid: 0, gid: 0, mtimeNs: 0n, size: bytes.length, ...linkname };
    return [encodeHeader({ name, type, ...rest }), bytes, padding(bytes.length)];
  });
  return Buffer.concat([...parts, tarEnd()]);
}

export function sha(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export const LAYER = tarOf({ name: 'file', body: 'content' });
export const config = (...layers: Uint8Array[]): string =>
  JSON.stringify({
    os: 'linux',
    architecture: 'amd64',
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${sha(layer)}`) },
  });
const dockerList = (entry: object): File => ({
  name: 'manifest.json',
  body: JSON.stringify([entry]),
});

/** An archive as docker before 25 saved it, with what a test changes. */
export function dockerTar(
  change: { config?: string; tags?: unknown; layers?: unknown; files?: File[] } = {},
) {
  const { tags = ['demo:1'], layers = ['a/layer.tar'] } = change;
  return tarOf(
    { name: 'a', type: 'directory' },
    { name: 'a/VERSION', body: '1.0' },
    { name: 'a/json', body: '{}' },
    ...(change.files ?? [{ name: 'a/layer.tar', body: LAYER }]),
    { name: 'c.json', body: change.config ?? config(LAYER) },
    dockerList({ Config: 'c.json', RepoTags: tags, Layers: layers }),
  );
}

/** An OCI layout without names, with what a test changes. */
export function ociTar(
  change: { manifest?: object; blobs?: readonly (string | Uint8Array)[] } = {},
) {
  const text = config(LAYER);
  const descriptor = (mediaType: string, bytes: string | Uint8Array): object => ({
    mediaType,
    digest: `sha256:${sha(bytes)}`,
    size: Buffer.byteLength(bytes),
  });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    config: descriptor('application/vnd.oci.image.config.v1+json', text),
    layers: [descriptor('application/vnd.oci.image.layer.v1.tar', LAYER)],
    ...change.manifest,
  });
  const blobs = change.blobs ?? [LAYER, text];
  const index = {
    schemaVersion: 2,
    manifests: [descriptor('application/vnd.oci.image.manifest.v1+json', manifest)],
  };
  return tarOf(
    { name: 'oci-layout', body: '{"imageLayoutVersion":"1.0.0"}' },
    { name: 'index.json', body: JSON.stringify(index) },
    ...[...blobs, manifest].map((body) => ({ name: `blobs/sha256/${sha(body)}`, body })),
  );
}
