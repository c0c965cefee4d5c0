import type { EndpointConfig } from './model/network.js';
import { BuildError } from './model/error.js';
import type { NetworkRequest, RunOptions } from './model/run-options.js';
import { isPredefined } from './network/network-files.js';
import { notInstalled } from './network/netavark.js';
import { whyNoNamespaces, whyNoProc } from './runtime/blocked.js';
import { containerIsolation } from './runtime/container-isolation.js';
import { privileges } from './sys/privileges.js';
import type { Workshop } from './workshop.js';

/** Where a new container's packets go. */
export interface ChosenNetworks {
  /** docker's HostConfig.NetworkMode. */
  readonly mode: string;
  readonly endpoints: readonly EndpointConfig[];
}

/**
 * What `--network` and its kin come to on this machine. The default is the bridge where the programs for it are
 * installed, else, said so, the host's network. Throws BuildError in docker's words.
 */
export function chooseNetworks(
  options: RunOptions,
  workshop: Workshop,
  stderr: NodeJS.WriteStream,
): ChosenNetworks {
  const [first = { target: 'default', aliases: [] }, ...more] = withDefault(options, workshop);
  const shared = /^container:(.*)$/s.exec(first.target)?.[1];
  if (shared !== undefined) {
    checkShared(shared, options);
    return { mode: `container:${workshop.containers.find(shared).id}`, endpoints: [] };
  }
  if (first.target === 'default' && !hasPrograms(options, workshop, stderr))
    return { mode: 'host', endpoints: [] };
  const target = first.target === 'default' ? 'bridge' : first.target;
  const requests = [{ ...first, target }, ...more];
  requests.forEach((request) => {
    check(request, requests.length > 1);
  });
  if (target === 'host' || target === 'none') {
    if (target === 'host' && publishes(options))
      stderr.write('WARNING: Published ports are discarded when using host network mode\n');
    return { mode: target, endpoints: [] };
  }
  if (privileges().userNamespace) checkUserNetwork(requests, workshop);
  else if (!ownsNetwork()) throw notAllowed();
  const endpoints = requests.map((request) => endpointOf(request, workshop));
  if (new Set(endpoints.map(({ network }) => network)).size < endpoints.length)
    throw usage(`network "${target}" is specified multiple times`);
  return { mode: target, endpoints };
}

/** `STAVE_NETWORK` is what the default network is where another is wanted for all. */
function withDefault({ networks }: RunOptions, { env }: Workshop): readonly NetworkRequest[] {
  const name = env['STAVE_NETWORK'];
  if (name === undefined || name === '') return networks;
  return networks.map((each) => (each.target === 'default' ? { ...each, target: name } : each));
}

function hasPrograms(
  options: RunOptions,
  { networks }: Workshop,
  stderr: NodeJS.WriteStream,
): boolean {
  if (containerIsolation() === 'namespaces' && privileges().userNamespace)
    return hasUserNetwork(options, networks().whyNone(), stderr);
  if (!ownsNetwork()) {
    if (publishes(options)) throw notAllowed();
    return false;
  }
  const missing = networks().missing();
  if (missing.length === 0) return true;
  if (publishes(options)) throw notInstalled(missing);
  stderr.write(
    `WARNING: the container uses the host's network: apt-get install ${missing.join(' ')} for one of its own\n`,
  );
  return false;
}

function hasUserNetwork(
  options: RunOptions,
  why: BuildError | undefined,
  stderr: NodeJS.WriteStream,
): boolean {
  if (why === undefined) return true;
  if (publishes(options)) throw why;
  stderr.write(`WARNING: the container uses the host's network: ${why.message}\n`);
  return false;
}

/** An ordinary user has the default network only, of which each container has one of its own. */
function checkUserNetwork(requests: readonly NetworkRequest[], { networks }: Workshop): void {
  if (requests.some(({ target }) => target !== 'bridge')) throw notAllowed();
  const why = networks().whyNone();
  if (why !== undefined) throw why;
}

function ownsNetwork(): boolean {
  return privileges().network && containerIsolation() === 'namespaces';
}

function notAllowed(): BuildError {
  const isolation = containerIsolation();
  if (isolation !== 'namespaces') {
    const { what, remedy } = isolation === 'mounts' ? whyNoProc() : whyNoNamespaces();
    const why = `networks and published ports cannot be had in a chroot: ${what}`;
    return new BuildError('runtime', why, { hint: `${remedy}, or use --network host` });
  }
  return new BuildError('runtime', 'networks and published ports need root (CAP_NET_ADMIN)', {
    hint: 'run stave as root, or use --network host',
  });
}

function publishes({ host }: RunOptions): boolean {
  return Object.keys(host.PortBindings ?? {}).length > 0 || host.PublishAllPorts === true;
}

function checkShared(name: string, { hostname, host, config }: RunOptions): void {
  if (name === '')
    throw usage('invalid network mode: invalid container format container:<name|id>');
  const conflicts = {
    'hostname and the network mode': hostname !== undefined,
    'dns and the network mode': (host.Dns ?? []).length > 0,
    'custom host-to-IP mapping and the network mode': (host.ExtraHosts ?? []).length > 0,
    'port publishing and the container type network mode':
      Object.keys(host.PortBindings ?? {}).length > 0 || host.PublishAllPorts === true,
    'port exposing and the container type network mode':
      Object.keys(config.ExposedPorts ?? {}).length > 0,
  };
  for (const [what, isSo] of Object.entries(conflicts))
    if (isSo) throw usage(`conflicting options: ${what}`);
}

function check({ target, aliases, ip, ip6, mac }: NetworkRequest, several: boolean): void {
  if (!isPredefined(target)) return;
  if (several) {
    throw usage(
      'conflicting options: cannot attach both user-defined and non-user-defined network-modes',
    );
  }
  if (ip !== undefined || ip6 !== undefined)
    throw usage('user-specified IP address is supported on user-defined networks only');
  if (aliases.length > 0)
    throw usage('network-scoped aliases are only supported for user-defined networks');
  if (mac !== undefined && target !== 'bridge')
    throw usage('conflicting options: mac-address and the network mode');
}

function endpointOf(request: NetworkRequest, { networks }: Workshop): EndpointConfig {
  const { target, ...rest } = request;
  return { ...rest, network: networks().files.find(target).id };
}

function usage(message: string): BuildError {
  return new BuildError('usage', message);
}
