import type { GhaCache } from '../model/cache-options.js';
import { BuildError } from '../model/error.js';

/** What `type=gha` takes, as BuildKit names it. */
export const GHA_OPTIONS = ['url', 'url_v2', 'token', 'version', 'scope', 'repository', 'ghtoken'];

/** Throws BuildError `usage`. */
export function ghaOf(pairs: ReadonlyMap<string, string>): GhaCache {
  const fields = {
    url: pairs.get('url'),
    urlV2: pairs.get('url_v2'),
    token: pairs.get('token'),
    scope: pairs.get('scope'),
    repository: pairs.get('repository'),
    ghtoken: pairs.get('ghtoken'),
  };
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  const version = versionOf(pairs.get('version'));
  return {
    type: 'gha',
    ...(Object.fromEntries(given) as Partial<Record<keyof typeof fields, string>>),
    ...(version === undefined ? {} : { version }),
  };
}

function versionOf(text: string | undefined): 1 | 2 | undefined {
  if (text === undefined) return undefined;
  if (text === '1' || text === '2') return text === '1' ? 1 : 2;
  throw new BuildError('usage', `invalid version ${JSON.stringify(text)}`, {
    hint: 'the cache service of GitHub has versions 1 and 2',
  });
}
