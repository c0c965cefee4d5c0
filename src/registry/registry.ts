import { type Digest, digestOf, isDigest } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import { type Descriptor, MediaType } from '../model/oci.js';
import { canonicalName, type Reference } from '../model/reference.js';
import type { Scope } from '../model/scope.js';
import type { Bytes } from '../model/stores.js';
import { isLoopback, isPrivateAddress } from './address.js';
import { authenticated } from './auth.js';
import type { RegistryConfig } from './config.js';
import { findCredentials } from './credentials.js';
import { createHttp, type Http, type HttpResponse } from './http.js';

/** A manifest as it was served, its digest proven. */
export interface FetchedManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

/** One repository, asked at its mirrors first, then at the registry itself. */
export interface Repository {
  /** By tag or digest; undefined when nowhere there. */
  readonly manifest: (reference: string, scope: Scope) => Promise<FetchedManifest | undefined>;
  /** Streams a blob; cut connections are taken up again where they broke. Size and digest are the reader's to check. */
  readonly blob: (blob: Descriptor, scope: Scope) => Bytes;
}

export interface RegistryDeps {
  readonly env: NodeJS.ProcessEnv;
  readonly home: string;
  readonly config: RegistryConfig;
}

const MAX_MANIFEST = 4 << 20;
const ACCEPT = [
  MediaType.ociIndex,
  MediaType.ociManifest,
  MediaType.dockerList,
  MediaType.dockerManifest,
].join(', ');

export function openRepository(reference: Reference, deps: RegistryDeps): Repository {
  const endpoints = endpointsOf(reference, deps);
  return {
    manifest: async (name, scope) => {
      const failures: unknown[] = [];
      for (const endpoint of endpoints) {
        try {
          const found = await fetchManifest(endpoint, name, reference, scope);
          if (found !== undefined) return found;
        } catch (error) {
          scope.signal.throwIfAborted();
          failures.push(error);
        }
      }
      // The registry itself was asked last: what it said counts.
      if (failures.length > 0) throw failures.at(-1);
      return undefined;
    },
    blob: (blob, scope) => fetchBlob(endpoints, blob, reference, scope),
  };
}

interface Endpoint {
  /** `https://host/v2/repository`. */
  readonly base: string;
  readonly http: () => Promise<Http>;
}

function endpointsOf({ domain, path }: Reference, deps: RegistryDeps): readonly Endpoint[] {
  const { mirrors, insecure, tokenServers } = deps.config.of(domain);
  const host = domain === 'docker.io' ? 'registry-1.docker.io' : domain;
  const plain = insecure || isLoopback(new URL(`http://${host}`).hostname);
  const origins = [
    ...mirrors.map((mirror) => mirror.replace(/\/+$/, '')),
    `${plain ? 'http' : 'https'}://${host}`,
  ];
  return origins.map((origin) => {
    const asked = new URL(origin).host === host ? domain : new URL(origin).host;
    let http: Promise<Http> | undefined;
    const make = async (): Promise<Http> => {
      const plainHttp = await createHttp({ env: deps.env });
      const realm = { domain: asked, origin: new URL(origin).origin, tokenServers };
      return authenticated(plainHttp, () => findCredentials(asked, deps.env, deps.home), realm);
    };
    return { base: `${origin}/v2/${path}`, http: () => (http ??= make()) };
  });
}

async function fetchManifest(
  endpoint: Endpoint,
  name: string,
  reference: Reference,
  scope: Scope,
): Promise<FetchedManifest | undefined> {
  const http = await endpoint.http();
  const url = new URL(`${endpoint.base}/manifests/${name}`);
  const response = await http({
    method: 'GET',
    url,
    headers: { accept: ACCEPT },
    signal: scope.signal,
  });
  if (response.status === 404) {
    await response.discard();
    return undefined;
  }
  const text = await response.text(MAX_MANIFEST);
  if (response.status !== 200) throw refused(reference, response.status, text);
  const bytes = Buffer.from(text);
  const digest = digestOf(bytes);
  if (isDigest(name) && name !== digest) throw wrongManifest(reference, name, digest);
  const mediaType = mediaTypeOf(response, text);
  return { descriptor: { mediaType, digest, size: bytes.length }, bytes };
}

