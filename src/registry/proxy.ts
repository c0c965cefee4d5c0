import { BlockList, isIP } from 'node:net';
import { BuildError } from '../model/error.js';
import { isLoopback } from './address.js';

/**
 * The proxy the environment names for a URL, by the rules of docker's engine (Go's): `http_proxy` is for http and
 * `https_proxy` for https, `no_proxy` lists hosts, domains, addresses and networks, loopback is never asked through one.
 * Throws BuildError `usage` on what is no proxy's address.
 */
export function proxyFor(url: URL, env: NodeJS.ProcessEnv): URL | undefined {
  const name = url.protocol === 'https:' ? 'https_proxy' : 'http_proxy';
  const value = variable(env, name);
  if (value === '' || isLoopback(url.hostname)) return undefined;
  if (isExcepted(url, variable(env, 'no_proxy'))) return undefined;
  return addressOf(name, value);
}

function variable(env: NodeJS.ProcessEnv, name: string): string {
  return (env[name] ?? env[name.toUpperCase()] ?? '').trim();
}

const PROTOCOLS = ['http:', 'https:', 'socks5:', 'socks:'];

/** A value may hold a password: it is not shown. */
function addressOf(name: string, value: string): URL {
  const text = value.includes('://') ? value : `http://${value}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && url.hostname !== '' && PROTOCOLS.includes(url.protocol)) return url;
  throw new BuildError('usage', `${name.toUpperCase()} is not the address of a proxy`, {
    hint: 'write http://host:port, https://host:port or socks5://host:port; or unset it',
  });
}

function isExcepted(url: URL, list: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => entry !== '' && covers(entry, host, port));
}

function covers(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  if (entry.includes('/')) return isInNetwork(entry, host);
  const [, name = '', only] = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(entry) ?? [undefined, entry];
  if (only !== undefined && only !== port) return false;
  const bare = name.replace(/^\[|\]$/g, '').replace(/^\*(?=\.)/, '');
  return bare.startsWith('.') ? host.endsWith(bare) : host === bare || host.endsWith(`.${bare}`);
}

function isInNetwork(entry: string, host: string): boolean {
  const [network = '', prefix = ''] = entry.split('/');
  const family = isIP(network);
  if (family === 0 || isIP(host) !== family || !/^\d+$/.test(prefix)) return false;
  const bits = Number(prefix);
  if (bits > (family === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(network, bits, `ipv${family === 4 ? 4 : 6}`);
  return list.check(host, `ipv${family === 4 ? 4 : 6}`);
}
