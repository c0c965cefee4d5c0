import type { Reference } from '../model/reference.js';
import { type Endpoint, MAX_ERROR, refused } from './endpoint.js';
import { follow } from './follow.js';
import type { HttpResponse } from './http.js';

export interface Get {
  readonly endpoint: Endpoint;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Statuses that are answers; 200 alone if not told. */
  readonly statuses?: readonly number[];
}

/** What a registry has there; undefined when it has nothing (404). Throws BuildError `registry` or `auth` on a refusal. */
export async function getFound(
  { endpoint, url, headers = {}, statuses = [200] }: Get,
  reference: Reference,
  signal: AbortSignal,
): Promise<HttpResponse | undefined> {
  const http = await endpoint.http();
  const response = await follow(http, { method: 'GET', url, headers, signal }, reference.domain);
  if (response.status === 404) {
    await response.discard();
    return undefined;
  }
  if (statuses.includes(response.status)) return response;
  throw refused(reference, response.status, (await response.bytes(MAX_ERROR)).toString());
}
