import { copyFileSync, lstatSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { mergedView } from '../cache/merged-view.js';
import { hostPath, resolveInside, toBytes } from '../cache/source-tree.js';
import type { ContainerState } from '../model/container.js';
import type { BindMount, LateMount } from '../model/process.js';
import { containerIsolation } from '../runtime/container-isolation.js';
import { furnishDevices } from '../runtime/stand-in-devices.js';
import { makeDeep } from '../sys/make-deep.js';
import { sys } from '../sys/sys.js';
import { attachFiles } from './attach-files.js';
import { type AttachPlace, attachVolumes } from './attach-volumes.js';

export interface Furnishing extends AttachPlace {
  readonly files: readonly BindMount[];
  readonly readonly: boolean;
}

/**
 * Brings into a container's root what is none of its own: volumes, binds, /etc/hosts and its kin. Where nothing can be
 * mounted, files and devices are put there, and volumes are directories of the container's. Gives what the runtime must
 * mount itself.
 */
export async function furnishRoot(
  state: ContainerState,
  place: Furnishing,
): Promise<readonly LateMount[]> {
  if (containerIsolation() === 'chroot') {
    putFiles(state, place);
    return [];
  }
  const late = await attachVolumes(state, place);
  // Of a read-only root the files that we bring are a part.
  attachFiles(state, place);
  return late;
}

function putFiles({ mounts = [] }: ContainerState, { root, files }: Furnishing): void {
  furnishDevices(root);
  for (const { destination } of mounts) {
    const full = pathIn(root, destination);
    if (full !== undefined) makeDeep(full);
  }
  for (const { source, target } of files) {
    const full = pathIn(root, target);
    if (full === undefined) continue;
    makeDeep(dirname(full));
    putFile(source, full);
  }
}

/** Never written to in place: the container may have given it another name. Put anew it leaves no trace in its directory. */
function putFile(source: string, target: string): void {
  const directory = dirname(target);
  const { atimeNs, mtimeNs } = lstatSync(directory, { bigint: true });
  const anew = lstatSync(target, { throwIfNoEntry: false }) !== undefined;
  rmSync(target, { recursive: true, force: true });
  copyFileSync(source, target);
  if (anew) sys().utimens(directory, atimeNs, mtimeNs);
}

/** Links followed inside the root; an image whose link leads into /proc, or in a circle, does without. */
function pathIn(root: string, target: string): string | undefined {
  const path = resolveInside(mergedView([root]), toBytes(target), true);
  if (path === undefined || path === '' || /^(proc|sys|dev)(\/|$)/.test(path)) return undefined;
  return hostPath(root, path).toString();
}
