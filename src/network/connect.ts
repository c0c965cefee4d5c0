import type { Attachment, EndpointConfig } from '../model/network.js';
import { bootId } from './attachments.js';
import { endRelay } from './end-relay.js';
import { joinNetwork } from './join.js';
import { missingPrograms, notInstalled } from './netavark.js';
import { interfaceNumber } from './netavark-input.js';
import type { Room } from './room.js';

export interface ConnectRequest {
  readonly container: string;
  readonly name: string;
  /** Of its first process. */
  readonly pid: number;
  readonly endpoint: EndpointConfig;
}

/** One more network for a container that runs. */
export async function connect(
  { container, name, pid, endpoint: config }: ConnectRequest,
  room: Room,
  signal: AbortSignal,
): Promise<void> {
  const missing = missingPrograms(room.path);
  if (missing.length > 0) throw notInstalled(missing);
  await using _lock = await room.lock(signal);
  const before = room.attachments.read(container) ?? nothing(container, name);
  const endpoint = joinNetwork(config, room, firstFree(before));
  const attachment = { ...before, endpoints: [...before.endpoints, endpoint] };
  room.attachments.write(attachment);
  const job = { namespace: namespaceOf(pid), attachment, endpoint };
  try {
    await room.netavark.run('setup', job);
  } catch (error) {
    await room.netavark.run('teardown', job).catch(() => undefined); // The first failure tells more.
    room.attachments.write(before);
    throw error;
  }
}

export interface DisconnectRequest {
  readonly container: string;
  readonly pid: number;
  /** The network's id. */
  readonly network: string;
}

/** Takes a container that runs out of a network. */
export async function disconnect(
  { container, pid, network }: DisconnectRequest,
  room: Room,
  signal: AbortSignal,
): Promise<void> {
  await using _lock = await room.lock(signal);
  const before = room.attachments.read(container);
  const going = before?.endpoints.filter((endpoint) => endpoint.network.id === network) ?? [];
  if (before === undefined || going.length === 0) return;
  const first = before.endpoints[0]?.network.id === network;
  // Published ports are the first network's: they go with it.
  const attachment = { ...before, endpoints: going, ports: first ? before.ports : [] };
  for (const endpoint of going)
    await room.netavark.run('teardown', { namespace: namespaceOf(pid), attachment, endpoint });
  const endpoints = before.endpoints.filter((endpoint) => endpoint.network.id !== network);
  const { relay, ports, ...rest } = before;
  if (relay !== undefined && first) await endRelay(relay);
  const kept = first ? { ports: [] } : { ports, ...(relay === undefined ? {} : { relay }) };
  room.attachments.write({ ...rest, endpoints, ...kept });
}

function namespaceOf(pid: number): string {
  return `/proc/${String(pid)}/ns/net`;
}

function nothing(container: string, name: string): Attachment {
  return { container, name, boot: bootId(), endpoints: [], ports: [], dns: [] };
}

function firstFree({ endpoints }: Attachment): number {
  const used = new Set(endpoints.map((endpoint) => interfaceNumber(endpoint)));
  let nth = 0;
  while (used.has(nth)) nth++;
  return nth;
}
