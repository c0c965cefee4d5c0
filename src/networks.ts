import type { ContainerState } from './model/container.js';
import { type Happening, pruned } from './model/engine-event.js';
import { BuildError } from './model/error.js';
import { dnsNames, type EndpointConfig, type Network } from './model/network.js';
import { createNetwork as create, type NetworkOptions } from './network/create-network.js';
import { isPredefined } from './network/network-files.js';
import { membersOf, removeNetwork as remove } from './network/remove-network.js';
import type { Workshop } from './workshop.js';

export type { NetworkOptions };

const forever = new AbortController().signal;

export function listNetworks({ networks }: Workshop): readonly Network[] {
  return networks().files.list();
}

export async function createNetwork(
  options: NetworkOptions,
  { networks, tell }: Workshop,
): Promise<Network> {
  const { room } = networks();
  await using _lock = await room.lock(forever);
  const network = create(options, room);
  tell(happening('create', network));
  return network;
}

export async function removeNetwork(name: string, { networks, tell }: Workshop): Promise<Network> {
  const network = await remove(name, networks().room, forever);
  tell(happening('destroy', network));
  return network;
}

function happening(
  action: string,
  { id, name, driver }: Pick<Network, 'id' | 'name' | 'driver'>,
  container?: string,
): Happening {
  const attributes = { ...(container === undefined ? {} : { container }), name, type: driver };
  return { type: 'network', action, id, attributes };
}

/** Removes the networks that nobody runs in, but the predefined ones, and gives their names; with `dryRun` only those. */
export async function pruneNetworks(
  wanted: (network: Network) => boolean,
  workshop: Workshop,
  dryRun = false,
): Promise<readonly string[]> {
  const { room } = workshop.networks();
  const unused = listNetworks(workshop).filter(
    (network) => !isPredefined(network.name) && !isUsed(network, workshop) && wanted(network),
  );
  const removed: string[] = [];
  for (const network of unused) {
    removed.push(network.name);
    if (dryRun) continue;
    await remove(network.id, room, forever);
    workshop.tell(happening('destroy', network));
  }
  if (!dryRun) workshop.tell(pruned('network', 0));
  return removed;
}

/** A container runs in it. */
export function isUsed({ id }: Network, { networks }: Workshop): boolean {
  const { room } = networks();
  return membersOf(id, room).some(({ container }) => room.isRunning(container));
}

/** docker's inspect document of a network. */
export function inspectNetwork(name: string, { networks }: Workshop): Record<string, unknown> {
  const { files, room } = networks();
  const network = files.find(name);
  const members = membersOf(network.id, room).filter(({ container }) => room.isRunning(container));
  return {
    Name: network.name,
    Id: network.id,
    Created: network.created,
    Scope: 'local',
    Driver: network.driver,
    EnableIPv4: true,
    EnableIPv6: network.ipv6,
    IPAM: {
      Driver: 'default',
      Options: isPredefined(network.name) ? null : (network.ipamOptions ?? {}),
      Config: network.subnets.map(({ subnet, range, gateway, aux }) => ({
        Subnet: subnet,
        ...(range === undefined ? {} : { IPRange: range }),
        Gateway: gateway,
        ...(aux === undefined ? {} : { AuxiliaryAddresses: aux }),
      })),
    },
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: Object.fromEntries(
      members.flatMap(({ container, name: member, endpoints }) =>
        endpoints
          .filter((endpoint) => endpoint.network.id === network.id)
          .map((endpoint) => [
            container,
            {
              Name: member,
              EndpointID: endpoint.id,
              MacAddress: endpoint.mac,
              IPv4Address: withPrefix(endpoint.ip, endpoint.network, 0),
              IPv6Address:
                endpoint.ip6 === undefined ? '' : withPrefix(endpoint.ip6, endpoint.network, 1),
            },
          ]),
      ),
    ),
    Options: optionsOf(network),
    Labels: network.labels,
  };
}

