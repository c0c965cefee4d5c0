import type { PublishedPort } from '../model/network.js';
import { parseIp } from './ip.js';

export interface PortWay {
  /** By netavark's rules, which keep the client's address. */
  readonly rules: boolean;
  /** By a relay: some of what comes there, or all. */
  readonly relay: boolean;
}

export interface PortPlace {
  /** The container has an IPv6 address. */
  readonly ip6: boolean;
  /** All that are published. */
  readonly ports: readonly PublishedPort[];
}

/**
 * How a published port reaches the container. Rules cannot lead from IPv6 to IPv4, nor from ::1 to anywhere. To
 * netavark every address is every one of both kinds: where only one kind is asked for, and it could do both, it is not
 * asked.
 */
export function wayOf(published: PublishedPort, { ip6, ports }: PortPlace): PortWay {
  const { hostIp } = published;
  const version = parseIp(hostIp)?.version ?? 4;
  const any = hostIp === '0.0.0.0' || hostIp === '::';
  if (!ip6) return version === 4 ? RULES : RELAY;
  if (hostIp === '::1') return RELAY;
  if (!any) return RULES;
  if (!ports.some((other) => isOtherKind(other, published))) return RELAY;
  return version === 4 ? RULES : { rules: true, relay: true };
}

const RULES: PortWay = { rules: true, relay: false };
const RELAY: PortWay = { rules: false, relay: true };

function isOtherKind(other: PublishedPort, { hostIp, port, protocol, hostPort }: PublishedPort) {
  const same = other.port === port && other.protocol === protocol && other.hostPort === hostPort;
  return same && other.hostIp === (hostIp === '::' ? '0.0.0.0' : '::');
}
