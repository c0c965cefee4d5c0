import type { Attachment, Endpoint, Network, PublishedPort } from '../model/network.js';
import { wayOf } from './port-way.js';

export interface Job {
  /** Path of the network namespace that holds good in every mount namespace. */
  readonly namespace: string;
  readonly attachment: Attachment;
  /** One of the attachment's. */
  readonly endpoint: Endpoint;
}

/** What netavark reads on stdin (netavark 1.4, src/network/types.rs), for one endpoint. */
export function netavarkInput({ attachment, endpoint }: Job): unknown {
  const { container, name, dns, ports, endpoints } = attachment;
  const { network } = endpoint;
  const isFirst = endpoints[0]?.network.id === network.id;
  const mappings = isFirst ? portMappings(ports, endpoint) : [];
  return {
    container_id: container,
    container_name: name,
    ...(mappings.length > 0 ? { port_mappings: mappings } : {}),
    ...(dns.length > 0 ? { dns_servers: dns } : {}),
    networks: {
      [network.id]: {
        static_ips: [endpoint.ip, ...(endpoint.ip6 === undefined ? [] : [endpoint.ip6])],
        aliases: endpoint.aliases,
        interface_name: endpoint.interface,
        static_mac: endpoint.mac,
      },
    },
    network_info: { [network.id]: networkInfo(network, endpoint) },
  };
}

/** For an interface of priority 0 and number 0; a point of priority is worth as many interfaces. */
const FIRST_METRIC = 1_000_100;
const STEP = 100;
const MOST = 10_000;

/** Of several ways out the one with the lowest metric is taken: highest priority first, then the first interface. */
function metricOf(endpoint: Endpoint): number {
  const priority = Math.max(-MOST, Math.min(endpoint.gwPriority ?? 0, MOST));
  return FIRST_METRIC - STEP * priority + interfaceNumber(endpoint);
}

/** Of eth1: 1. */
export function interfaceNumber({ interface: name }: Endpoint): number {
  return Number(/\d*$/.exec(name)?.[0]);
}

/** Its name there is the id: rules' names are made of it, and other stores have networks of the same name. */
function networkInfo(network: Network, endpoint: Endpoint): unknown {
  const mtu = network.options['com.docker.network.driver.mtu'];
  return {
    name: network.id,
    id: network.id,
    driver: 'bridge',
    network_interface: network.bridge,
    internal: network.internal,
    ipv6_enabled: network.ipv6,
    // docker's default network knows no names.
    dns_enabled: hasNames(network),
    options: {
      isolate: 'true',
      metric: String(metricOf(endpoint)),
      ...(mtu === undefined ? {} : { mtu }),
    },
    subnets: network.subnets.map(({ subnet, gateway }) => ({ subnet, gateway })),
  };
}

/** Whether containers find each other by name: in all but docker's default network. */
export function hasNames({ name }: Network): boolean {
  return name !== 'bridge';
}

/** Those that rules lead to the container; the others have a relay. '' is every address, of both kinds. */
function portMappings(ports: readonly PublishedPort[], { ip6 }: Endpoint): unknown[] {
  return ports
    .filter((port) => wayOf(port, { ip6: ip6 !== undefined, ports }).rules)
    .filter(({ hostIp }) => hostIp !== '::') // The one of IPv4 is of both kinds.
    .map(({ port, protocol, hostIp, hostPort }) => ({
      host_ip: hostIp === '0.0.0.0' ? '' : hostIp,
      container_port: port,
      host_port: hostPort,
      range: 1,
      protocol,
    }));
}
