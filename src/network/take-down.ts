import { closeSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { hasCode } from '../model/has-code.js';
import type { Attachment, Endpoint } from '../model/network.js';
import { newNetworkNamespace } from '../sys/network-namespace.js';
import type { Netavark } from './netavark.js';
import { hasNames } from './netavark-input.js';

export interface TakeDownDeps {
  readonly netavark: Netavark;
  /** Endpoints of other containers in the same network. */
  readonly othersOn: (network: string) => number;
  /** The container's own, where it is still there: it was never started. */
  readonly namespace?: string;
}

/**
 * Takes down what a container that ended has on the host. Its network namespace went with it, and its interfaces; an
 * empty namespace with an interface of the same name stands in for it, so that the program that made rules, names and
 * the bridge takes them down too: the last to leave a network takes its bridge along.
 */
export async function takeDown(attachment: Attachment, deps: TakeDownDeps): Promise<void> {
  for (const endpoint of attachment.endpoints.toReversed()) {
    if (endpoint.network.bridge === '') continue; // A user's: it went with the container.
    const others = deps.othersOn(endpoint.network.id);
    const alone = others === 0 || hasNames(endpoint.network) || attachment.ports.length > 0;
    if (alone) await leave(attachment, endpoint, { ...deps, others });
  }
}

interface Leave extends TakeDownDeps {
  readonly others: number;
}

async function leave(
  attachment: Attachment,
  endpoint: Endpoint,
  { netavark, others, namespace: own }: Leave,
): Promise<void> {
  const teardown = (namespace: string): Promise<void> =>
    netavark.run('teardown', { namespace, attachment, endpoint });
  try {
    if (own !== undefined) {
      await teardown(own);
      return;
    }
    await interfacesGone(endpoint, others);
    await inNamespace(newNetworkNamespace(endpoint.interface), teardown);
  } catch {
    // The bridge or some rules are not there: it was killed while it was set up. All of it, then, and none of it.
    await inNamespace(newNetworkNamespace(), async (namespace) => {
      await netavark.run('setup', { namespace, attachment, endpoint });
      await teardown(namespace);
    });
  }
}

async function inNamespace(fd: number, work: (path: string) => Promise<void>): Promise<void> {
  try {
    await work(namespacePath(fd));
  } finally {
    closeSync(fd);
  }
}

/** Of a descriptor of this process, for its children, in whatever mount namespace. */
export function namespacePath(fd: number): string {
  return `/proc/${String(process.pid)}/fd/${String(fd)}`;
}

const GONE_MS = 10_000;

/** The kernel takes down a namespace that nobody holds a moment later, and its interfaces keep the bridge busy. */
async function interfacesGone(endpoint: Endpoint, others: number): Promise<void> {
  const end = performance.now() + GONE_MS;
  for (let wait = 1; performance.now() < end; wait = Math.min(wait * 2, 50)) {
    if (interfacesOf(endpoint) <= others) return;
    await delay(wait);
  }
}

function interfacesOf({ network }: Endpoint): number {
  try {
    return readdirSync(`/sys/class/net/${network.bridge}/brif`).length;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return 0;
    throw error;
  }
}
