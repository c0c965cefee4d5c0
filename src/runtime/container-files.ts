import { isIP } from 'node:net';
import type { ContainerState } from '../model/container.js';
import type { Attachment } from '../model/network.js';
import { hostsFile, resolvConf } from './network-files.js';

type Named = Pick<ContainerState, 'hostname' | 'hostConfig'>;

/** /etc/hosts of a container: its addresses under its name, and what `--add-host` says. */
export function containerHosts({ hostname, hostConfig }: Named, attachment?: Attachment): string {
  const own = (attachment?.endpoints ?? [])
    .flatMap(({ ip, ip6 }) => (ip6 === undefined ? [ip] : [ip, ip6]))
    .map((address) => ({ name: namesOf(hostname), address }));
  const gateway = attachment?.endpoints[0]?.network.subnets[0]?.gateway ?? '127.0.0.1';
  const more = (hostConfig.ExtraHosts ?? []).map((entry) => extraHost(entry, gateway));
  const text = hostsFile(hostname, [...own, ...more]);
  return own.length === 0 ? text : text.replace(`127.0.1.1\t${hostname}\n`, '');
}

/** `web.example.org` is also `web`, as docker writes it. */
function namesOf(hostname: string): string {
  const short = hostname.replace(/\..*$/, '');
  return short === hostname ? hostname : `${hostname} ${short}`;
}

/** `name:address`, as `--add-host` was checked; `host-gateway` is the host as the container sees it. */
function extraHost(entry: string, gateway: string): { name: string; address: string } {
  const cut = entry.indexOf(':');
  const address = entry.slice(cut + 1);
  return { name: entry.slice(0, cut), address: address === 'host-gateway' ? gateway : address };
}

/** systemd-resolved's own server is on the host's loopback: containers ask the servers that it asks. */
export function hostResolvConf(read: (path: string) => string): string {
  const text = read('/etc/resolv.conf');
  const servers = valuesOf(text, 'nameserver');
  const stub = servers.length > 0 && servers.every((server) => server === '127.0.0.53');
  return (stub && read('/run/systemd/resolve/resolv.conf')) || text;
}

/** In an ordinary user's network: slirp4netns asks the server of the machine, on whatever address that is. */
const FORWARDER = '10.0.2.3';

const LOOPBACK = /^(127\.|::1$)/;

/**
 * /etc/resolv.conf of a container. In a network with names the network's server is asked, which asks the others; in the
 * default network the host's servers are, but for those that only the host can reach.
 */
export function containerResolvConf(
  host: string,
  { hostConfig }: Pick<ContainerState, 'hostConfig'>,
  attachment?: Attachment,
): string {
  const { NetworkMode, Dns, DnsSearch, DnsOptions } = hostConfig;
  if (NetworkMode === 'none') return '';
  const isPlain = Dns.length + DnsSearch.length + DnsOptions.length === 0;
  if (attachment === undefined && isPlain) return resolvConf(host, 'host');
  const named = (attachment?.endpoints ?? []).filter(({ network }) => network.name !== 'bridge');
  const own = named.flatMap(({ network }) => network.subnets.slice(0, 1).map((s) => s.gateway));
  const forwarder = attachment?.endpoints.some(({ network }) => network.bridge === '') === true;
  const others = forwarder && Dns.length === 0 ? [FORWARDER] : undefined;
  const servers = own.length > 0 ? own : (others ?? serversOf(host, Dns, attachment !== undefined));
  const search = DnsSearch.length > 0 ? DnsSearch.filter((name) => name !== '.') : searchOf(host);
  const options = DnsOptions.length > 0 ? DnsOptions : valuesOf(host, 'options');
  const ndots = own.length > 0 && !options.some((option) => option.startsWith('ndots'));
  return [
    ...servers.map((server) => `nameserver ${server}`),
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    ...(options.length > 0 || ndots
      ? [`options ${[...options, ...(ndots ? ['ndots:0'] : [])].join(' ')}`]
      : []),
    '',
  ].join('\n');
}

function searchOf(host: string): readonly string[] {
  return valuesOf(host, 'search');
}

/** Public servers stand in where the host has none that a container can reach (as moby's libnetwork does). */
function serversOf(host: string, given: readonly string[], isolated: boolean): readonly string[] {
  if (given.length > 0) return given;
  const servers = valuesOf(host, 'nameserver').filter((server) => isIP(server) !== 0);
  const usable = servers.filter((server) => !isolated || !LOOPBACK.test(server));
  return usable.length > 0 ? usable : ['8.8.8.8', '8.8.4.4'];
}

/** Words after a keyword; of several `search` lines the last counts (resolv.conf(5)). */
function valuesOf(text: string, keyword: string): readonly string[] {
  const lines = text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([first]) => first === keyword)
    .map(([, ...words]) => words);
  return keyword === 'search' ? (lines.at(-1) ?? []) : lines.flat();
}
