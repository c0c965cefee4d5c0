import { closeSync, existsSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { hasCode } from '../model/has-code.js';
import type { Attachment, Endpoint } from '../model/network.js';
import { newNetworkNamespace } from '../sys/network-namespace.js';
import type { Netavark } from './netavark.js';

export interface TakeDownDeps {
  readonly netavark: Netavark;
  /** Endpoints of other containers in the same network. */
  readonly othersOn: (network: string) => number;
}

/**
 * Takes down what a container has on the host. Its network namespace may be gone, with its interfaces, while rules,
 * names and the bridge are still there: then all of it is set up once more in an empty namespace (what is there is
 * left as it is) and taken down from there, so that one program knows what belongs to a container.
 */
export async function takeDown(
  attachment: Attachment,
  namespace: string | undefined,
  deps: TakeDownDeps,
): Promise<void> {
  for (const endpoint of attachment.endpoints.toReversed()) {
    if (namespace !== undefined && (await regular(attachment, endpoint, { namespace, deps })))
      continue;
    await fromEmpty(attachment, endpoint, deps);
  }
}

interface Regular {
  readonly namespace: string;
  readonly deps: TakeDownDeps;
}

async function regular(
  attachment: Attachment,
  endpoint: Endpoint,
  { namespace, deps }: Regular,
): Promise<boolean> {
  try {
    await deps.netavark.run('teardown', { namespace, attachment, endpoint });
  } catch {
    return false; // Half of it was there: it was killed while it was set up.
  }
  // The bridge goes with its last interface; an interface that dies with a killed container keeps it.
  return deps.othersOn(endpoint.network.id) > 0 || !existsSync(bridgeOf(endpoint));
}

async function fromEmpty(
  attachment: Attachment,
  endpoint: Endpoint,
  { netavark, othersOn }: TakeDownDeps,
): Promise<void> {
  await interfacesGone(endpoint, othersOn(endpoint.network.id));
  const fd = newNetworkNamespace();
  try {
    const job = { namespace: namespacePath(fd), attachment, endpoint };
    await netavark.run('setup', job);
    await netavark.run('teardown', job);
  } finally {
    closeSync(fd);
  }
}

/** Of a descriptor of this process, for children in other mount namespaces. */
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

function interfacesOf(endpoint: Endpoint): number {
  try {
    return readdirSync(`${bridgeOf(endpoint)}/brif`).length;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return 0;
    throw error;
  }
}

function bridgeOf({ network }: Endpoint): string {
  return `/sys/class/net/${network.bridge}`;
}
