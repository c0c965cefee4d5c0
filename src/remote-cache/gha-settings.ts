import type { GhaCache } from '../model/cache-options.js';
import { BuildError } from '../model/error.js';

/** The cache service of a workflow's run, and what its token allows. */
export interface GhaSettings {
  /** Of version 2 of the service, without a slash at its end. */
  readonly url: string;
  readonly token: string;
  /** Branches and tags whose caches may be read, the run's own first where GitHub says it so. */
  readonly scopes: readonly string[];
  /** The one that is written to. */
  readonly writes: string | undefined;
}

const RUNTIME = 'uses: crazy-max/ghaction-github-runtime@v3';
const PERMISSION_WRITE = 2;

/** Throws BuildError `usage` saying what a workflow has to do, for GitHub keeps the variables from its steps. */
export function ghaSettings(options: GhaCache, env: NodeJS.ProcessEnv): GhaSettings {
  const token = filled(options.token) ?? filled(env['ACTIONS_RUNTIME_TOKEN']);
  if (token === undefined) throw missing('token not set', 'ACTIONS_RUNTIME_TOKEN');
  const { scopes, writes } = scopesOf(token);
  return { url: urlOf(options, env), token, scopes, writes };
}

function filled(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

function missing(what: string, variable: string): BuildError {
  return new BuildError('usage', `${what} for github actions cache ($${variable})`, {
    hint: `GitHub gives it to actions only: add a step before this one to the workflow: "${RUNTIME}"`,
  });
}

function urlOf(options: GhaCache, env: NodeJS.ProcessEnv): string {
  const forced = /^v([12])$/.exec(env['ACTIONS_CACHE_API_FORCE_VERSION'] ?? '')?.[1];
  const version = options.version ?? (forced === undefined ? undefined : Number(forced));
  const first = filled(options.url) ?? filled(env['ACTIONS_CACHE_URL']);
  const second = filled(options.urlV2) ?? filled(env['ACTIONS_RESULTS_URL']);
  const isSecond = version === 2 || first?.includes('results-receiver.') === true;
  const url = version === 1 ? undefined : (second ?? (isSecond ? first : undefined));
  if (url !== undefined && URL.canParse(url)) return url.replace(/\/+$/, '');
  if (url !== undefined)
    throw new BuildError('usage', `the url of the github actions cache is none: ${url}`);
  if (version !== 1 && first === undefined) throw missing('url not set', 'ACTIONS_RESULTS_URL');
  throw new BuildError(
    'unsupported',
    'version 1 of the github actions cache service is not supported: GitHub ended it in 2025',
    { hint: 'leave version=1 out; give url_v2=, or ACTIONS_RESULTS_URL in the environment' },
  );
}

/** The payload of a JWT says which caches it opens. It is GitHub's to check; here it only tells names. */
function scopesOf(token: string): Pick<GhaSettings, 'scopes' | 'writes'> {
  const { ac, exp } = payloadOf(token);
  if (typeof exp === 'number' && exp * 1000 < Date.now())
    throw new BuildError('auth', 'the token of the github actions cache has expired', {
      hint: 'it is good for the run of one job',
    });
  const listed: unknown = typeof ac === 'string' ? parsed(ac) : undefined;
  if (!Array.isArray(listed)) throw badToken('it says nothing of caches');
  const scopes = (listed as readonly unknown[]).flatMap((each) => {
    const { Scope: scope, Permission: permission } = (each ?? {}) as Record<string, unknown>; // Asked with care.
    return typeof scope === 'string' ? [{ scope, permission: Number(permission) }] : [];
  });
  return {
    scopes: scopes.map(({ scope }) => scope),
    writes: scopes.findLast(({ permission }) => (permission & PERMISSION_WRITE) !== 0)?.scope,
  };
}

function payloadOf(token: string): Readonly<Record<string, unknown>> {
  const [, payload] = token.split('.');
  const value = parsed(Buffer.from(payload ?? '', 'base64url').toString());
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>; // Any object may be asked.
  throw badToken('it is no JSON web token');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Never the token itself. */
function badToken(why: string): BuildError {
  return new BuildError('auth', `the token of the github actions cache cannot be used: ${why}`, {
    hint: 'it is ACTIONS_RUNTIME_TOKEN of a job, not GITHUB_TOKEN',
  });
}
