import { BuildError } from '../model/error.js';
import type { Reference } from '../model/reference.js';
import type { Scope } from '../model/scope.js';
import type { Endpoint } from './endpoint.js';
import { getFound } from './get-found.js';
import { parseStrictJson } from './strict-json.js';

const MAX_PAGE = 4 << 20;
const MAX_PAGES = 1000;

/** Every tag of a repository, page by page (distribution-spec, "Listing Tags"); undefined when it is not there. */
export async function listTags(
  endpoint: Endpoint | undefined,
  reference: Reference,
  { signal }: Scope,
): Promise<readonly string[] | undefined> {
  if (endpoint === undefined) throw new Error('a registry without an endpoint');
  const tags: string[] = [];
  let url: URL | undefined = new URL(`${endpoint.base}/tags/list`);
  for (let page = 0; url !== undefined; page++) {
    if (page === MAX_PAGES)
      throw new BuildError('registry', `${reference.domain} does not end its list of tags`);
    const response = await getFound({ endpoint, url }, reference, signal);
    if (response === undefined) return undefined;
    tags.push(...tagsOf((await response.bytes(MAX_PAGE)).toString(), reference));
    url = nextPage(response.headers['link'], url);
  }
  return tags;
}

function tagsOf(text: string, { domain }: Reference): readonly string[] {
  const what = `${domain}'s list of tags`;
  const document = parseStrictJson(text, what) as { readonly tags?: unknown } | null;
  const tags = document?.tags ?? [];
  if (Array.isArray(tags) && tags.every((tag) => typeof tag === 'string')) return tags;
  throw new BuildError('registry', `${what} is malformed`);
}

/** On the same host: a list that goes on elsewhere is none of ours. */
function nextPage(link: string | string[] | undefined, from: URL): URL | undefined {
  const text = Array.isArray(link) ? link.join(',') : (link ?? '');
  const target = /<([^>]*)>\s*;\s*rel="?next"?/.exec(text)?.[1];
  if (target === undefined || !URL.canParse(target, from.href)) return undefined;
  const next = new URL(target, from);
  return next.origin === from.origin ? next : undefined;
}
