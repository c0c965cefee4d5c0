import { isIP } from 'node:net';
import { BuildError } from '../../model/error.js';
import type { HostConfig, PortBinding } from '../../model/host-config.js';
import type { RunConfig } from '../../model/oci.js';
import type { FlagFamily } from './flag-family.js';

/** Ports of a container, and where they are reached. */
export const PUBLISH: FlagFamily = {
  flags: [
    {
      name: 'publish',
      short: 'p',
      kind: 'list',
      value: '[[IP:]HOST:]PORT[/PROTOCOL]',
      help: 'Publish a port of the container on the host',
    },
    { name: 'publish-all', short: 'P', kind: 'bool', help: 'Publish every exposed port anywhere' },
    { name: 'expose', kind: 'list', value: 'PORT[/PROTOCOL]', help: 'Expose a port or a range' },
  ],
  read: (flags) => {
    const PortBindings = bindingsOf(flags.list('publish'));
    const exposed = [...Object.keys(PortBindings), ...flags.list('expose').flatMap(exposedBy)];
    return {
      host: { PortBindings, PublishAllPorts: flags.bool('publish-all') },
      config: exposed.length === 0 ? {} : { ExposedPorts: setOf(exposed) },
    };
  },
};

function setOf(ports: readonly string[]): NonNullable<RunConfig['ExposedPorts']> {
  return Object.fromEntries(ports.map((port) => [port, {}]));
}

function exposedBy(text: string): string[] {
  const [range = '', protocol = 'tcp'] = text.toLowerCase().split('/');
  const found = rangeOf(range);
  if (found === undefined || !isProtocol(protocol))
    throw invalid(`invalid range format for --expose: ${JSON.stringify(text)}`);
  const [first, last] = found;
  return Array.from({ length: last - first + 1 }, (_, i) => `${String(first + i)}/${protocol}`);
}

function bindingsOf(values: readonly string[]): HostConfig['PortBindings'] {
  const bindings: Record<string, PortBinding[]> = {};
  for (const value of values) {
    for (const [port, binding] of parsePublish(value.includes('=') ? shortForm(value) : value))
      (bindings[port] ??= []).push(binding);
  }
  return bindings;
}

/** `published=8080,target=80,protocol=tcp`. */
function shortForm(value: string): string {
  const fields = new Map<string, string>();
  for (const field of value.split(',')) {
    const [name = '', text, more] = field.split('=');
    if (text === undefined || more !== undefined)
      throw invalid(`invalid publish opts format (should be name=value but got '${field}')`);
    if (!['published', 'target', 'protocol'].includes(name))
      throw invalid(`invalid publish opts format: unknown name ${name}`);
    fields.set(name, text);
  }
  const protocol = fields.get('protocol') ?? 'tcp';
  return `${fields.get('published') ?? ''}:${fields.get('target') ?? ''}/${protocol}`;
}

/** docker/go-connections nat.ParsePortSpec: `[[ip:]host:]port[/protocol]`, ports or ranges of one length. */
export function parsePublish(text: string): readonly (readonly [string, PortBinding])[] {
  const parts = text.split(':');
  const [target = ''] = parts.splice(-1);
  const [hostText = ''] = parts.splice(-1);
  const HostIp = addressOf(parts.join(':'));
  const cut = target.indexOf('/');
  const portText = cut === -1 ? target : target.slice(0, cut);
  const protocol = (cut === -1 ? '' : target.slice(cut + 1)).toLowerCase() || 'tcp';
  if (portText === '') throw invalid(`no port specified: ${text}<empty>`);
  if (!isProtocol(protocol)) throw invalid(`invalid proto: ${protocol}`);
  const port = rangeOf(portText);
  if (port === undefined) throw invalid(`invalid containerPort: ${portText}`);
  const host = hostText === '' ? undefined : rangeOf(hostText);
  if (hostText !== '' && host === undefined) throw invalid(`invalid hostPort: ${hostText}`);
  const [first, last] = port;
  if (host !== undefined && first !== last && host[1] - host[0] !== last - first)
    throw invalid(
      `invalid ranges specified for container and host Ports: ${portText} and ${hostText}`,
    );
  return Array.from({ length: last - first + 1 }, (_, i) => [
    `${String(first + i)}/${protocol}`,
    { HostIp, HostPort: hostPort(host, i, first === last) },
  ]);
}

/** A range for one port is a choice; for a range, each has its own. */
function hostPort(
  host: readonly [number, number] | undefined,
  nth: number,
  single: boolean,
): string {
  if (host === undefined) return '';
  const [first, last] = host;
  return single && first !== last ? `${String(first)}-${String(last)}` : String(first + nth);
}

function addressOf(text: string): string {
  const bare = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  if (bare !== '' && isIP(bare) === 0) throw invalid(`invalid IP address: ${text}`);
  return bare;
}

function isProtocol(text: string): boolean {
  return ['tcp', 'udp', 'sctp'].includes(text);
}

const MAX_PORT = 65_535;

export function rangeOf(text: string): readonly [number, number] | undefined {
  const [, from, to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const [first, last] = [Number(from), Number(to)];
  if (from === undefined || first > MAX_PORT || last > MAX_PORT || last < first) return undefined;
  return [first, last];
}

function invalid(message: string): BuildError {
  return new BuildError('usage', message, { hint: 'write 8080:80, 127.0.0.1:8080:80/tcp or 80' });
}
