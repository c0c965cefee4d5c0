import { BuildError } from '../model/error.js';
import type { Scope } from '../model/scope.js';
import { isLoopback } from './address.js';
import { authenticated } from './auth.js';
import { findCredentials } from './credentials.js';
import { follow } from './follow.js';
import { createHttp, type HttpResponse } from './http.js';
import type { RegistryDeps } from './endpoint.js';

/** One repository that a registry found. */
export interface FoundImage {
  readonly name: string;
  readonly description: string;
  readonly stars: number;
  readonly official: boolean;
  readonly automated: boolean;
}

const MAX_ANSWER = 4 << 20;

/**
 * Asks a registry's search of API version 1 (`/v1/search`): of those that exist docker's hub has it, and few others. `term`
 * may begin with a registry's name. Throws BuildError `registry` where there is no search.
 */
export async function searchRegistry(
  term: string,
  limit: number,
  deps: RegistryDeps,
  scope: Scope,
): Promise<readonly FoundImage[]> {
  const { domain, words } = splitTerm(term);
  const host = domain === 'docker.io' ? 'index.docker.io' : domain;
  const plain = deps.config.of(domain).insecure || isLoopback(new URL(`http://${host}`).hostname);
  const origin = `${plain ? 'http' : 'https'}://${host}`;
  const url = new URL(`${origin}/v1/search`);
  url.searchParams.set('q', words);
  url.searchParams.set('n', String(limit));
  const { tokenServers } = deps.config.of(domain);
  const realm = { domain, origin: url.origin, tokenServers };
  const http = authenticated(
    await createHttp({ env: deps.env }),
    () => findCredentials(domain, deps.env, deps.home),
    realm,
  );
  const headers = { accept: 'application/json' };
  const request = { method: 'GET', url, headers, signal: scope.signal } as const;
  return foundIn(await follow(http, request, domain), domain);
}

/** What looks like a host before the first slash is one. */
function splitTerm(term: string): { readonly domain: string; readonly words: string } {
  const cut = term.indexOf('/');
  const first = cut === -1 ? '' : term.slice(0, cut);
  if (/[.:]/.test(first) || first === 'localhost')
    return {
      domain: first === 'index.docker.io' ? 'docker.io' : first,
      words: term.slice(cut + 1),
    };
  return { domain: 'docker.io', words: term.replace(/^library\//, '') };
}

async function foundIn(response: HttpResponse, domain: string): Promise<readonly FoundImage[]> {
  if (response.status === 200) {
    const found = readAnswer((await response.bytes(MAX_ANSWER)).toString());
    if (found !== undefined) return found;
  } else await response.discard();
  const { status } = response;
  if (status === 401 || status === 403)
    throw new BuildError('auth', `${domain} refuses to search: status ${String(status)}`);
  const absent = status === 200 || status === 404 || status === 405;
  const why = status === 200 ? 'no answer of that kind' : `status ${String(status)}`;
  const what = absent ? 'offers no search' : 'could not search';
  throw new BuildError('registry', `${domain} ${what}: ${why} to GET /v1/search`, {
    hint: absent ? 'most registries have a page that lists what they hold' : 'try again later',
  });
}

/** Undefined when it is no answer of a search. */
function readAnswer(text: string): readonly FoundImage[] | undefined {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { results } = (document ?? {}) as { readonly results?: unknown }; // A field of anything but null can be asked for.
  return Array.isArray(results) ? results.flatMap(readResult) : undefined;
}

function readResult(result: unknown): readonly FoundImage[] {
  const fields = (result ?? {}) as Readonly<Record<string, unknown>>; // As above.
  const { name, description, star_count: stars } = fields;
  if (typeof name !== 'string') return [];
  const found = {
    name,
    description: typeof description === 'string' ? description : '',
    stars: typeof stars === 'number' ? stars : 0,
    official: fields['is_official'] === true,
    automated: fields['is_automated'] === true,
  };
  return [found];
}
