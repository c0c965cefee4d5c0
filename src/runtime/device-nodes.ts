import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../model/has-code.js';
import type { Confinement } from '../model/process.js';
import { sys } from '../sys/sys.js';
import { closesDevices } from './oci-devices.js';

const S_IFCHR = 0o020000;

/** The devices that every container has, besides the terminals'. */
export const OWN_DEVICES = {
  null: [1, 3],
  zero: [1, 5],
  full: [1, 7],
  random: [1, 8],
  urandom: [1, 9],
  tty: [5, 0],
} as const;

export interface DeviceNodes extends Disposable {
  /** The directory they are in. */
  readonly path: string;
}

/**
 * Nodes for one container whose /dev is `nodev`, to be mounted on it one by one: never the machine's own, whose owner and
 * mode would be the container's to change (crun itself gives /dev/null to a user that has it as stdin). `dir` is the
 * runtime's private tmpfs, which the runtimes' mounts outlive. Undefined where /dev may stay as the runtime makes it.
 */
export function deviceNodes(
  dir: string,
  id: string,
  confinement: Confinement | undefined,
): DeviceNodes | undefined {
  if (!closesDevices(confinement) || (confinement?.devices ?? []).length > 0) return undefined;
  const all = join(dir, 'devices');
  if (!existsSync(all)) {
    mkdirSync(all);
    sys().mountTmpfs(all, 'mode=0700,size=64k', 'devices');
  }
  const own = mkdtempSync(join(all, `${id}-`));
  try {
    for (const [name, [major, minor]] of Object.entries(OWN_DEVICES)) {
      sys().mknod(join(own, name), S_IFCHR | 0o666, major, minor);
      chmodSync(join(own, name), 0o666);
    }
  } catch (error) {
    if (!hasCode(error, 'EPERM')) throw error;
    return undefined; // Who may make no nodes starts nobody who may.
  }
  return {
    path: own,
    [Symbol.dispose]: () => {
      rmSync(own, { recursive: true, force: true });
    },
  };
}
