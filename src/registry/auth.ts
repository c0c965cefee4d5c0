import { BuildError } from '../model/error.js';
import type { Credentials } from './credentials.js';
import { isLoopback, isPrivateAddress, isSameSite, shownUrl } from './address.js';
import { type Challenge, parseChallenges } from './challenge.js';
import type { Http, HttpRequest, HttpResponse } from './http.js';
import { parseStrictJson } from './strict-json.js';

/** Whom the requests speak to, and who else may see the password. */
export interface Realm {
  /** As the user names the registry. */
  readonly domain: string;
  /** `https://host:port`: the only place that is shown a header. */
  readonly origin: string;
  /** Hosts of token servers that the user's config trusts besides the registry's own site. */
  readonly tokenServers: readonly string[];
}

const MAX_TOKEN = 1 << 20;

/**
 * Requests to one registry with its authentication: none until it challenges, then Basic or a bearer token for the
 * scope it names (distribution-spec, "Token authentication"). The header goes to the registry's origin only.
 * Throws BuildError `auth`.
 */
export function authenticated(
  http: Http,
  credentials: () => Credentials | undefined,
  realm: Realm,
): Http {
  let header: string | undefined;
  return async (request) => {
    if (request.anonymous === true || request.url.origin !== realm.origin) return http(request);
    const first = await http(header === undefined ? request : withHeader(request, header));
    if (first.status !== 401) return first;
    await first.discard();
    const known = credentials();
    const challenge = bestChallenge(parseChallenges(first.headers['www-authenticate']), realm);
    header = await answer(challenge, { http, credentials: known, realm, request });
    const second = await http(withHeader(request, header));
    if (second.status !== 401) return second;
    await second.discard();
    header = undefined;
    throw denied(
      realm.domain,
      known === undefined ? 'it wants credentials' : 'it does not accept the credentials',
    );
  };
}

function bestChallenge(challenges: readonly Challenge[], { domain }: Realm): Challenge {
  const of = (scheme: string): Challenge | undefined =>
    challenges.find((challenge) => challenge.scheme === scheme);
  const found = of('bearer') ?? of('basic');
  if (found !== undefined) return found;
  const named = challenges.map(({ scheme }) => scheme).join(', ');
  throw denied(
    domain,
    named === ''
      ? 'it names no way to authenticate'
      : `it wants ${named}, which stave does not know`,
  );
}

function withHeader(request: HttpRequest, authorization: string): HttpRequest {
  return { ...request, headers: { ...request.headers, authorization } };
}

interface Asked {
  readonly http: Http;
  readonly credentials: Credentials | undefined;
  readonly realm: Realm;
  readonly request: HttpRequest;
}

async function answer({ scheme, parameters }: Challenge, asked: Asked): Promise<string> {
  const { credentials, realm } = asked;
  if (scheme === 'basic') {
    if (credentials?.kind !== 'password')
      throw denied(realm.domain, 'it wants a user name and password');
    return basic(credentials);
  }
  const url = tokenServer(parameters.get('realm'), asked);
  const response = await requestToken(url, parameters, asked);
  const body = (await response.bytes(MAX_TOKEN)).toString();
  if (response.status !== 200)
    throw denied(realm.domain, `its token server answered ${String(response.status)}`);
  const found = tokenOf(body);
  if (found === undefined) throw denied(realm.domain, 'its token server gave no token');
  return `Bearer ${found}`;
}

function tokenOf(body: string): string | undefined {
  const answer = parseStrictJson(body, "the token server's answer") as Readonly<
    Record<string, unknown>
  > | null;
  const tokens = [answer?.['token'], answer?.['access_token']];
  return tokens.find((found): found is string => typeof found === 'string' && found !== '');
}

function requestToken(
  url: URL,
  parameters: Challenge['parameters'],
  { http, credentials, request: { signal } }: Asked,
): Promise<HttpResponse> {
  const query = ['service', 'scope'].flatMap((name): [string, string][] => {
    const value = parameters.get(name);
    return value === undefined ? [] : [[name, value]];
  });
  if (credentials?.kind === 'identity') {
    const form = new URLSearchParams([
      ['grant_type', 'refresh_token'],
      ['refresh_token', credentials.token],
      ['client_id', 'stave'],
      ...query,
    ]);
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return http({ method: 'POST', url, headers, body: form.toString(), signal });
  }
  for (const [key, value] of query) url.searchParams.set(key, value);
  const headers = credentials === undefined ? {} : { authorization: basic(credentials) };
  return http({ method: 'GET', url, headers, signal });
}

/**
 * A registry may name any token server, and a hostile one would name its own: the password goes to the registry's
 * site and to hosts the user trusts, never from TLS to plain text, never to a private address unless we are there.
 */
function tokenServer(named: string | undefined, { credentials, realm, request }: Asked): URL {
  if (named === undefined || !URL.canParse(named))
    throw denied(realm.domain, 'the address of its token server is malformed');
  const url = new URL(named);
  const registry = request.url.hostname;
  const plain =
    url.protocol === 'http:' &&
    (request.url.protocol === 'https:' || !(isLoopback(url.hostname) || url.host === realm.domain));
  const inward = isPrivateAddress(url.hostname) && !isPrivateAddress(registry);
  const user = url.username !== '' || url.password !== '';
  if (plain || inward || user || !/^https?:$/.test(url.protocol))
    throw denied(realm.domain, `its token server ${shownUrl(url)} is not safe to speak to`);
  const trusted = isSameSite(registry, url.hostname) || realm.tokenServers.includes(url.host);
  if (credentials === undefined || trusted) return url;
  throw new BuildError(
    'auth',
    `registry ${realm.domain} sends its users to the token server ${url.host}, which is not of its site`,
    {
      hint: `if it is right: {"registries": {"${realm.domain}": {"tokenServers": ["${url.host}"]}}} in ~/.config/stave/config.json`,
    },
  );
}

function basic({ username, password }: Extract<Credentials, { kind: 'password' }>): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function denied(domain: string, why: string): BuildError {
  return new BuildError('auth', `registry ${domain} refuses: ${why}`, {
    hint: `stave login ${domain} stores credentials`,
  });
}
