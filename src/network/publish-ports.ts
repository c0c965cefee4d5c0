import { closeSync } from 'node:fs';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import type { PortRequest, PublishedPort } from '../model/network.js';
import { openPortSocket } from '../sys/port-socket.js';
import { formatIp, ipBytes, parseIp } from './ip.js';

export interface PublishDeps {
  /** Those of other containers that run. */
  readonly taken: readonly PublishedPort[];
  /** The container has an IPv6 address. */
  readonly ip6: boolean;
  /** This machine does IPv6: a port of every address is one of both kinds. */
  readonly machine6: boolean;
}

/** A port and the socket that keeps others off it; SCTP has none. */
export interface TakenPort {
  readonly port: PublishedPort;
  readonly fd?: number;
}

/** Chooses the host's ports and takes them. Throws BuildError `conflict` in docker's words, with nothing taken. */
export function publishPorts(
  requests: readonly PortRequest[],
  deps: PublishDeps,
): readonly TakenPort[] {
  const all: TakenPort[] = [];
  try {
    for (const request of requests) {
      const taken = [...deps.taken, ...all.map(({ port }) => port)];
      all.push(...publish(request, { ...deps, taken }));
    }
    return all;
  } catch (error) {
    closePorts(all);
    throw error;
  }
}

export function closePorts(ports: readonly TakenPort[]): void {
  for (const { fd } of ports) if (fd !== undefined) closeSync(fd);
}

const ATTEMPTS = 20;

function publish(request: PortRequest, deps: PublishDeps): readonly TakenPort[] {
  const [first, last] = request.hostPorts ?? [0, 0];
  // A free port of one kind may be taken in the other.
  const wanted =
    first === 0
      ? Array.from({ length: ATTEMPTS }, () => 0)
      : Array.from({ length: last - first + 1 }, (_, i) => first + i);
  let failure: unknown;
  for (const hostPort of wanted) {
    try {
      return take(request, hostPort, deps);
    } catch (error) {
      if (!(error instanceof BuildError) || error.code !== 'conflict') throw error;
      failure = error;
    }
  }
  throw failure;
}

function take(request: PortRequest, hostPort: number, deps: PublishDeps): readonly TakenPort[] {
  const { port, protocol } = request;
  const addresses = addressesOf(request, deps);
  const ports: TakenPort[] = [];
  let chosen = hostPort;
  try {
    for (const hostIp of addresses) {
      checkFree({ protocol, address: hostIp, hostPort: chosen, taken: deps.taken });
      // No socket keeps a port of SCTP: the list of what is taken must do.
      const socket = protocol === 'sctp' ? { port: chosen } : bind(protocol, hostIp, chosen);
      chosen = socket.port;
      ports.push({ ...socket, port: { port, protocol, hostIp, hostPort: chosen } });
    }
    if (chosen === 0) throw allocated(addresses[0] ?? '', hostPort);
    return ports;
  } catch (error) {
    closePorts(ports);
    throw error;
  }
}

function addressesOf(
  { protocol, hostIp }: PortRequest,
  { ip6, machine6 }: PublishDeps,
): readonly string[] {
  const noRelay = protocol === 'sctp' && !ip6;
  if (hostIp === '') return machine6 && !noRelay ? ['0.0.0.0', '::'] : ['0.0.0.0'];
  if (!noRelay || !hostIp.includes(':')) return [hostIp];
  throw new BuildError('unsupported', `an sctp port cannot be published on ${shown(hostIp)}`, {
    hint: 'give the container an IPv6 address: stave network create --ipv6',
  });
}

interface Wanted {
  readonly protocol: string;
  readonly address: string;
  readonly hostPort: number;
  readonly taken: readonly PublishedPort[];
}

function checkFree({ protocol, address, hostPort, taken }: Wanted): void {
  const wanted = textOf(address);
  const clash = taken.some((other) => {
    const own = textOf(other.hostIp === '' ? '0.0.0.0' : other.hostIp);
    const same = other.hostPort === hostPort && other.protocol === protocol;
    const kinds = own.includes(':') === wanted.includes(':');
    return same && kinds && (isAny(own) || isAny(wanted) || own === wanted);
  });
  if (clash) throw allocated(address, hostPort);
}

function textOf(address: string): string {
  const ip = parseIp(address);
  return ip === undefined ? '' : formatIp(ip);
}

function isAny(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

function bind(
  protocol: 'tcp' | 'udp',
  address: string,
  port: number,
): { readonly fd: number; readonly port: number } {
  const ip = parseIp(address);
  if (ip === undefined) throw new Error(`no address: ${address}`); // Checked when it was asked for.
  try {
    return openPortSocket({ protocol, version: ip.version, address: ipBytes(ip), port });
  } catch (error) {
    if (hasCode(error, 'EADDRINUSE')) throw allocated(address, port);
    if (!hasCode(error, 'EADDRNOTAVAIL', 'EACCES', 'EAFNOSUPPORT')) throw error;
    throw new BuildError(
      'conflict',
      `failed to bind host port ${shown(address)}:${String(port)}/${protocol}: cannot assign requested address`,
      { hint: `${address} is not an address of this machine: see ip address` },
    );
  }
}

function allocated(address: string, port: number): BuildError {
  return new BuildError(
    'conflict',
    `Bind for ${shown(address)}:${String(port)} failed: port is already allocated`,
    { hint: `stave ps lists who publishes ports; ss -ltunp lists the machine's servers` },
  );
}

function shown(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
