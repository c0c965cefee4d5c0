import { randomBytes } from 'node:crypto';
import { readdirSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { removeTree } from '../cache/remove-tree.js';
import type { ContainerState } from '../model/container.js';
import { hasCode } from '../model/has-code.js';
import { volumesOf } from '../model/volume.js';
import { cgroupPath } from '../runtime/oci-cgroup.js';
import { removeCgroup } from '../runtime/remove-cgroup.js';
import { sys } from '../sys/sys.js';
import { readState } from './state-file.js';
import type { VolumeStore } from './volume-store.js';

interface Stores {
  /** Of all containers. */
  readonly directory: string;
  readonly volumes: VolumeStore;
}

/**
 * Removes a container's directory, its cgroup and, if so wished, its anonymous volumes that no other has. False if another
 * was first.
 */
export function discardContainer(
  dir: string,
  state: ContainerState | undefined,
  volumesOfIt: Stores | undefined,
): boolean {
  // Who removes a container right at its end need not have looked at it.
  if (state !== undefined) removeCgroup(cgroupPath(basename(dir), state.hostConfig.CgroupParent));
  unmount(join(dir, 'root'));
  const mine = discard(dir, join(dir, '../../trash'));
  const names = volumesOf(state);
  if (volumesOfIt !== undefined && names.length > 0) removeUnused(names, volumesOfIt);
  return mine;
}

/** Out of sight first: of two that remove a container, and of a kill in between, nothing half of it is seen. */
function discard(container: string, trash: string): boolean {
  const going = join(trash, `container-${randomBytes(8).toString('hex')}`);
  try {
    renameSync(container, going);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false; // Another was first.
    throw error;
  }
  removeTree(going, () => false); // What resists is swept.
  return true;
}

/** Its root may be mounted in this process' namespace: then it ran here. */
function unmount(root: string): void {
  try {
    sys().umount(root);
  } catch (error) {
    if (!hasCode(error, 'EINVAL', 'ENOENT', 'EPERM')) throw error;
  }
}

/** Those of the volumes that are anonymous and in no container. */
function removeUnused(names: readonly string[], { directory, volumes }: Stores): void {
  const left = readdirSync(directory).map((id) => readState(join(directory, id, 'state.json')));
  const used = new Set(left.flatMap(volumesOf));
  const anonymous = new Set(volumes.list().flatMap((each) => (each.anonymous ? each.name : [])));
  for (const name of names) if (anonymous.has(name) && !used.has(name)) volumes.remove(name);
}
