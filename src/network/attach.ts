import { closeSync } from 'node:fs';
import type { Attaching, Attachment, AttachRequest, Endpoint } from '../model/network.js';
import { newNetworkNamespace } from '../sys/network-namespace.js';
import { bootId } from './attachments.js';
import { removeAttachment } from './detach.js';
import { exemptLoopback } from './exempt-loopback.js';
import { joinNetwork } from './join.js';
import { listensOnIpv6 } from './listens-on-ipv6.js';
import { missingPrograms, notInstalled } from './netavark.js';
import { wayOf } from './port-way.js';
import { publishPorts, type TakenPort } from './publish-ports.js';
import { relayPorts, withRelay } from './relay-ports.js';
import type { Room } from './room.js';
import { namespacePath } from './take-down.js';

/**
 * Gives a container its addresses, ports and network namespace at once; interfaces and rules follow while its other
 * things are prepared. Throws BuildError `runtime` where programs are missing, `conflict`, `usage`, `not-found` in
 * docker's words, with nothing left.
 */
export async function attach(
  request: AttachRequest,
  room: Room,
  signal: AbortSignal,
): Promise<Attaching> {
  const missing = missingPrograms(room.path);
  if (missing.length > 0) throw notInstalled(missing);
  const lock = await room.lock(signal);
  try {
    const own = room.attachments.read(request.container);
    if (own !== undefined) await removeAttachment(own, room);
    const joined = request.endpoints.map((config, nth) => joinNetwork(config, room, nth));
    const priority = ({ gwPriority = 0 }: Endpoint): number => gwPriority;
    const endpoints = joined.toSorted((a, b) => priority(b) - priority(a));
    const taken = await takePorts(request, endpoints, room);
    return begin(attachmentOf(request, endpoints, taken), taken, { room, lock });
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

function attachmentOf(
  { container, name, dns }: AttachRequest,
  endpoints: readonly Endpoint[],
  taken: readonly TakenPort[],
): Attachment {
  const ports = taken.map(({ port }) => port);
  return { container, name, boot: bootId(), endpoints, ports, dns };
}

/** Ports of containers that ended a moment ago are theirs until they are taken down: that is done now. */
async function takePorts(
  { container, ports }: AttachRequest,
  endpoints: readonly Endpoint[],
  room: Room,
): Promise<readonly TakenPort[]> {
  const [first] = endpoints;
  const ip6 = first?.ip6 !== undefined;
  const anywhere = first?.network.options['com.docker.network.bridge.host_binding_ipv4'] ?? '';
  const requests = ports.map((port) => ({ ...port, hostIp: port.hostIp || anywhere }));
  for (const other of ports.length > 0 ? room.attachments.list() : []) {
    if (other.ports.length === 0 || other.container === container) continue;
    if (!room.isRunning(other.container)) await removeAttachment(other, room);
  }
  const taken = room.attachments.list().flatMap((other) => other.ports);
  return publishPorts(requests, { taken, ip6, machine6: listensOnIpv6() });
}

interface Held {
  readonly room: Room;
  readonly lock: AsyncDisposable;
}

/** From here on the lock is `ready`'s. */
function begin(
  attachment: Attachment,
  taken: readonly TakenPort[],
  { room, lock }: Held,
): Attaching {
  const fd = newNetworkNamespace();
  const { held, relay } = relayPorts(taken, attachment.endpoints[0]);
  const sockets = [...held, ...(relay === undefined ? [] : [relay.input])];
  let open = true;
  const release = (): void => {
    if (open) [fd, ...sockets].forEach(closeSync);
    open = false;
  };
  try {
    const whole = withRelay(attachment, relay);
    room.attachments.write(whole);
    const namespace = namespacePath(fd);
    const ready = Promise.all([setUp(whole, namespace, { room, lock }), relay?.ready]);
    ready.catch(() => undefined); // Awaited by who starts the container.
    return { attachment: whole, namespace, sockets, ready: ready.then(() => undefined), release };
  } catch (error) {
    release();
    room.attachments.remove(attachment.container);
    throw error;
  }
}

async function setUp(
  attachment: Attachment,
  namespace: string,
  { room, lock }: Held,
): Promise<void> {
  await using _lock = lock;
  try {
    for (const endpoint of attachment.endpoints)
      await room.netavark.run('setup', { namespace, attachment, endpoint });
    if (hasRulesAndRelay(attachment)) await exemptLoopback(room.path);
  } catch (error) {
    await removeAttachment(attachment, room, namespace).catch(() => undefined); // The first failure tells more.
    throw error;
  }
}

function hasRulesAndRelay({ ports, endpoints: [first] }: Attachment): boolean {
  const ways = ports.map((port) => wayOf(port, { ip6: first?.ip6 !== undefined, ports }));
  return ways.some(({ rules, relay }) => rules && relay);
}
