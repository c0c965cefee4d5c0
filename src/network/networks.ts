import type { BuildError } from '../model/error.js';
import type { ContainerNetworks } from '../model/network.js';
import { privileges } from '../sys/privileges.js';
import { attach } from './attach.js';
import type { Attachments } from './attachments.js';
import { connect, type ConnectRequest, disconnect, type DisconnectRequest } from './connect.js';
import { detach, sweepNetworks } from './detach.js';
import { missingPrograms } from './netavark.js';
import type { NetworkFiles } from './network-files.js';
import { DEFAULT_NETWORK } from './network-files.js';
import { type NetworksOptions, openRoom, type Room } from './room.js';

import { attachUser, whyNoUserNetwork } from './user-network.js';

/** The networks of a store's containers, and what those have on the host. */
export interface Networks extends ContainerNetworks {
  readonly room: Room;
  readonly files: NetworkFiles;
  readonly attachments: Attachments;
  /** What is not installed for networks of our own to work; empty when they do. */
  readonly missing: () => readonly string[];
  /** Why an ordinary user's container cannot have a network of its own. */
  readonly whyNone: () => BuildError | undefined;
  /**
   * Takes down what killed or ended containers left, but for those this process started: their monitors see to them.
   * What cannot be taken down stays for the next time. A readdir when there is nothing.
   */
  readonly sweep: () => Promise<void>;
  readonly connect: (request: ConnectRequest, signal: AbortSignal) => Promise<void>;
  readonly disconnect: (request: DisconnectRequest, signal: AbortSignal) => Promise<void>;
}

export function createNetworks(options: NetworksOptions): Networks {
  const room = openRoom(options);
  const own = new Set<string>();
  return {
    room,
    files: room.files,
    attachments: room.attachments,
    missing: () => missingPrograms(options.path),
    whyNone: () => whyNoUserNetwork(options.path),
    attach: (request, signal) => {
      own.add(request.container);
      if (!privileges().userNamespace) return attach(request, room, signal);
      return attachUser(request, room.files.find(DEFAULT_NETWORK), { room, signal });
    },
    detach: (container, signal) => detach(container, room, signal),
    sweep: () => sweepNetworks(room, own).catch(() => undefined),
    connect: (request, signal) => connect(request, room, signal),
    disconnect: (request, signal) => disconnect(request, room, signal),
  };
}
