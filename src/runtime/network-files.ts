import { isIPv4 } from 'node:net';
import type { ExtraHost } from '../model/run-settings.js';

/** /etc/hosts of a container. */
export function hostsFile(hostname: string, more: readonly ExtraHost[] = []): string {
  return [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::\tip6-localnet',
    'ff00::\tip6-mcastprefix',
    'ff02::1\tip6-allnodes',
    'ff02::2\tip6-allrouters',
    `127.0.1.1\t${hostname}`,
    ...more.map(({ name, address }) => `${address}\t${name}`),
    '',
  ].join('\n');
}

/**
 * /etc/resolv.conf of a container from the host's. On the host's network loopback nameservers answer as they do for
 * the host; without one, public servers stand in (as moby's libnetwork does).
 */
export function resolvConf(host: string, network: 'host' | 'none'): string {
  if (network === 'none') return '';
  const lines = host.split('\n').filter((line) => line.trim() !== '' && !/^\s*[#;]/.test(line));
  const nameservers = lines.filter((line) => /^\s*nameserver\s+\S+/.test(line));
  const usable = nameservers.some((line) => isAddress(line.trim().split(/\s+/)[1] ?? ''));
  const kept = usable ? lines : [...lines, 'nameserver 8.8.8.8', 'nameserver 8.8.4.4'];
  return `${kept.join('\n')}\n`;
}

function isAddress(text: string): boolean {
  return isIPv4(text) || text.includes(':');
}
