import { createHash } from 'node:crypto';
import { BuildError } from '../model/error.js';
import type { S3Cache } from '../model/cache-options.js';
import { hexOf } from '../model/digest.js';
import type { Descriptor } from '../model/oci.js';
import type { Scope } from '../model/scope.js';
import type { Bytes } from '../model/stores.js';
import { MAX_CONFIG, type WritableCacheBackend } from './backend.js';
import { flatDocument, readFlatDocument } from './flat-document.js';
import { resumed } from './resumed.js';
import { NO_BUCKET, type S3Client, s3Client, s3Code, type S3Environment } from './s3-client.js';
import { touch, upload } from './s3-upload.js';
import { createTurns } from './turns.js';

const DAY_MS = 24 * 3_600_000;
const PARALLEL = 4;

/** A cache in a bucket, as BuildKit lays it out: `PREFIXmanifests/NAME`, `PREFIXblobs/sha256:HEX`. */
export function s3Backend(options: S3Cache, environment: S3Environment): WritableCacheBackend {
  const { prefix = '', manifestsPrefix = 'manifests/', blobsPrefix = 'blobs/' } = options;
  const { names = ['buildkit'], touchRefreshMs = DAY_MS } = options;
  const [first = 'buildkit'] = names;
  const client = s3Client(options, environment);
  const turns = createTurns(options.uploadParallelism ?? PARALLEL);
  const manifestKey = (name: string): string => `${prefix}${manifestsPrefix}${name}`;
  const blobKey = ({ digest }: Descriptor): string => `${prefix}${blobsPrefix}${digest}`;
  const name = `s3 ${options.bucket ?? environment.env['AWS_BUCKET'] ?? ''}/${manifestKey(first)}`;
  return {
    name,
    read: async (scope) => {
      const response = await client.send({ method: 'GET', key: manifestKey(first) }, scope);
      const bytes = await response.bytes(MAX_CONFIG);
      if (response.status !== 404) return readFlatDocument(bytes, `the cache ${name}`);
      if (s3Code(bytes.toString()) === NO_BUCKET)
        throw new BuildError('not-found', `${name}: there is no such bucket`);
      return undefined;
    },
    blob: (blob, scope) => download(client, blobKey(blob), blob, scope),
    has: async (blob, scope) => {
      const key = blobKey(blob);
      const { status, headers, discard } = await client.send({ method: 'HEAD', key }, scope);
      await discard();
      if (status === 404 || Number(headers['content-length']) !== blob.size) return false;
      const age = Date.now() - Date.parse(String(headers['last-modified']));
      if (age > touchRefreshMs) await touch(client, { key, size: blob.size }, scope);
      return true;
    },
    put: (blob, bytes, scope) => {
      const { size, digest } = blob;
      return upload(client, { key: blobKey(blob), size, bytes, hash: hexOf(digest) }, turns, scope);
    },
    write: async (document, scope) => {
      const bytes = flatDocument(document);
      const hash = createHash('sha256').update(bytes).digest('hex');
      for (const each of names) {
        const [key, size] = [manifestKey(each), bytes.length];
        await upload(client, { key, size, bytes: () => once(bytes), hash }, turns, scope);
      }
    },
  };
}

// eslint-disable-next-line @typescript-eslint/require-await -- pulled like every other source of bytes
async function* once(bytes: Uint8Array): Bytes {
  yield bytes;
}

function download(client: S3Client, key: string, blob: Descriptor, scope: Scope): Bytes {
  const broken = `the s3 cache broke off blob ${blob.digest}`;
  const open = async (headers: Readonly<Record<string, string>>): Promise<Bytes> => {
    const response = await client.send({ method: 'GET', key, headers }, scope);
    if (response.status === 404)
      throw new BuildError('not-found', `the s3 cache lacks blob ${blob.digest}`);
    if (headers['range'] !== undefined && response.status !== 206)
      throw new BuildError('registry', broken);
    return response.body;
  };
  return resumed(blob, { open, broken: () => broken }, scope);
}
