import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { BuildError } from '../model/error.js';

/** Without credentials and without the query, which may hold signatures. */
export function shownUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

/** localhost, 127/8 and ::1: the only hosts spoken to in plain HTTP unasked. */
export function isLoopback(hostname: string): boolean {
  const bare = bareHost(hostname);
  if (bare === 'localhost') return true;
  return (isIPv4(bare) && bare.startsWith('127.')) || (isIPv6(bare) && bare === '::1');
}

/** Made at first use: most builds meet no such address, and node's net takes 3 ms to load. */
let privateList: BlockList | undefined;

function privateNetworks(): BlockList {
  if (privateList !== undefined) return privateList;
  const list = new BlockList();
  for (const [network, prefix] of [
    ['0.0.0.0', 8],
    ['10.0.0.0', 8],
    ['100.64.0.0', 10],
    ['127.0.0.0', 8],
    ['169.254.0.0', 16],
    ['172.16.0.0', 12],
    ['192.168.0.0', 16],
  ] as const)
    list.addSubnet(network, prefix, 'ipv4');
  for (const [network, prefix] of [
    ['::', 127],
    ['fc00::', 7],
    ['fe80::', 10],
  ] as const)
    list.addSubnet(network, prefix, 'ipv6');
  return (privateList = list);
}

/** True for a literal address no public host may send us to: private, link-local, loopback, unspecified. */
export function isPrivateAddress(hostname: string): boolean {
  const bare = bareHost(hostname);
  if (isIPv4(bare)) return privateNetworks().check(bare, 'ipv4');
  return isIPv6(bare) ? privateNetworks().check(bare, 'ipv6') : bare === 'localhost';
}

/**
 * True where a password for `a` may be shown to `b`: the same host, both loopback, or names below the same
 * registrable domain (`registry-1.docker.io` and `auth.docker.io`).
 */
export function isSameSite(a: string, b: string): boolean {
  if (a === b || (isLoopback(a) && isLoopback(b))) return true;
  const site = registrable(a);
  return site !== undefined && site === registrable(b);
}

/** The last two labels, three below `co.uk` and its like; a guess without the public suffix list, on the strict side. */
function registrable(hostname: string): string | undefined {
  const bare = bareHost(hostname);
  if (isIPv4(bare) || isIPv6(bare)) return undefined;
  const labels = bare.split('.');
  const [second = '', top = ''] = labels.slice(-2);
  const count = top.length === 2 && second.length <= 3 ? 3 : 2;
  return labels.length < count ? undefined : labels.slice(-count).join('.');
}

function bareHost(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}

/** Without its port. Throws BuildError `usage` for what a grammar allows and no network has. */
export function hostnameOf(host: string): string {
  const text = `http://${host}`;
  if (URL.canParse(text)) return new URL(text).hostname;
  throw new BuildError('usage', `${JSON.stringify(host)} is no host of a registry`, {
    hint: 'HOST[:PORT], with a port up to 65535',
  });
}
