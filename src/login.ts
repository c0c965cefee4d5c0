import { readFileSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname } from 'node:path';
import { replaceDurably } from './cache/durable.js';
import { BuildError } from './model/error.js';
import { hasCode } from './model/has-code.js';
import type { Scope } from './model/scope.js';
import { askHelper } from './registry/credential-program.js';
import { type Credentials, findCredentials } from './registry/credentials.js';
import {
  authKeys,
  type DockerConfig,
  dockerConfigFile,
  helperOf,
  readDockerConfig,
} from './registry/docker-config.js';
import { checkLogin } from './registry/login.js';
import { registrySettings } from './registry-settings.js';
import { makeDeep } from './sys/make-deep.js';

export interface Account {
  readonly username: string;
  readonly password: string;
}

/** `https://host/v1/` and its like mean the host; docker's hub has many names. */
export function registryOf(server: string | undefined): string {
  const host = (server ?? '').replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  return ['', 'index.docker.io', 'registry-1.docker.io'].includes(host) ? 'docker.io' : host;
}

export function storedAccount(domain: string, env: NodeJS.ProcessEnv): Credentials | undefined {
  return findCredentials(domain, env, homeOf(env));
}

/** Throws BuildError `auth` when the registry does not take them. */
export async function checkAccount(
  domain: string,
  credentials: Credentials,
  env: NodeJS.ProcessEnv,
  scope: Scope,
): Promise<void> {
  const home = homeOf(env);
  await checkLogin(domain, credentials, registrySettings({ env, home }), scope);
}

/** Keeps an account as docker does; gives the file when it is there in plain text. */
export function storeAccount(
  domain: string,
  { username, password }: Account,
  env: NodeJS.ProcessEnv,
): string | undefined {
  const config = readDockerConfig(env, homeOf(env));
  const [server] = authKeys(domain);
  const helper = helperOf(config, domain);
  const auth = Buffer.from(`${username}:${password}`).toString('base64');
  if (helper !== undefined) {
    const text = JSON.stringify({ ServerURL: server, Username: username, Secret: password });
    askHelper(helper, 'store', { server, text }, env);
  }
  const auths = { ...config.auths, [server]: helper === undefined ? { auth } : {} };
  const file = writeConfig({ ...config, auths }, env);
  return helper === undefined ? file : undefined;
}

/** Forgets what is stored of a registry, by any of its names. */
export function eraseAccount(domain: string, env: NodeJS.ProcessEnv): void {
  const config = readDockerConfig(env, homeOf(env));
  const keys = authKeys(domain);
  const helper = helperOf(config, domain);
  if (helper !== undefined) askHelper(helper, 'erase', { server: keys[0], text: keys[0] }, env);
  const known = Object.entries(config.auths ?? {});
  const left = known.filter(([key]) => !keys.includes(key));
  if (left.length < known.length) writeConfig({ ...config, auths: Object.fromEntries(left) }, env);
}

function homeOf(env: NodeJS.ProcessEnv): string {
  return env['HOME'] ?? homedir();
}

/** Whole or not at all, for its owner alone; where it is a link, what that means. */
function writeConfig(config: DockerConfig, env: NodeJS.ProcessEnv): string {
  const named = dockerConfigFile(env, homeOf(env));
  try {
    makeDeep(dirname(named), 0o700);
    replaceDurably(target(named), `${JSON.stringify(config, null, '\t')}\n`);
    return named;
  } catch (error) {
    if (!(error instanceof Error) || error instanceof BuildError) throw error;
    throw new BuildError('auth', `${named} cannot be written: ${error.message}`, {
      hint: 'DOCKER_CONFIG names another directory for it',
    });
  }
}

function target(file: string): string {
  try {
    readFileSync(file);
    return realpathSync(file);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return file;
    throw error;
  }
}
