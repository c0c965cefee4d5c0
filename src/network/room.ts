import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { lockFile } from '../cache/lock-file.js';
import { makeDeep } from '../sys/make-deep.js';
import { privileges } from '../sys/privileges.js';
import { type Attachments, createAttachments } from './attachments.js';
import { createNetavark, type Netavark } from './netavark.js';
import { createNetworkFiles, type NetworkFiles } from './network-files.js';

export interface NetworksOptions {
  /** The store's. */
  readonly root: string;
  readonly path: string;
  /** Whether a container's monitor, or who starts it, lives. */
  readonly isRunning: (container: string) => boolean;
  readonly now: () => number;
  /** On the store's file system, and swept when we are killed. */
  readonly temporary: () => string;
}

/** What the operations on networks share. */
export interface Room extends NetworksOptions {
  readonly files: NetworkFiles;
  readonly attachments: Attachments;
  readonly netavark: Netavark;
  readonly runDir: string;
  /** Held while anything is set up, taken down, made or removed. */
  readonly lock: (signal: AbortSignal) => Promise<AsyncDisposable>;
}

/** Bridges and rules are the machine's, not a store's: one lock for all stores. An ordinary user has none of them. */
function lockDir(root: string): string {
  return privileges().userNamespace ? join(root, 'networks') : MACHINE;
}

const MACHINE = '/run/stave';

export function openRoom(options: NetworksOptions): Room {
  const { root, path } = options;
  const runDir = join(MACHINE, createHash('sha256').update(root).digest('hex').slice(0, 12));
  return {
    ...options,
    runDir,
    files: createNetworkFiles(join(root, 'networks'), options),
    attachments: createAttachments(join(root, 'networks/attached'), options.temporary),
    netavark: createNetavark({ path, root, runDir }),
    lock: (signal) => {
      makeDeep(lockDir(root), 0o700);
      return lockFile(join(lockDir(root), 'network.lock'), signal, () => undefined);
    },
  };
}
