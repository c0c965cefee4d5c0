import { isIP, isIPv4, isIPv6 } from 'node:net';
import { BuildError } from '../../model/error.js';
import type { NetworkRequest } from '../../model/run-options.js';
import type { ParsedFlags } from '../flags.js';
import type { FlagFamily } from './flag-family.js';

/** Where a container's packets go, and what it is called there. */
export const NETWORK: FlagFamily = {
  flags: [
    {
      name: 'network',
      kind: 'list',
      value: 'NETWORK',
      help: 'A network (default bridge), host, none or container:NAME',
    },
    { name: 'net', kind: 'list', value: 'NETWORK', help: 'As --network' },
    { name: 'network-alias', kind: 'list', value: 'NAME', help: 'Another name in the network' },
    { name: 'net-alias', kind: 'list', value: 'NAME', help: 'As --network-alias' },
    { name: 'ip', kind: 'text', value: 'ADDRESS', help: 'Its IPv4 address in the network' },
    { name: 'ip6', kind: 'text', value: 'ADDRESS', help: 'Its IPv6 address in the network' },
    { name: 'mac-address', kind: 'text', value: 'ADDRESS', help: 'Its hardware address' },
  ],
  read: (flags) => ({ networks: networksOf(flags) }),
};

function networksOf(flags: ParsedFlags): readonly NetworkRequest[] {
  const given = [...flags.list('network'), ...flags.list('net')].map(networkOf);
  const [first = { target: 'default', aliases: [] }, ...more] = given;
  return [withOwnFlags(first, flags), ...more];
}

/** Flags of their own are the first network's (docker, cli/command/container/opts.go). */
function withOwnFlags(request: NetworkRequest, flags: ParsedFlags): NetworkRequest {
  const aliases = [...flags.list('network-alias'), ...flags.list('net-alias')];
  const own = endpointOf({
    ip: flags.text('ip'),
    ip6: flags.text('ip6'),
    mac: flags.text('mac-address'),
  });
  const conflicts: readonly (readonly [boolean, string])[] = [
    [aliases.length > 0 && request.aliases.length > 0, '--network-alias and per-network alias'],
    [own.ip !== undefined && request.ip !== undefined, '--ip and per-network IPv4 address'],
    [own.ip6 !== undefined && request.ip6 !== undefined, '--ip6 and per-network IPv6 address'],
    [
      own.mac !== undefined && request.mac !== undefined,
      '--mac-address and per-network MAC address',
    ],
  ];
  for (const [isSo, what] of conflicts)
    if (isSo) throw usage(`conflicting options: cannot specify both ${what}`);
  return { ...request, aliases: [...request.aliases, ...aliases], ...own };
}

function networkOf(text: string): NetworkRequest {
  try {
    return parseNetwork(text);
  } catch (error) {
    if (!(error instanceof BuildError) || error.code !== 'usage') throw error;
    throw wrong('network', text, error.message);
  }
}

/** `NAME`, or `name=NAME,alias=web,ip=10.0.0.2,ip6=fd00::2,mac-address=02:42:0a:00:00:02`. */
function parseNetwork(text: string): NetworkRequest {
  if (!/\w+=\w+/.test(text)) return { target: text, aliases: [] };
  const fields = text.split(',').map((field): readonly [string, string] => {
    const cut = field.indexOf('=');
    if (cut <= 0) throw usage(`invalid field ${field}`);
    return [field.slice(0, cut).trim().toLowerCase(), field.slice(cut + 1).trim()];
  });
  const unknown = fields.find(
    ([key]) => !['name', 'alias', 'ip', 'ip6', 'mac-address', 'gw-priority'].includes(key),
  );
  if (unknown !== undefined) throw unknownField(unknown[0]);
  const one = (key: string): string | undefined => fields.findLast(([name]) => name === key)?.[1];
  const target = one('name') ?? '';
  if (target === '') throw usage('network name/id is not specified');
  const aliases = fields.filter(([key]) => key === 'alias').map(([, value]) => value);
  const own = endpointOf({ ip: one('ip'), ip6: one('ip6'), mac: one('mac-address') });
  return { target, aliases, ...own, ...gatewayPriority(one('gw-priority')) };
}

export const GW_PRIORITY = 'The way out is that of the network with the highest (default 0)';

