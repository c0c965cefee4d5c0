import { closeSync } from 'node:fs';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import type { PortRequest, PublishedPort } from '../model/network.js';
import { openPortSocket } from '../sys/port-socket.js';
import { formatIp, ipBytes, parseIp } from './ip.js';

export interface PublishDeps {
  /** Those of other containers that run. */
  readonly taken: readonly PublishedPort[];
  /** The container has an IPv6 address: a port of every address is one of both kinds. */
  readonly ipv6: boolean;
}

export interface Published {
  readonly ports: readonly PublishedPort[];
  /** Keep others off the ports. */
  readonly sockets: readonly number[];
}

/** Chooses the host's ports and takes them. Throws BuildError `conflict` in docker's words, with nothing taken. */
export function publishPorts(requests: readonly PortRequest[], deps: PublishDeps): Published {
  const ports: PublishedPort[] = [];
  const sockets: number[] = [];
  try {
    for (const request of requests) {
      const taken = [...deps.taken, ...ports];
      const one = publish(request, { ...deps, taken });
      ports.push(one.port);
      sockets.push(...one.sockets);
    }
    return { ports, sockets };
  } catch (error) {
    sockets.forEach(closeSync);
    throw error;
  }
}

interface PublishedOne {
  readonly port: PublishedPort;
  readonly sockets: readonly number[];
}

const ATTEMPTS = 20;

function publish(request: PortRequest, deps: PublishDeps): PublishedOne {
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

function take(
  { port, protocol, hostIp }: PortRequest,
  hostPort: number,
  { taken, ipv6 }: PublishDeps,
): PublishedOne {
  const addresses = hostIp === '' ? (ipv6 ? ['0.0.0.0', '::'] : ['0.0.0.0']) : [hostIp];
  const sockets: number[] = [];
  let chosen = hostPort;
  try {
    for (const address of addresses) {
      checkFree({ protocol, address, hostPort: chosen, taken });
      if (protocol === 'sctp') continue; // No socket keeps it: the list of what is taken must do.
      const socket = bind(protocol, address, chosen);
      sockets.push(socket.fd);
      chosen = socket.port;
    }
    if (chosen === 0) throw allocated(addresses[0] ?? '', hostPort);
    return { port: { port, protocol, hostIp, hostPort: chosen }, sockets };
  } catch (error) {
    sockets.forEach(closeSync);
    throw error;
  }
}

interface Wanted {
  readonly protocol: string;
  readonly address: string;
  readonly hostPort: number;
  readonly taken: readonly PublishedPort[];
}

function checkFree({ protocol, address, hostPort, taken }: Wanted): void {
  const wanted = textOf(address);
  const any = isAny(wanted);
  const clash = taken.some(
    (other) =>
      other.hostPort === hostPort &&
      other.protocol === protocol &&
      (any || isAny(textOf(other.hostIp)) || textOf(other.hostIp) === wanted),
  );
  if (clash) throw allocated(address, hostPort);
}

function textOf(address: string): string {
  const ip = parseIp(address);
  return ip === undefined ? '' : formatIp(ip);
}

function isAny(address: string): boolean {
  return address === '' || address === '0.0.0.0' || address === '::';
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
