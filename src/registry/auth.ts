import { BuildError } from '../model/error.js';
import type { Credentials } from './credentials.js';
import { type Http, type HttpRequest, type HttpResponse, isLoopback, shownUrl } from './http.js';

interface Challenge {
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const MAX_TOKEN = 1 << 20;

/**
 * Requests to one registry with its authentication: none until it challenges, then Basic or a bearer token for the
 * scope it names (distribution-spec, "Token authentication"). The header goes to the registry's origin only.
 */
export function authenticated(
  http: Http,
  credentials: () => Credentials | undefined,
  domain: string,
): Http {
  let header: string | undefined;
  let origin: string | undefined;
  return async (request) => {
    const own = origin === undefined || origin === request.url.origin;
    const first = await http(own && header !== undefined ? withHeader(request, header) : request);
    if (first.status !== 401 || !own) return first;
    const challenge = readChallenge(first.headers['www-authenticate']);
    await first.discard();
    if (challenge === undefined) throw denied(domain, 'it names no way to authenticate');
    origin = request.url.origin;
    header = await answer(challenge, { http, credentials: credentials(), domain, request });
    const second = await http(withHeader(request, header));
    if (second.status === 401) {
      await second.discard();
      header = undefined;
      throw denied(
        domain,
        credentials() === undefined ? 'it wants credentials' : 'it does not accept the credentials',
      );
    }
    return second;
  };
}

function withHeader(request: HttpRequest, authorization: string): HttpRequest {
  return { ...request, headers: { ...request.headers, authorization } };
}

function readChallenge(value: string | string[] | undefined): Challenge | undefined {
  const text = (Array.isArray(value) ? value[0] : value) ?? '';
  const [, scheme, rest = ''] = /^\s*([A-Za-z]+)\s*(.*)$/.exec(text) ?? [];
  if (scheme === undefined) return undefined;
  const parameters = new Map(
    [...rest.matchAll(/([a-z_]+)="([^"]*)"/gi)].map(([, key = '', found = '']) => [
      key.toLowerCase(),
      found,
    ]),
  );
  return { scheme: scheme.toLowerCase(), parameters };
}

interface Asked {
  readonly http: Http;
  readonly credentials: Credentials | undefined;
  readonly domain: string;
  readonly request: HttpRequest;
}

async function answer({ scheme, parameters }: Challenge, asked: Asked): Promise<string> {
  const { credentials, domain } = asked;
  if (scheme === 'basic') {
    if (credentials?.kind !== 'password') throw denied(domain, 'it wants a user name and password');
    return basic(credentials);
  }
  if (scheme !== 'bearer') throw denied(domain, `it wants ${scheme}, which stave does not know`);
  const realm = realmOf(parameters.get('realm'), asked.request.url, domain);
  const service = parameters.get('service');
  const scope = parameters.get('scope');
  const response = await requestToken(realm, { service, scope }, asked);
  const body = await response.text(MAX_TOKEN);
  if (response.status !== 200)
    throw denied(domain, `its token server answered ${String(response.status)}`);
  const { token, access_token: access } = JSON.parse(body) as {
    token?: string;
    access_token?: string;
  };
  const found = token ?? access;
  if (found === undefined || found === '') throw denied(domain, 'its token server gave no token');
  return `Bearer ${found}`;
}

function requestToken(
  realm: URL,
  { service, scope }: { service: string | undefined; scope: string | undefined },
  asked: Asked,
): Promise<HttpResponse> {
  const {
    http,
    credentials,
    request: { signal },
  } = asked;
  const query = {
    ...(service === undefined ? {} : { service }),
    ...(scope === undefined ? {} : { scope }),
  };
  if (credentials?.kind === 'identity') {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: credentials.token,
      client_id: 'stave',
      ...query,
    });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return http({ method: 'POST', url: realm, headers, body: form.toString(), signal });
  }
  for (const [key, value] of Object.entries(query)) realm.searchParams.set(key, value);
  const headers = credentials === undefined ? {} : { authorization: basic(credentials) };
  return http({ method: 'GET', url: realm, headers, signal });
}

/** Credentials go where the registry says, but never from TLS to plain text, and to plain text on loopback only. */
function realmOf(realm: string | undefined, registry: URL, domain: string): URL {
  if (realm === undefined || !URL.canParse(realm))
    throw denied(domain, 'the address of its token server is malformed');
  const url = new URL(realm);
  const plain =
    url.protocol === 'http:' && (registry.protocol === 'https:' || !isLoopback(url.hostname));
  if (plain || !/^https?:$/.test(url.protocol))
    throw denied(domain, `its token server ${shownUrl(url)} is not safe to send credentials to`);
  return url;
}

function basic({ username, password }: Extract<Credentials, { kind: 'password' }>): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function denied(domain: string, why: string): BuildError {
  return new BuildError('auth', `registry ${domain} refuses: ${why}`, {
    hint: `docker login ${domain} stores credentials where stave finds them`,
  });
}
