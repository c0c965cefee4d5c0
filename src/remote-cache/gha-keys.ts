import type { GhaCache } from '../model/cache-options.js';
import { BuildError } from '../model/error.js';
import { list, record } from '../exporter/image-document.js';
import type { Scope } from '../model/scope.js';
import { parseStrictJson } from '../registry/strict-json.js';
import type { GhaService } from './gha-service.js';

const PAGE = 100;
const MAX_PAGES = 100;
const MAX_ANSWER = 8 << 20;

/**
 * With `repository` and `ghtoken`: all keys that are there, by GitHub's API, asked once, instead of a question for each
 * blob, which a busy repository has few of. Undefined without.
 */
// eslint-disable-next-line max-params -- what is asked, of whom, by whom
export function ghaKeys(
  { repository, ghtoken }: GhaCache,
  prefix: string,
  scopes: readonly string[],
  env: NodeJS.ProcessEnv,
  { http }: GhaService,
): (scope: Scope) => Promise<ReadonlySet<string> | undefined> {
  const name = repository ?? env['GITHUB_REPOSITORY'] ?? '';
  if (ghtoken === undefined || ghtoken === '' || name === '')
    return () => Promise.resolve(undefined);
  const base = `${env['GITHUB_API_URL'] ?? 'https://api.github.com'}/repos/${name}/actions/caches`;
  const headers = {
    accept: 'application/vnd.github+json',
    authorization: `Bearer ${ghtoken}`,
    'x-github-api-version': '2022-11-28',
  };
  const page = async (ref: string, number: number, { signal }: Scope): Promise<string[]> => {
    const url = new URL(base);
    const query = { key: prefix, ref, per_page: String(PAGE), page: String(number) };
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    const send = await http();
    const response = await send({ method: 'GET', url, headers, signal });
    const text = (await response.bytes(MAX_ANSWER)).toString();
    if (response.status !== 200) {
      throw new BuildError(
        'auth',
        `${url.host}, caches of ${name}: status ${String(response.status)}`,
        {
          hint: 'ghtoken needs the permission actions: read of the repository',
        },
      );
    }
    return keysOf(text);
  };
  const all = async (scope: Scope): Promise<ReadonlySet<string>> => {
    const keys: string[] = [];
    for (const ref of scopes)
      for (let number = 1; number <= MAX_PAGES; number++) {
        const found = await page(ref, number, scope);
        keys.push(...found);
        if (found.length < PAGE) break;
      }
    return new Set(keys);
  };
  let asked: Promise<ReadonlySet<string>> | undefined;
  return (scope) => (asked ??= all(scope));
}

function keysOf(text: string): string[] {
  const what = 'the list of caches';
  const { actions_caches: caches } = record(parseStrictJson(text, what), what);
  return list(caches ?? [], what, PAGE).map((each) => String(record(each, what)['key']));
}
