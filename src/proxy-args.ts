import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Workshop } from './workshop.js';

const VARIABLES: Readonly<Record<string, string>> = {
  httpProxy: 'HTTP_PROXY',
  httpsProxy: 'HTTPS_PROXY',
  noProxy: 'NO_PROXY',
  ftpProxy: 'FTP_PROXY',
  allProxy: 'ALL_PROXY',
};

/**
 * Build arguments with the `proxies` of docker's config.json (its `default`), as docker's CLI adds them: in both cases,
 * where the command line says nothing of that name. A config that cannot be read adds none: the registry reports it.
 */
export function withProxyArgs(
  given: Readonly<Record<string, string>>,
  { env, home }: Workshop,
): Readonly<Record<string, string>> {
  const file = join(env['DOCKER_CONFIG'] ?? join(home, '.docker'), 'config.json');
  const proxies = readProxies(file);
  if (proxies === undefined) return given;
  const added = Object.entries(VARIABLES).flatMap(([field, name]) => {
    const value = proxies[field];
    if (typeof value !== 'string' || value === '') return [];
    return [name, name.toLowerCase()].map((each) => [each, value] as const);
  });
  return { ...Object.fromEntries(added), ...given };
}

function readProxies(file: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const config: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return member(member(config, 'proxies'), 'default');
  } catch {
    return undefined;
  }
}

function member(value: unknown, name: string): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const found = (value as Record<string, unknown>)[name]; // An object, as checked.
  return typeof found === 'object' && found !== null
    ? (found as Record<string, unknown>)
    : undefined;
}
