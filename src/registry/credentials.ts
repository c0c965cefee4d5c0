import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';

/** What docker's config.json or a credential helper knows of a registry. */
export type Credentials =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  | { readonly kind: 'identity'; readonly token: string };

interface DockerConfig {
  readonly auths?: Readonly<
    Record<
      string,
      {
        readonly auth?: string;
        readonly identitytoken?: string;
        readonly username?: string;
        readonly password?: string;
      }
    >
  >;
  readonly credsStore?: string;
  readonly credHelpers?: Readonly<Record<string, string>>;
}

/** Looks a registry up as docker does: its helper, the default store, then `auths`. Undefined is anonymous. */
export function findCredentials(
  domain: string,
  env: NodeJS.ProcessEnv,
  home: string,
): Credentials | undefined {
  const config = readConfig(join(env['DOCKER_CONFIG'] ?? join(home, '.docker'), 'config.json'));
  const keys =
    domain === 'docker.io'
      ? ['https://index.docker.io/v1/', 'index.docker.io', 'docker.io']
      : [domain, `https://${domain}`, `http://${domain}`];
  const helper =
    keys.map((key) => config.credHelpers?.[key]).find((name) => name !== undefined) ??
    config.credsStore;
  if (helper !== undefined && helper !== '') {
    const found = askHelper(helper, keys[0] ?? domain, env);
    if (found !== undefined) return found;
  }
  for (const key of keys) {
    const entry = config.auths?.[key];
    if (entry !== undefined) return fromAuth(entry);
  }
  return undefined;
}

function readConfig(file: string): DockerConfig {
  try {
    const config = JSON.parse(readFileSync(file, 'utf8')) as DockerConfig | null;
    if (typeof config !== 'object' || config === null) throw new Error('it is not an object');
    return config; // docker's own file; what is read of it is checked where it is read.
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return {};
    throw new BuildError('auth', `${file} cannot be read: ${(error as Error).message}`, {
      hint: "it is docker's: mend or remove it",
    });
  }
}

function fromAuth(entry: NonNullable<DockerConfig['auths']>[string]): Credentials | undefined {
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
function askHelper(name: string, server: string, env: NodeJS.ProcessEnv): Credentials | undefined {
  if (!HELPER.test(name)) {
    throw new BuildError('auth', `${JSON.stringify(name)} is no name of a credential helper`, {
      hint: "docker's config.json names it: letters, digits, '-', '_' and '.' only",
    });
  }
  const given =
    env['STAVE_EXTRA_CA_CERTS'] === undefined
      ? env
      : { ...env, NODE_EXTRA_CA_CERTS: env['STAVE_EXTRA_CA_CERTS'] };
  const run = spawnSync(`docker-credential-${name}`, ['get'], {
    input: server,
    env: given,
    encoding: 'utf8',
    timeout: 30_000,
  });
  // EPIPE: it did not read the server's name; its exit tells.
  if (run.error !== undefined && !hasCode(run.error, 'EPIPE')) {
    throw new BuildError('auth', `docker-credential-${name} cannot be run: ${run.error.message}`, {
      hint: "docker's config.json names it as a credential helper",
    });
  }
  if (run.status !== 0) {
    if (/credentials not found/i.test(run.stdout)) return undefined;
    throw new BuildError('auth', `docker-credential-${name} failed for ${server}`);
  }
  const { Username = '', Secret = '' } = answerOf(run.stdout, name, server);
  if (Username === '<token>') return { kind: 'identity', token: Secret };
  return Username === '' ? undefined : { kind: 'password', username: Username, password: Secret };
}

const HELPER = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

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
