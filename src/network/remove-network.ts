import { BuildError } from '../model/error.js';
import type { Attachment, Network } from '../model/network.js';
import { removeAttachment } from './detach.js';
import { isPredefined } from './network-files.js';
import type { Room } from './room.js';

/** Containers that run in a network. */
export function membersOf(network: string, { attachments }: Room): readonly Attachment[] {
  return attachments
    .list()
    .filter(({ endpoints }) => endpoints.some((endpoint) => endpoint.network.id === network));
}

/** Throws BuildError `conflict` in docker's words when containers run in it. */
export async function removeNetwork(
  text: string,
  room: Room,
  signal: AbortSignal,
): Promise<Network> {
  await using _lock = await room.lock(signal);
  const network = room.files.find(text);
  if (isPredefined(network.name)) {
    throw new BuildError(
      'conflict',
      `${network.name} is a pre-defined network and cannot be removed`,
    );
  }
  await sweepMembers(network, room);
  const members = membersOf(network.id, room);
  if (members.length > 0) {
    const names = members.map(
      ({ name, container }) => `name:"${name}" id:"${container.slice(0, 12)}"`,
    );
    throw new BuildError(
      'conflict',
      `error while removing network: network ${network.name} has active endpoints (${names.join(', ')})`,
      { hint: `stave network disconnect ${network.name} ${members[0]?.name ?? ''}` },
    );
  }
  room.files.remove(network.id);
  return network;
}

/** Containers that ended are no members, though what they had on the host may still be there. */
async function sweepMembers(network: Network, room: Room): Promise<void> {
  for (const member of membersOf(network.id, room))
    if (!room.isRunning(member.container)) await removeAttachment(member, room);
}
