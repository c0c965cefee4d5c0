import { createHash } from 'node:crypto';
import { BuildError } from '../model/error.js';
import type { Scope } from '../model/scope.js';
import { createHttp, type Http } from '../registry/http.js';
import type { GhaSettings } from './gha-settings.js';

/** An entry of the cache: its whole key, and where its bytes are for a while. */
export interface GhaEntry {
  readonly key: string;
  readonly url: URL;
}

/** Version 2 of GitHub's cache service (twirp), as actions/toolkit and BuildKit speak it. */
export interface GhaService {
  /** The newest whose key begins so, of those the token opens. */
  readonly find: (key: string, scope: Scope) => Promise<GhaEntry | undefined>;
  /** Where to put the bytes; undefined when the key is taken. */
  readonly reserve: (key: string, scope: Scope) => Promise<URL | undefined>;
  readonly commit: (key: string, size: number, scope: Scope) => Promise<void>;
  readonly http: () => Promise<Http>;
}

/** BuildKit's: entries with another are not seen. */
const VERSION = createHash('sha256').update('|go-actionscache-1.0').digest('hex');
const MAX_ANSWER = 1 << 20;

export function ghaService({ url, token }: GhaSettings, env: NodeJS.ProcessEnv): GhaService {
  let opened: Promise<Http> | undefined;
  const http = (): Promise<Http> => (opened ??= createHttp({ env, peer: 'host' }));
  const call = async (
    method: string,
    fields: object,
    { signal }: Scope,
  ): Promise<Readonly<Record<string, unknown>> | undefined> => {
    const send = await http();
    const response = await send({
      method: 'POST',
      url: new URL(`${url}/twirp/github.actions.results.api.v1.CacheService/${method}`),
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...fields, version: VERSION }),
      signal,
    });
    const text = (await response.bytes(MAX_ANSWER)).toString();
    const answer = fieldsOf(text);
    if (response.status === 200) return answer;
    if (response.status === 409 || answer['code'] === 'already_exists') return undefined;
    throw refused(method, response.status, answer['msg'] ?? answer['message']);
  };
  return {
    http,
    find: async (key, scope) => {
      const answer = await call('GetCacheEntryDownloadURL', { key, restore_keys: [key] }, scope);
      const { ok, signed_download_url: place, matched_key: matched } = answer ?? {};
      if (ok !== true || typeof place !== 'string' || typeof matched !== 'string') return undefined;
      return { key: matched, url: urlOf(place) };
    },
    reserve: async (key, scope) => {
      const answer = await call('CreateCacheEntry', { key }, scope);
      if (answer === undefined) return undefined;
      const { ok, signed_upload_url: place } = answer;
      // Full, or closed: it says no more than that.
      if (ok !== true || typeof place !== 'string')
        throw new BuildError('registry', 'the github actions cache takes no new entry');
      return urlOf(place);
    },
    commit: async (key, size, scope) => {
      const fields = { key, size_bytes: String(size) };
      const answer = await call('FinalizeCacheEntryUpload', fields, scope);
      if (answer?.['ok'] !== true)
        throw new BuildError('registry', 'the github actions cache did not take the entry in');
    },
  };
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(text) ?? {}) as Readonly<Record<string, unknown>>; // Fields of anything but null can be asked for.
  } catch {
    return {};
  }
}

function urlOf(place: string): URL {
  if (URL.canParse(place)) return new URL(place);
  throw new BuildError('registry', 'the github actions cache names no place for its bytes');
}

function refused(method: string, status: number, message: unknown): BuildError {
  const why = typeof message === 'string' ? message : `status ${String(status)}`;
  if (status !== 401 && status !== 403)
    return new BuildError('registry', `github actions cache, ${method}: ${why}`);
  return new BuildError('auth', `github actions cache, ${method}: ${why}`, {
    hint: 'the token is good for the run of one job, and for its own branch',
  });
}
