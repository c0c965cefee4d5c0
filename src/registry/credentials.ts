import { BuildError } from '../model/error.js';
import { askHelper } from './credential-program.js';
import { type AuthEntry, authKeys, helperOf, readDockerConfig } from './docker-config.js';

/** What docker's config.json or a credential helper knows of a registry. */
export type Credentials =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  | { readonly kind: 'identity'; readonly token: string };

/** Looks a registry up as docker does: its helper, the default store, then `auths`. Undefined is anonymous. */
export function findCredentials(
  domain: string,
  env: NodeJS.ProcessEnv,
  home: string,
): Credentials | undefined {
  const config = readDockerConfig(env, home);
  const keys = authKeys(domain);
  const helper = helperOf(config, domain);
  if (helper !== undefined) {
    const found = fromHelper(helper, keys[0], env);
    if (found !== undefined) return found;
  }
  for (const key of keys) {
    const entry = config.auths?.[key];
    if (entry !== undefined) return fromAuth(entry);
  }
  return undefined;
}

function fromAuth(entry: AuthEntry): Credentials | undefined {
  if (entry.identitytoken !== undefined && entry.identitytoken !== '')
    return { kind: 'identity', token: entry.identitytoken };
  const { username = '', password = '' } = entry;
  if (username !== '') return { kind: 'password', username, password };
  const text = Buffer.from(entry.auth ?? '', 'base64').toString();
  const cut = text.indexOf(':');
  return cut <= 0
    ? undefined
    : { kind: 'password', username: text.slice(0, cut), password: text.slice(cut + 1) };
}

/** The helper protocol: the server's URL on stdin, JSON on stdout; "credentials not found" means anonymous. */
function fromHelper(name: string, server: string, env: NodeJS.ProcessEnv): Credentials | undefined {
  const text = askHelper(name, 'get', { server, text: server }, env);
  if (text === undefined) return undefined;
  const { Username = '', Secret = '' } = answerOf(text, name, server);
  if (Username === '<token>') return { kind: 'identity', token: Secret };
  return Username === '' ? undefined : { kind: 'password', username: Username, password: Secret };
}

/** What a helper printed is not shown: it may be a password. */
function answerOf(
  text: string,
  name: string,
  server: string,
): { readonly Username?: string; readonly Secret?: string } {
  try {
    const answer = JSON.parse(text) as Readonly<Record<string, unknown>> | null;
    const { Username, Secret } = answer ?? {};
    if (typeof Username === 'string' && typeof Secret === 'string') return { Username, Secret };
  } catch {
    // Falls to the error below, without the parser's words: they quote the text.
  }
  throw new BuildError('auth', `docker-credential-${name} gave no credentials for ${server}`);
}
