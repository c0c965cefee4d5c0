import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';

/** What is stored of one registry. */
export interface AuthEntry {
  readonly auth?: string;
  readonly identitytoken?: string;
  readonly username?: string;
  readonly password?: string;
}

/** docker's config.json, as far as it is looked at; values are checked where they are used. */
export interface DockerConfig {
  readonly auths?: Readonly<Record<string, AuthEntry>>;
  readonly credsStore?: string;
  readonly credHelpers?: Readonly<Record<string, string>>;
  readonly [key: string]: unknown;
}

export function dockerConfigFile(env: NodeJS.ProcessEnv, home: string): string {
  return join(env['DOCKER_CONFIG'] ?? join(home, '.docker'), 'config.json');
}

/** Empty where there is none. Throws BuildError `auth`. */
export function readDockerConfig(env: NodeJS.ProcessEnv, home: string): DockerConfig {
  const file = dockerConfigFile(env, home);
  try {
    const config = JSON.parse(readFileSync(file, 'utf8')) as DockerConfig | null;
    if (typeof config !== 'object' || config === null) throw new Error('it is not an object');
    return config;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return {};
    throw new BuildError('auth', `${file} cannot be read: ${(error as Error).message}`, {
      hint: "it is docker's: mend or remove it",
    });
  }
}

/** Keys under which docker keeps a registry, its own first. */
export function authKeys(domain: string): readonly [string, ...string[]] {
  return domain === 'docker.io'
    ? ['https://index.docker.io/v1/', 'index.docker.io', 'docker.io']
    : [domain, `https://${domain}`, `http://${domain}`];
}

/** The program that keeps a registry's credentials; undefined: the file itself. */
export function helperOf(config: DockerConfig, domain: string): string | undefined {
  const own = authKeys(domain).map((key) => config.credHelpers?.[key]);
  const name = own.find((each) => each !== undefined) ?? config.credsStore;
  return name === '' ? undefined : name;
}
