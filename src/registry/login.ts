import { BuildError } from '../model/error.js';
import type { Scope } from '../model/scope.js';
import { hostnameOf, isLoopback } from './address.js';
import { authenticated } from './auth.js';
import type { Credentials } from './credentials.js';
import type { RegistryDeps } from './endpoint.js';
import { follow } from './follow.js';
import { createHttp } from './http.js';

/** Asks a registry whether it takes these credentials. Throws BuildError `auth` when it does not. */
export async function checkLogin(
  domain: string,
  credentials: Credentials,
  deps: RegistryDeps,
  { signal }: Scope,
): Promise<void> {
  const { insecure, tokenServers } = deps.config.of(domain);
  const host = domain === 'docker.io' ? 'registry-1.docker.io' : domain;
  const plain = insecure || isLoopback(hostnameOf(host));
  const url = new URL(`${plain ? 'http' : 'https'}://${host}/v2/`);
  const realm = { domain, origin: url.origin, tokenServers };
  const http = authenticated(await createHttp({ env: deps.env }), () => credentials, realm);
  const response = await follow(http, { method: 'GET', url, headers: {}, signal }, domain);
  await response.discard();
  if (response.status === 200) return;
  const what = `login attempt to ${url.href} failed with status: ${String(response.status)}`;
  throw new BuildError(response.status === 403 ? 'auth' : 'registry', what, {
    hint: response.status === 404 ? 'is it a registry?' : 'is the password right?',
  });
}
