import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Attachment } from '../model/network.js';
import { endRelay } from './end-relay.js';
import { isServing } from './netavark.js';
import { hasNames } from './netavark-input.js';
import type { Room } from './room.js';
import { takeDown } from './take-down.js';

/** Takes down what a container has on the host; its processes are gone. */
export async function detach(container: string, room: Room, signal: AbortSignal): Promise<void> {
  await using _lock = await room.lock(signal);
  const attachment = room.attachments.read(container);
  if (attachment !== undefined) await removeAttachment(attachment, room);
}

/** Nobody's `ps` waits longer for another's start that hangs; the next command tries again. */
const PATIENCE_MS = 10_000;

/** Takes down what killed or ended containers left, but for `except`. A readdir when there is nothing. */
export async function sweepNetworks(room: Room, except: ReadonlySet<string>): Promise<void> {
  const dead = (): readonly string[] =>
    room.attachments.ids().filter((id) => !except.has(id) && !room.isRunning(id));
  if (dead().length === 0) return;
  await using _lock = await room.lock(AbortSignal.timeout(PATIENCE_MS));
  for (const id of dead()) {
    const attachment = room.attachments.read(id);
    if (attachment !== undefined) await removeAttachment(attachment, room);
  }
}

/** Under the lock. `namespace`: the container's own, of one that was not started. */
export async function removeAttachment(
  attachment: Attachment,
  room: Room,
  namespace?: string,
): Promise<void> {
  const { container, relay } = attachment;
  if (relay !== undefined) await endRelay(relay);
  await takeDown(attachment, {
    netavark: room.netavark,
    othersOn: (network) => othersOn(network, container, room),
    ...(namespace === undefined ? {} : { namespace }),
  });
  room.attachments.remove(container);
  await nameServerGone(room);
  const isLast = room.attachments.ids().length === 0;
  if (isLast && !isServing(room.runDir)) rmSync(room.runDir, { recursive: true, force: true });
}

export function othersOn(network: string, container: string, { attachments }: Room): number {
  return attachments
    .list()
    .filter((other) => other.container !== container)
    .flatMap(({ endpoints }) => endpoints)
    .filter((endpoint) => endpoint.network.id === network).length;
}

const GONE_MS = 2000;

/** The name server ends when it has no names left; who came just then would be left without one. */
async function nameServerGone({ attachments, runDir }: Room): Promise<void> {
  const needed = attachments
    .list()
    .some(({ endpoints }) => endpoints.some(({ network }) => hasNames(network)));
  if (needed) return;
  const end = performance.now() + GONE_MS;
  for (let wait = 1; performance.now() < end && isServing(runDir); wait = Math.min(wait * 2, 20))
    await delay(wait);
}
