import type { ContainerState } from './model/container.js';
import type { Attachment, Endpoint, EndpointConfig, PublishedPort } from './model/network.js';
import { prefixOf } from './networks.js';
import type { Workshop } from './workshop.js';

/** A port of a container: published somewhere, or only exposed. */
export interface ContainerPort {
  /** `80/tcp`. */
  readonly port: string;
  readonly hostIp?: string;
  readonly hostPort?: number;
}

/** Ports of a container that runs, as `ps` and `port` show them. */
export function containerPorts(
  state: ContainerState,
  workshop: Workshop,
): readonly ContainerPort[] {
  const attachment = attachmentOf(state, workshop);
  if (attachment === undefined) return [];
  const published = attachment.ports.map(placeOf);
  const shown = new Set(published.map(({ port }) => port));
  const exposed = Object.keys(state.config.ExposedPorts ?? {}).filter((port) => !shown.has(port));
  return [...published, ...exposed.map((port) => ({ port }))];
}

function placeOf({ port, protocol, hostIp, hostPort }: PublishedPort): ContainerPort {
  return { port: `${String(port)}/${protocol}`, hostIp: hostIp || '0.0.0.0', hostPort };
}

function attachmentOf(state: ContainerState, { containers, networks }: Workshop) {
  if (state.endpoints.length === 0 || !containers.isRunning(state.id)) return undefined;
  return networks().attachments.read(state.id);
}

/** docker's NetworkSettings. */
export function networkSettings(state: ContainerState, workshop: Workshop): unknown {
  const attachment = attachmentOf(state, workshop);
  const bridge = attachment?.endpoints.find(({ network }) => network.name === 'bridge');
  return {
    Bridge: '',
    SandboxID: attachment === undefined ? '' : state.id,
    SandboxKey: attachment === undefined ? '' : `/proc/${String(state.pid)}/ns/net`,
    Ports: portMap(state, workshop),
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: bridge?.id ?? '',
    ...addresses(bridge),
    Networks: networkMap(state, attachment, workshop),
  };
}

function portMap(state: ContainerState, workshop: Workshop): Record<string, unknown> {
  const map: Record<string, { HostIp: string; HostPort: string }[] | null> = {};
  for (const { port, hostIp, hostPort } of containerPorts(state, workshop)) {
    if (hostIp === undefined) map[port] = null;
    else (map[port] ??= []).push({ HostIp: hostIp, HostPort: String(hostPort ?? '') });
  }
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function addresses(endpoint: Endpoint | undefined) {
  const [v4, v6] = endpoint?.network.subnets ?? [];
  const has6 = endpoint?.ip6 !== undefined;
  return {
    Gateway: v4?.gateway ?? '',
    GlobalIPv6Address: endpoint?.ip6 ?? '',
    GlobalIPv6PrefixLen: has6 ? Number(prefixOf(v6?.subnet)) : 0,
    IPAddress: endpoint?.ip ?? '',
    IPPrefixLen: endpoint === undefined ? 0 : Number(prefixOf(v4?.subnet)),
    IPv6Gateway: has6 ? (v6?.gateway ?? '') : '',
    MacAddress: endpoint?.mac ?? '',
  };
}

function networkMap(
  state: ContainerState,
  attachment: Attachment | undefined,
  workshop: Workshop,
): Record<string, unknown> {
  const names = new Map(
    workshop
      .networks()
      .files.list()
      .map(({ id, name }) => [id, name]),
  );
  const mode = state.hostConfig.NetworkMode;
  const alone = mode === 'host' || mode === 'none' ? [idOf(mode, names)] : [];
  const configs: readonly EndpointConfig[] = [
    ...alone.map((network) => ({ network, aliases: [] })),
    ...state.endpoints,
  ];
  return Object.fromEntries(
    configs.map((config) => {
      const endpoint = attachment?.endpoints.find(({ network }) => network.id === config.network);
      return [names.get(config.network) ?? config.network, endpointSettings(config, endpoint)];
    }),
  );
}

/** Of the networks it is in, or `host` or `none`. */
export function networkNames(
  { endpoints, hostConfig }: ContainerState,
  { networks }: Workshop,
): readonly string[] {
  const mode = hostConfig.NetworkMode;
  if (endpoints.length === 0) return mode.startsWith('container:') ? [] : [mode];
  const known = networks().files.list();
  return endpoints.map(({ network }) => known.find(({ id }) => id === network)?.name ?? network);
}

function idOf(mode: string, names: ReadonlyMap<string, string>): string {
  return [...names].find(([, name]) => name === mode)?.[0] ?? mode;
}

function endpointSettings(config: EndpointConfig, endpoint: Endpoint | undefined): unknown {
  const { ip, ip6, aliases } = config;
  const given = {
    ...(ip === undefined ? {} : { IPv4Address: ip }),
    ...(ip6 === undefined ? {} : { IPv6Address: ip6 }),
  };
  return {
    IPAMConfig: Object.keys(given).length === 0 ? null : given,
    Links: null,
    Aliases: aliases.length === 0 ? null : aliases,
    DriverOpts: null,
    GwPriority: config.gwPriority ?? 0,
    NetworkID: config.network,
    EndpointID: endpoint?.id ?? '',
    ...addresses(endpoint),
    DNSNames:
      endpoint === undefined || endpoint.network.name === 'bridge' ? null : endpoint.aliases,
  };
}
