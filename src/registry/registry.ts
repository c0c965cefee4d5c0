import { type Digest, digestOf, isDigest } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import { type Descriptor, isIndexType, MediaType } from '../model/oci.js';
import { canonicalName, type Reference } from '../model/reference.js';
import type { Scope } from '../model/scope.js';
import type { Bytes } from '../model/stores.js';
import { type Endpoint, endpointsOf, type RegistryDeps } from './endpoint.js';
import { getFound } from './get-found.js';
import { listTags } from './tags.js';
import type { HttpResponse } from './http.js';
import { parseStrictJson } from './strict-json.js';

/** A manifest as it was served, its digest proven. */
export interface FetchedManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
  /** Its JSON, read strictly; not checked further. */
  readonly document: unknown;
}

/** One repository, asked at its mirrors first, then at the registry itself. */
export interface Repository {
  /** By tag or digest; undefined when nowhere there. */
  readonly manifest: (reference: string, scope: Scope) => Promise<FetchedManifest | undefined>;
  /** All tags; undefined when there is no such repository. */
  readonly tags: (scope: Scope) => Promise<readonly string[] | undefined>;
  /**
   * Streams a blob, from a byte on; cut connections are taken up again where they broke. Size and digest are the
   * reader's to check.
   */
  readonly blob: (blob: Descriptor, scope: Scope, from?: number) => Bytes;
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
    // Of the registry itself: a mirror knows only what was asked of it.
    tags: (scope) => listTags(endpoints.at(-1), reference, scope),
    blob: (blob, scope, from = 0) => fetchBlob(endpoints, { blob, from }, reference, scope),
  };
}

async function fetchManifest(
  endpoint: Endpoint,
  name: string,
  reference: Reference,
  scope: Scope,
): Promise<FetchedManifest | undefined> {
  const url = new URL(`${endpoint.base}/manifests/${name}`);
  const headers = { accept: ACCEPT };
  const response = await getFound({ endpoint, url, headers }, reference, scope.signal);
  if (response === undefined) return undefined;
  const bytes = await response.bytes(MAX_MANIFEST);
  const digest = digestOf(bytes);
  if (isDigest(name) && name !== digest) throw wrongManifest(reference, name, digest);
  const document = parseStrictJson(bytes.toString(), `the manifest of ${canonicalName(reference)}`);
  const mediaType = mediaTypeOf(response, document, reference);
  return { descriptor: { mediaType, digest, size: bytes.length }, bytes, document };
}

/**
 * What kind of document it is must be said once: by its header, by itself, by its fields, all alike, or two readers
 * could see two images (CVE-2021-41190).
 */
function mediaTypeOf({ headers }: HttpResponse, document: unknown, reference: Reference): string {
  const fields = (document ?? {}) as Readonly<Record<string, unknown>>; // Fields of anything but null can be asked for.
  const header = headers['content-type'];
  const sent = (Array.isArray(header) ? header[0] : header)?.split(';')[0]?.trim();
  const given = sent?.includes('vnd.') === true ? sent : undefined;
  const own = typeof fields['mediaType'] === 'string' ? fields['mediaType'] : undefined;
  const index = fields['manifests'] !== undefined;
  const type = given ?? own ?? (index ? MediaType.ociIndex : MediaType.ociManifest);
  const parts = fields['layers'] !== undefined || fields['config'] !== undefined;
  if ((own ?? type) === type && !(index && parts) && isIndexType(type) === index) return type;
  throw new BuildError(
    'registry',
    `the manifest of ${canonicalName(reference)} is ambiguous: it is served as ${type}, says ${own ?? 'nothing'} of itself, and has ${index ? 'manifests' : 'no manifests'}${parts ? ' and layers' : ''}`,
  );
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
  { blob, from }: { readonly blob: Descriptor; readonly from: number },
  reference: Reference,
  scope: Scope,
): Bytes {
  let received = from;
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
        failure = brokenOff(error, blob, reference);
        if (error instanceof BuildError) break;
      }
    }
    if (received > from) break;
  }
  throw (
    failure ??
    new BuildError(
      'registry',
      `${canonicalName(reference)}: blob ${blob.digest} is not in the registry`,
    )
  );
}

function brokenOff(error: unknown, { digest }: Descriptor, { domain }: Reference): BuildError {
  if (error instanceof BuildError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new BuildError('registry', `${domain} broke off blob ${digest}: ${why}`, {
    hint: 'try again: what was downloaded is kept',
    cause: error,
  });
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
  const headers: Record<string, string> = offset === 0 ? {} : { range: `bytes=${String(offset)}-` };
  const url = new URL(`${endpoint.base}/blobs/${blob.digest}`);
  const get = { endpoint, url, headers, statuses: [200, 206] };
  const response = await getFound(get, reference, scope.signal);
  // Who does not know ranges sends all of it.
  if (response?.status !== 200 || offset === 0) return response;
  return { ...response, body: skip(response.body, offset) };
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
