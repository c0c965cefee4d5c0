import { isIPv6 } from 'node:net';
import type { ContainerPort } from '../../network-settings.js';

interface Split {
  readonly port: number;
  readonly protocol: string;
  readonly hostIp?: string;
  readonly hostPort?: number;
}

interface Group {
  readonly first: number;
  readonly last: number;
}

/** docker's PORTS: neighbours with the same number on both sides are one range (docker/cli, DisplayablePorts). */
export function displayedPorts(ports: readonly ContainerPort[]): string {
  const groups = new Map<string, Group>();
  const closed: string[] = [];
  const mapped: string[] = [];
  for (const each of ports.map(split).sort(compare)) {
    const { port, protocol, hostIp, hostPort } = each;
    if (hostIp !== undefined && hostPort !== port) {
      mapped.push(`${hostAddress(hostIp, String(hostPort))}->${String(port)}/${protocol}`);
      continue;
    }
    const key = `${hostIp ?? ''}/${protocol}`;
    const group = groups.get(key);
    if (group !== undefined && port !== group.last + 1) closed.push(rangeText(key, group));
    const goesOn = group !== undefined && port === group.last + 1;
    groups.set(key, goesOn ? { ...group, last: port } : { first: port, last: port });
  }
  const open = [...groups].map(([key, group]) => rangeText(key, group));
  return [...closed, ...open, ...mapped].join(', ');
}

function split({ port, hostIp, hostPort }: ContainerPort): Split {
  const [number = '', protocol = ''] = port.split('/');
  return {
    port: Number(number),
    protocol,
    ...(hostIp === undefined ? {} : { hostIp }),
    ...(hostPort === undefined ? {} : { hostPort }),
  };
}

function compare(a: Split, b: Split): number {
  const ip = (each: Split): string => each.hostIp ?? '';
  return (
    a.port - b.port ||
    Number(isIPv6(ip(a))) - Number(isIPv6(ip(b))) ||
    text(ip(a), ip(b)) ||
    (a.hostPort ?? 0) - (b.hostPort ?? 0) ||
    text(a.protocol, b.protocol)
  );
}

function text(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function rangeText(key: string, { first, last }: Group): string {
  const cut = key.lastIndexOf('/');
  const [ip, protocol] = [key.slice(0, cut), key.slice(cut + 1)];
  const range = first === last ? String(first) : `${String(first)}-${String(last)}`;
  return `${ip === '' ? range : `${hostAddress(ip, range)}->${range}`}/${protocol}`;
}

/** Go's net.JoinHostPort. */
export function hostAddress(ip: string, port: string): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}