/** Of `--gw-priority`. Throws BuildError `usage` in docker's words. */
export function gatewayPriority(text: string | undefined): { readonly gwPriority?: number } {
  if (text === undefined) return {};
  if (!/^[+-]?\d{1,9}$/.test(text)) throw usage(`invalid gw-priority (${text}): invalid syntax`);
  return { gwPriority: Number(text) };
}

function unknownField(key: string): BuildError {
  if (['driver-opt', 'link-local-ip'].includes(key)) {
    return new BuildError('unsupported', `--network ${key}= is not supported`, {
      hint: 'leave it out',
    });
  }
  return usage(`invalid field key ${key}`);
}

interface Texts {
  readonly ip: string | undefined;
  readonly ip6: string | undefined;
  readonly mac: string | undefined;
}

/** Addresses, checked. */
function endpointOf({ ip, ip6, mac }: Texts): Pick<NetworkRequest, 'ip' | 'ip6' | 'mac'> {
  if (ip !== undefined && !isIPv4(ip)) throw usage(`invalid IPv4 address: ${ip}`);
  if (ip6 !== undefined && !isIPv6(ip6)) throw usage(`invalid IPv6 address: ${ip6}`);
  return {
    ...(ip === undefined ? {} : { ip }),
    ...(ip6 === undefined ? {} : { ip6 }),
    ...(mac === undefined ? {} : { mac: macOf(mac) }),
  };
}

function macOf(text: string): string {
  const mac = text.trim().toLowerCase().replaceAll('-', ':');
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac))
    throw usage(`${text} is not a valid mac address`);
  return mac;
}

/** Names, and who is asked for them. */
export const NAMES: FlagFamily = {
  flags: [
    { name: 'add-host', kind: 'list', value: 'NAME:IP', help: 'A line more of /etc/hosts' },
    { name: 'dns', kind: 'list', value: 'ADDRESS', help: 'A name server' },
    { name: 'dns-search', kind: 'list', value: 'DOMAIN', help: 'A domain to look for names in' },
    { name: 'dns-option', kind: 'list', value: 'OPTION', help: 'An option of resolv.conf' },
    { name: 'dns-opt', kind: 'list', value: 'OPTION', help: 'As --dns-option' },
  ],
  read: (flags) => {
    const hosts = flags.list('add-host').map(extraHost);
    return {
      host: {
        ...(hosts.length === 0 ? {} : { ExtraHosts: hosts }),
        Dns: flags.list('dns').map(nameServer),
        DnsSearch: flags.list('dns-search').map(searchDomain),
        DnsOptions: [...flags.list('dns-option'), ...flags.list('dns-opt')].map(dnsOption),
      },
    };
  },
};

/** As docker keeps it: `name:address`. */
function extraHost(text: string): string {
  const cut = text.includes('=') ? text.indexOf('=') : text.indexOf(':');
  const name = text.slice(0, Math.max(cut, 0));
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name))
    throw wrong(
      'add-host',
      text,
      `bad format for add-host: ${JSON.stringify(text)}`,
      'write NAME:IP',
    );
  const address = text.slice(cut + 1).replace(/^\[(.+)\]$/, '$1');
  if (address !== 'host-gateway' && isIP(address) === 0)
    throw wrong('add-host', text, `invalid IP address in add-host: ${JSON.stringify(address)}`);
  return `${name}:${address}`;
}

function nameServer(text: string): string {
  if (isIP(text.trim()) === 0)
    throw wrong('dns', text, `IP address is not correctly formatted: ${text}`);
  return text.trim();
}

function searchDomain(text: string): string {
  const name = text.trim();
  if (name === '.' || (/[a-zA-Z]/.test(name) && /^[\w.-]{1,254}$/.test(name))) return name;
  throw wrong('dns-search', text, `${text} is not a valid domain`);
}

/** A word: a line end in it would be a line more of resolv.conf. */
function dnsOption(text: string): string {
  if (/^[\w:.-]+$/.test(text)) return text;
  throw usage(`invalid --dns-option ${JSON.stringify(text)}`, 'for example ndots:2 or edns0');
}

function wrong(flag: string, text: string, why: string, hint?: string): BuildError {
  return usage(`invalid argument ${JSON.stringify(text)} for "--${flag}" flag: ${why}`, hint);
}

function usage(message: string, hint?: string): BuildError {
  return new BuildError('usage', message, hint === undefined ? {} : { hint });
}
