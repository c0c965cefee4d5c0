import { setTimeout as delay } from 'node:timers/promises';
import { type Digest, isDigest } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import type { Descriptor } from '../model/oci.js';
import { canonicalName, type Reference } from '../model/reference.js';
import type { Scope } from '../model/scope.js';
import type { Bytes } from '../model/stores.js';
import { type Endpoint, endpointsOf, MAX_ERROR, refused, type RegistryDeps } from './endpoint.js';
import { follow } from './follow.js';
import type { HttpResponse } from './http.js';

/** A repository that is written to: never a mirror, always the registry itself (distribution-spec, "Push"). */
export interface UploadRepository {
  readonly has: (digest: Digest, scope: Scope) => Promise<boolean>;
  /** What a name means now. */
  readonly manifestDigest: (name: string, scope: Scope) => Promise<Digest | undefined>;
  /** Sends a blob; `bytes` is called again when a try fails. */
  readonly putBlob: (blob: Descriptor, bytes: () => Bytes, scope: Scope) => Promise<void>;
  /** Takes a blob over from another repository of the registry; false when it will not. */
  readonly mount: (digest: Digest, from: string, scope: Scope) => Promise<boolean>;
  readonly putManifest: (
    name: string,
    manifest: { readonly mediaType: string; readonly bytes: Uint8Array },
    scope: Scope,
  ) => Promise<void>;
}

const TRIES = 4;
const RETRIED = new Set([408, 429, 500, 502, 503, 504]);

export function openUpload(reference: Reference, deps: RegistryDeps): UploadRepository {
  const endpoint = endpointsOf(reference, deps).at(-1);
  if (endpoint === undefined) throw new Error('a registry without an endpoint');
  const to: Destination = { endpoint, reference };
  return {
    has: async (digest, scope) => (await head(to, `blobs/${digest}`, scope)) !== undefined,
    manifestDigest: async (name, scope) => {
      const digest = await head(to, `manifests/${name}`, scope);
      return digest !== undefined && isDigest(digest) ? digest : undefined;
    },
    putBlob: (blob, bytes, scope) => putBlob(to, blob, bytes, scope),
    mount: (digest, from, scope) => mount(to, { digest, from }, scope),
    putManifest: async (name, { mediaType, bytes }, scope) => {
      const headers = { 'content-type': mediaType };
      const url = new URL(`${endpoint.base}/manifests/${name}`);
      const body = Buffer.from(bytes);
      const http = await endpoint.http();
      const response = await http({ method: 'PUT', url, headers, body, signal: scope.signal });
      await accepted(to, response);
    },
  };
}

interface Destination {
  readonly endpoint: Endpoint;
  readonly reference: Reference;
}

const ANY_MANIFEST = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** Its digest, or '' when the registry does not tell; undefined when it is not there. */
async function head(to: Destination, path: string, scope: Scope): Promise<string | undefined> {
  const http = await to.endpoint.http();
  const url = new URL(`${to.endpoint.base}/${path}`);
  const headers: Record<string, string> = path.startsWith('manifests/')
    ? { accept: ANY_MANIFEST }
    : {};
  const request = { method: 'HEAD', url, headers, signal: scope.signal } as const;
  const response = await follow(http, request, to.reference.domain);
  await response.discard();
  if (response.status === 404) return undefined;
  if (response.status !== 200) throw refused(to.reference, response.status, '');
  const digest = response.headers['docker-content-digest'];
  return typeof digest === 'string' ? digest : '';
}

async function mount(
  to: Destination,
  { digest, from }: { readonly digest: Digest; readonly from: string },
  scope: Scope,
): Promise<boolean> {
  const response = await begin(to, `?mount=${digest}&from=${encodeURIComponent(from)}`, scope);
  await response.discard();
  return response.status === 201;
}

async function begin(to: Destination, query: string, scope: Scope): Promise<HttpResponse> {
  const http = await to.endpoint.http();
  const url = new URL(`${to.endpoint.base}/blobs/uploads/${query}`);
  return http({ method: 'POST', url, headers: {}, signal: scope.signal });
}

/** A body that is a stream is sent once: what failed begins anew, with a new upload. */
async function putBlob(
  to: Destination,
  blob: Descriptor,
  bytes: () => Bytes,
  scope: Scope,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await send(to, blob, bytes, scope);
      if (response.status < 300) {
        await response.discard();
        return;
      }
      const last = attempt === TRIES || !RETRIED.has(response.status);
      if (last) await accepted(to, response);
      else await response.discard();
    } catch (error) {
      scope.signal.throwIfAborted();
      if (attempt === TRIES || isFinal(error)) throw error;
    }
    await delay(200 * 2 ** attempt, undefined, { signal: scope.signal }).catch(() => {
      scope.signal.throwIfAborted();
    });
  }
}

/** Damage of our own bytes, or a refusal: another try gives the same. */
function isFinal(error: unknown): boolean {
  return error instanceof BuildError && !error.message.includes('cannot be reached');
}

async function send(
  to: Destination,
  blob: Descriptor,
  bytes: () => Bytes,
  { signal, emit }: Scope,
): Promise<HttpResponse> {
  const begun = await begin(to, '', { signal, emit });
  const { location } = begun.headers;
  if (begun.status !== 202) return begun;
  await begun.discard();
  const base = new URL(`${to.endpoint.base}/blobs/uploads/`);
  if (typeof location !== 'string' || !URL.canParse(location, base.href)) {
    const name = canonicalName(to.reference);
    throw new BuildError('registry', `${name}: the registry gives no place to upload to`);
  }
  const url = new URL(location, base);
  url.searchParams.set('digest', blob.digest);
  const headers = {
    'content-type': 'application/octet-stream',
    'content-length': String(blob.size),
  };
  const http = await to.endpoint.http();
  return http({ method: 'PUT', url, headers, body: bytes(), signal });
}

async function accepted({ reference }: Destination, response: HttpResponse): Promise<void> {
  if (response.status >= 200 && response.status < 300) return response.discard();
  throw refused(reference, response.status, (await response.bytes(MAX_ERROR)).toString());
}
