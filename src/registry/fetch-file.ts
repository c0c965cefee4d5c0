import { BuildError } from '../model/error.js';
import type { Bytes } from '../model/stores.js';
import { isPrivateAddress, shownUrl } from './address.js';
import type { Http, HttpResponse } from './http.js';

export interface FileRequest {
  /** User and password in it are sent to its own origin only, never on to another. */
  readonly url: URL;
  /** The whole Authorization header, for the URL's own origin. */
  readonly authorization?: string | undefined;
  /** What is known of it: asks only for something else. */
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
  readonly signal: AbortSignal;
}

export interface FetchedFile {
  readonly etag?: string;
  /** As the server wrote it. */
  readonly lastModified?: string;
  readonly size?: number;
  /** Its Content-Disposition, if it has one. */
  readonly disposition?: string;
  readonly body: Bytes;
}

const MAX_REDIRECTS = 10;

/**
 * A file of the web by GET; undefined when it is what `etag` or `lastModified` say. Follows redirects as far as they
 * stay http(s), do not fall from https to http, and do not lead from a public host to a private address. Throws
 * BuildError `registry`.
 */
export async function fetchFile(
  http: Http,
  request: FileRequest,
): Promise<FetchedFile | undefined> {
  let url = withoutCredentials(request.url);
  const { origin } = url;
  for (let hops = 0; ; hops++) {
    const headers = headersOf(request, url.origin === origin);
    const response = await http({ method: 'GET', url, headers, signal: request.signal });
    const location = redirectOf(response);
    if (location === undefined) return answer(url, request, response);
    await response.discard();
    if (hops === MAX_REDIRECTS)
      throw refused(request.url, `redirects more than ${String(MAX_REDIRECTS)} times`);
    url = nextHop(request.url, url, location);
  }
}

function withoutCredentials(url: URL): URL {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  bare.hash = '';
  return bare;
}

function headersOf(request: FileRequest, sameOrigin: boolean): Record<string, string> {
  const { etag, lastModified, url } = request;
  const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  const basic = user === ':' ? undefined : `Basic ${Buffer.from(user).toString('base64')}`;
  const authorization = sameOrigin ? (request.authorization ?? basic) : undefined;
  return {
    // Another encoding would be other bytes under the same checksum.
    'accept-encoding': 'identity',
    ...(authorization === undefined ? {} : { authorization }),
    ...(etag === undefined ? {} : { 'if-none-match': etag }),
    ...(etag === undefined && lastModified !== undefined
      ? { 'if-modified-since': lastModified }
      : {}),
  };
}

function redirectOf({ status, headers }: HttpResponse): string | undefined {
  if (![301, 302, 303, 307, 308].includes(status)) return undefined;
  const { location } = headers;
  return typeof location === 'string' ? location : undefined;
}

function nextHop(first: URL, from: URL, location: string): URL {
  let url: URL;
  try {
    url = withoutCredentials(new URL(location, from));
  } catch {
    throw refused(first, 'redirects to what is no URL');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw refused(first, `redirects to ${url.protocol}, which is not http or https`);
  if (from.protocol === 'https:' && url.protocol === 'http:')
    throw refused(first, `redirects from https to plain http at ${url.host}`);
  if (url.hostname !== first.hostname && isForbiddenHop(first, url))
    throw refused(first, `redirects to ${url.host}, an address it has no business with`);
  return url;
}

/** A server may send us to its like, not to this machine's insides, and never to a cloud's metadata. */
function isForbiddenHop(first: URL, url: URL): boolean {
  if (/^(169\.254\.|0\.|\[::\]|\[fe80)/i.test(url.hostname)) return true;
  return isPrivateAddress(url.hostname) && !isPrivateAddress(first.hostname);
}

async function answer(
  url: URL,
  request: FileRequest,
  response: HttpResponse,
): Promise<FetchedFile | undefined> {
  const { status, headers } = response;
  const conditional = request.etag !== undefined || request.lastModified !== undefined;
  if (status === 304 && conditional) {
    await response.discard();
    return undefined;
  }
  if (status !== 200) {
    await response.discard();
    throw refused(
      request.url,
      `answers with status ${String(status)}`,
      status === 401 || status === 403
        ? `give a secret: --secret id=HTTP_AUTH_TOKEN_${url.host}`
        : 'is the address right?',
    );
  }
  const text = (name: string): string | undefined => {
    const value = headers[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const [etag, lastModified] = [text('etag'), text('last-modified')];
  const [length, disposition] = [text('content-length'), text('content-disposition')];
  return {
    body: response.body,
    ...(etag === undefined ? {} : { etag }),
    ...(lastModified === undefined ? {} : { lastModified }),
    ...(length === undefined ? {} : { size: Number(length) }),
    ...(disposition === undefined ? {} : { disposition }),
  };
}

function refused(url: URL, why: string, hint?: string): BuildError {
  return new BuildError('registry', `${shownUrl(url)} ${why}`, hint === undefined ? {} : { hint });
}
