import { readDockerConfig } from './registry/docker-config.js';
import type { Workshop } from './workshop.js';

const VARIABLES: Readonly<Record<string, string>> = {
  httpProxy: 'HTTP_PROXY',
  httpsProxy: 'HTTPS_PROXY',
  noProxy: 'NO_PROXY',
  ftpProxy: 'FTP_PROXY',
  allProxy: 'ALL_PROXY',
};

/**
 * The `proxies` of docker's config.json (its `default`) as variables, each in both cases: docker's CLI gives them to
 * builds as arguments and to containers as environment, where the command line says nothing of that name. A config
 * that cannot be read has none: the registry reports it.
 */
export function proxyVariables({ env, home }: Workshop): Readonly<Record<string, string>> {
  const proxies = readProxies(env, home);
  const pairs = Object.entries(VARIABLES).flatMap(([field, name]) => {
    const value = proxies?.[field];
    if (typeof value !== 'string' || value === '') return [];
    return [name, name.toLowerCase()].map((each) => [each, value] as const);
  });
  return Object.fromEntries(pairs);
}

function readProxies(
  env: NodeJS.ProcessEnv,
  home: string,
): Readonly<Record<string, unknown>> | undefined {
  try {
    return member(member(readDockerConfig(env, home), 'proxies'), 'default');
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
