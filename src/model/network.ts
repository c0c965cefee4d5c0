/** A subnet of a network, in CIDR form. */
export interface Subnet {
  readonly subnet: string;
  readonly gateway: string;
  /** Where containers' addresses come from; absent: all of it. */
  readonly range?: string;
  /** Addresses that are others', by name. */
  readonly aux?: Readonly<Record<string, string>>;
  /** Chosen by us, so that another may be chosen when it turns out to be in use elsewhere. */
  readonly chosen?: boolean;
}

/** A network of the machine's containers. */
export interface Network {
  /** 64 hex characters. */
  readonly id: string;
  readonly name: string;
  readonly driver: 'bridge' | 'host' | 'null';
  /** RFC 3339. */
  readonly created: string;
  readonly internal: boolean;
  readonly ipv6: boolean;
  readonly attachable: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly ipamOptions?: Readonly<Record<string, string>>;
  readonly subnets: readonly Subnet[];
  /** Name of the bridge's interface; '' for host and null. */
  readonly bridge: string;
}

/** How a container is to join a network. */
export interface EndpointConfig {
  /** The network's id. */
  readonly network: string;
  readonly aliases: readonly string[];
  readonly ip?: string;
  readonly ip6?: string;
  readonly mac?: string;
  /** The way out is the network with the highest; absent: 0. */
  readonly gwPriority?: number;
}

/** What others in a network call a container: docker's DNSNames. */
export function dnsNames(
  { id, name, hostname }: { readonly id: string; readonly name: string; readonly hostname: string },
  { aliases }: EndpointConfig,
): readonly string[] {
  return [...new Set([name, ...aliases, id.slice(0, 12), hostname])];
}

/** A port of a container and where it is to be reached: moby's PortBinding, parsed. */
export interface PortRequest {
  readonly port: number;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** '' is every address. */
  readonly hostIp: string;
  /** First and last of those that will do; absent: any. */
  readonly hostPorts?: readonly [number, number];
}

export interface PublishedPort {
  readonly port: number;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** An address; 0.0.0.0 is every one of IPv4, :: of IPv6. */
  readonly hostIp: string;
  readonly hostPort: number;
}

/** A process, whoever has its number later. */
export interface RelayProcess {
  readonly pid: number;
  readonly start: string;
}

/** A container's place in a network, while it runs. */
export interface Endpoint {
  readonly id: string;
  /** As it was then: what is taken down is what was set up. */
  readonly network: Network;
  /** In the container: eth0. */
  readonly interface: string;
  readonly ip: string;
  readonly ip6?: string;
  readonly mac: string;
  readonly aliases: readonly string[];
  readonly gwPriority?: number;
}

/** Everything on the host that is a running container's: addresses, ports, rules, names. */
export interface Attachment {
  readonly container: string;
  readonly name: string;
  /** Nothing of it is left after a reboot. */
  readonly boot: string;
  readonly endpoints: readonly Endpoint[];
  readonly ports: readonly PublishedPort[];
  /** Carries what comes to published ports and no rule can lead to the container. */
  readonly relay?: RelayProcess;
  /** Name servers asked for (`--dns`), for the networks' own server to ask. */
  readonly dns: readonly string[];
}

export interface AttachRequest {
  readonly container: string;
  readonly name: string;
  /** The first is the way out, and has the published ports. */
  readonly endpoints: readonly EndpointConfig[];
  readonly ports: readonly PortRequest[];
  readonly dns: readonly string[];
}

/** A container's network in the making: addresses are known, interfaces and rules come with `ready`. */
export interface Attaching {
  readonly attachment: Attachment;
  /** Path of the network namespace, until `release`. */
  readonly namespace: string;
  /** Hold the published ports: the container's monitor keeps them open. */
  readonly sockets: readonly number[];
  /** Rejects with BuildError `runtime`, with everything taken down. */
  readonly ready: Promise<void>;
  /** Closes our descriptors. */
  readonly release: () => void;
}

/** What starting a container needs of the networks. */
export interface ContainerNetworks {
  readonly attach: (request: AttachRequest, signal: AbortSignal) => Promise<Attaching>;
  /** Takes down what a container has on the host; its processes are gone. */
  readonly detach: (container: string, signal: AbortSignal) => Promise<void>;
}
