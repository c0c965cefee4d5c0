import { BuildError } from '../model/error.js';
import { canonicalName, type Reference } from '../model/reference.js';
import { hostnameOf, isLoopback } from './address.js';
import { authenticated } from './auth.js';
import type { RegistryConfig } from './config.js';
import { findCredentials } from './credentials.js';
import { createHttp, type Http } from './http.js';

export interface RegistryDeps {
  readonly env: NodeJS.ProcessEnv;
  readonly home: string;
  readonly config: RegistryConfig;
}

/** Of an answer that explains a refusal. */
export const MAX_ERROR = 1 << 20;

/** One repository at one host. */
export interface Endpoint {
  /** `https://host/v2/repository`. */
  readonly base: string;
  readonly http: () => Promise<Http>;
}

/** The mirrors of a repository's registry, in order, and last the registry itself. */
export function endpointsOf({ domain, path }: Reference, deps: RegistryDeps): readonly Endpoint[] {
  const { mirrors, insecure, tokenServers } = deps.config.of(domain);
  const host = domain === 'docker.io' ? 'registry-1.docker.io' : domain;
  const plain = insecure || isLoopback(hostnameOf(host));
  const origins = [
    ...mirrors.map((mirror) => mirror.replace(/\/+$/, '')),
    `${plain ? 'http' : 'https'}://${host}`,
  ];
  return origins.map((origin) => {
    const asked = new URL(origin).host === host ? domain : new URL(origin).host;
    let http: Promise<Http> | undefined;
    const make = async (): Promise<Http> => {
      const plainHttp = await createHttp({ env: deps.env });
      const realm = { domain: asked, origin: new URL(origin).origin, tokenServers };
      return authenticated(plainHttp, () => findCredentials(asked, deps.env, deps.home), realm);
    };
    return { base: `${origin}/v2/${path}`, http: () => (http ??= make()) };
  });
}

/** What a registry's answer means to a person. */
export function refused(reference: Reference, status: number, body: string): BuildError {
  const message = /"message"\s*:\s*"([^"]*)"/.exec(body)?.[1] ?? '';
  if (status === 429) {
    return new BuildError('registry', `${reference.domain} refuses for now: too many requests`, {
      hint: 'wait, log in, or set a mirror in ~/.config/stave/config.json',
    });
  }
  const why = message === '' ? `status ${String(status)}` : message;
  const code = status === 401 || status === 403 ? 'auth' : 'registry';
  return new BuildError(code, `${canonicalName(reference)}: ${why}`);
}