function mediaTypeOf({ headers }: HttpResponse, text: string): string {
  const header = headers['content-type'];
  const own = /"mediaType"\s*:\s*"([^"]+)"/.exec(text.slice(0, 300))?.[1];
  const given = (Array.isArray(header) ? header[0] : header)?.split(';')[0]?.trim();
  return given?.includes('vnd.') === true ? given : (own ?? MediaType.ociManifest);
}

function refused(reference: Reference, status: number, body: string): BuildError {
  const message = /"message"\s*:\s*"([^"]*)"/.exec(body)?.[1] ?? '';
  if (status === 429) {
    return new BuildError('registry', `${reference.domain} refuses for now: too many requests`, {
      hint: 'wait, log in, or set a mirror in ~/.config/stave/config.json',
    });
  }
  const why = message === '' ? `status ${String(status)}` : message;
  const code = status === 401 || status === 403 ? 'auth' : 'registry';
  return new BuildError(code, `${canonicalName(reference)}: ${why}`);
}

function wrongManifest(reference: Reference, expected: Digest, actual: Digest): BuildError {
  return new BuildError(
    'integrity',
    `${reference.domain} served a manifest with digest ${actual} for ${expected}`,
    {
      hint: 'the registry, or something on the way, is broken or lies',
    },
  );
}

const RESUMES = 4;

async function* fetchBlob(
  endpoints: readonly Endpoint[],
  blob: Descriptor,
  reference: Reference,
  scope: Scope,
): Bytes {
  let received = 0;
  let failure: Error | undefined;
  for (const endpoint of endpoints) {
    for (let attempt = 0; attempt <= RESUMES; attempt++) {
      try {
        const response = await openBlob(endpoint, blob, received, reference, scope);
        if (response === undefined) break;
        for await (const chunk of response.body) {
          received += chunk.length;
          yield chunk;
        }
        if (received >= blob.size) return;
        failure = new BuildError('registry', `${reference.domain} ended blob ${blob.digest} early`);
      } catch (error) {
        scope.signal.throwIfAborted();
        failure = error instanceof Error ? error : new Error(String(error));
        if (error instanceof BuildError) break;
      }
    }
    if (received > 0) break;
  }
  throw (
    failure ??
    new BuildError(
      'registry',
      `${canonicalName(reference)}: blob ${blob.digest} is not in the registry`,
    )
  );
}

/** From byte `offset` on; a server that does not know ranges is read from its start and cut. */
// eslint-disable-next-line max-params -- a blob is named by its place and its digest
async function openBlob(
  endpoint: Endpoint,
  blob: Descriptor,
  offset: number,
  reference: Reference,
  scope: Scope,
): Promise<HttpResponse | undefined> {
  const http = await endpoint.http();
  const headers: Record<string, string> = offset === 0 ? {} : { range: `bytes=${String(offset)}-` };
  let url = new URL(`${endpoint.base}/blobs/${blob.digest}`);
  for (let hops = 0; hops < 10; hops++) {
    const response = await http({ method: 'GET', url, headers, signal: scope.signal });
    const { location } = response.headers;
    if (response.status >= 300 && response.status < 400 && typeof location === 'string') {
      await response.discard();
      url = redirected(url, location, reference);
      continue;
    }
    if (response.status === 404) {
      await response.discard();
      return undefined;
    }
    if (response.status === 206 || (response.status === 200 && offset === 0)) return response;
    if (response.status === 200) return { ...response, body: skip(response.body, offset) };
    throw refused(reference, response.status, await response.text(MAX_MANIFEST));
  }
  throw new BuildError('registry', `${reference.domain} redirects blob ${blob.digest} too often`);
}

/** Never from TLS to plain text, nor to another scheme, nor from a public host to a private address. */
function redirected(from: URL, location: string, reference: Reference): URL {
  const to = new URL(location, from);
  const inward = isPrivateAddress(to.hostname) && !isPrivateAddress(from.hostname);
  const safe =
    !inward && (to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:'));
  if (safe) return to;
  throw new BuildError(
    'registry',
    `${reference.domain} redirects to ${to.protocol}//${to.host}, which is not safe`,
  );
}

async function* skip(bytes: Bytes, count: number): Bytes {
  let left = count;
  for await (const chunk of bytes) {
    if (left >= chunk.length) left -= chunk.length;
    else {
      yield chunk.subarray(left);
      left = 0;
    }
  }
}
