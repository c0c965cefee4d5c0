import { BuildError } from '../model/error.js';
import { isPrivateAddress } from './address.js';
import type { Http, HttpRequest, HttpResponse } from './http.js';

const MAX_HOPS = 10;

/**
 * A request and its redirects. Whoever leaves the origin is anonymous from there on, also when the way leads back: where
 * a foreign host sends us is its choice, not the registry's (CVE-2024-45336). Throws BuildError `registry`.
 */
export async function follow(
  http: Http,
  request: HttpRequest,
  domain: string,
): Promise<HttpResponse> {
  let next = request;
  for (let hops = 0; hops < MAX_HOPS; hops++) {
    const response = await http(next);
    const { location } = response.headers;
    if (response.status < 300 || response.status >= 400 || typeof location !== 'string')
      return response;
    await response.discard();
    const url = redirected(next.url, location, domain);
    const anonymous = next.anonymous === true || url.origin !== next.url.origin;
    next = { ...next, url, anonymous };
  }
  throw new BuildError('registry', `${domain} redirects too often`);
}

/** Never from TLS to plain text, nor to another scheme, nor from a public host to a private address. */
function redirected(from: URL, location: string, domain: string): URL {
  if (!URL.canParse(location, from.href))
    throw new BuildError('registry', `${domain} redirects to a malformed address`);
  const to = new URL(location, from);
  const inward = isPrivateAddress(to.hostname) && !isPrivateAddress(from.hostname);
  const safe =
    !inward && (to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:'));
  if (safe && to.username === '' && to.password === '') return to;
  throw new BuildError(
    'registry',
    `${domain} redirects to ${to.protocol}//${to.host}, which is not safe`,
  );
}