function optionsOf(network: Network): Record<string, string> {
  if (network.driver !== 'bridge' || network.name !== 'bridge') return network.options;
  return {
    'com.docker.network.bridge.default_bridge': 'true',
    'com.docker.network.bridge.enable_icc': 'true',
    'com.docker.network.bridge.enable_ip_masquerade': 'true',
    'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0',
    'com.docker.network.bridge.name': network.bridge,
    'com.docker.network.driver.mtu': '1500',
    ...network.options,
  };
}

/** `nth`: the network's subnets are sorted, IPv4 first. */
export function withPrefix(address: string, { subnets }: Network, nth: number): string {
  return `${address}/${prefixOf(subnets[nth]?.subnet)}`;
}

export function prefixOf(subnet: string | undefined): string {
  return subnet?.split('/')[1] ?? '0';
}

/** Throws BuildError `conflict`, `usage` in docker's words. */
export async function connectNetwork(
  config: EndpointConfig,
  container: string,
  workshop: Workshop,
): Promise<void> {
  const { containers, networks } = workshop;
  const state = containers.find(container);
  const network = networks().files.find(config.network);
  checkConnect(network, state);
  const endpoint = { ...config, network: network.id };
  const running = containers.isRunning(state.id);
  if (running) {
    const { id, name, pid } = state;
    const named = { ...endpoint, aliases: dnsNames(state, endpoint) };
    await networks().connect({ container: id, name, pid, endpoint: named }, forever);
  }
  save({ ...state, endpoints: [...state.endpoints, endpoint] }, workshop);
  workshop.tell(happening('connect', network, state.id));
}

function checkConnect(network: Network, state: ContainerState): void {
  const mode = state.hostConfig.NetworkMode;
  if (mode === 'host' || mode.startsWith('container:') || network.driver === 'host') {
    throw new BuildError(
      'usage',
      'container sharing network namespace with another container or host cannot be connected to any other network',
    );
  }
  if (mode === 'none' || network.driver === 'null') {
    throw new BuildError(
      'usage',
      'container cannot be connected to multiple networks with one of the networks in private (none) mode',
    );
  }
  if (state.endpoints.some((endpoint) => endpoint.network === network.id)) {
    throw new BuildError(
      'conflict',
      `endpoint with name ${state.name} already exists in network ${network.name}`,
    );
  }
}

/** With `force` also from a network that is gone: its id, or the start of it, is still the container's. */
export async function disconnectNetwork(
  name: string,
  container: string,
  workshop: Workshop,
  force: boolean,
): Promise<void> {
  const { containers, networks } = workshop;
  const state = containers.find(container);
  const network = force ? goneOr(name, state, workshop) : networks().files.find(name);
  const { id, pid } = state;
  const rest = state.endpoints.filter((endpoint) => endpoint.network !== network.id);
  if (rest.length === state.endpoints.length)
    throw new BuildError('conflict', `container ${id} is not connected to network ${network.name}`);
  if (containers.isRunning(id))
    await networks().disconnect({ container: id, pid, network: network.id }, forever);
  save({ ...state, endpoints: rest }, workshop);
  workshop.tell(happening('disconnect', { driver: 'bridge', ...network }, id));
}

function goneOr(name: string, { endpoints }: ContainerState, { networks }: Workshop) {
  const gone = endpoints.find(({ network }) => name.length >= 12 && network.startsWith(name));
  return gone === undefined ? networks().files.find(name) : { id: gone.network, name };
}

/** Without a network it has none; with one it is that of the first, as docker's mode says. */
function save(state: ContainerState, { containers, networks }: Workshop): void {
  const [first] = state.endpoints;
  const name = networks()
    .files.list()
    .find(({ id }) => id === first?.network)?.name;
  const NetworkMode = first === undefined ? 'none' : (name ?? state.hostConfig.NetworkMode);
  containers.save({ ...state, hostConfig: { ...state.hostConfig, NetworkMode } });
}
