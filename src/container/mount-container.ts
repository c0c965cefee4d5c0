import { dirname } from 'node:path';
import { hasCode } from '../model/has-code.js';
import { containerIsolation } from '../runtime/container-isolation.js';
import { makeDeep } from '../sys/make-deep.js';
import type { OverlayOptions } from '../sys/mount-overlay.js';
import { mountTree } from '../sys/mounts.js';
import { isOnOverlay, overlayProblem } from '../sys/overlay-problem.js';
import { sys } from '../sys/sys.js';
import { type CopyDeps, copyOf, ensureCopy } from './container-copy.js';

export interface ContainerPlace {
  /** An empty directory. */
  readonly target: string;
  /** An empty directory for overlayfs; without it the root is read-only. */
  readonly work?: string;
  readonly devices?: boolean;
}

export interface MountedContainer extends Disposable {
  readonly path: string;
}

/**
 * Mounts a container's root: its image's layers with what it wrote, or, where there is no overlayfs, its copy. Where
 * nothing can be mounted that is it.
 */
export async function mountContainer(
  id: string,
  place: ContainerPlace,
  deps: CopyDeps,
): Promise<MountedContainer> {
  const { target, work, devices = false } = place;
  const mounted = {
    path: target,
    [Symbol.dispose]: () => {
      sys().umount(target);
    },
  };
  const chroot = containerIsolation() === 'chroot';
  const overlay = !chroot && copyOf(deps.containers, id) === undefined;
  if (overlay && mountsOverlay(overlayOf(id, place, deps))) return mounted;
  const copy = await ensureCopy(id, deps);
  if (chroot) return { path: copy, [Symbol.dispose]: () => undefined };
  mountTree(copy, target, { nodev: !devices, readonly: work === undefined });
  return mounted;
}

function overlayOf(
  id: string,
  { target, work, devices = false }: ContainerPlace,
  { containers, snapshot }: CopyDeps,
): OverlayOptions {
  const upper = containers.path(id, 'upper');
  const layers = snapshot.layers.map((layer) => layer.path).reverse();
  const empty = containers.path(id, 'empty');
  // One lower layer at least, or two without an upper one.
  const lowers = [...layers, ...(layers.length === 0 || work === undefined ? [empty] : [])];
  if (lowers.includes(empty)) makeDeep(empty);
  if (work === undefined) return { lowers: [upper, ...lowers], target, devices };
  return { lowers, upper, work, target, devices };
}

/** False where no overlay at all can be had. */
function mountsOverlay(options: OverlayOptions): boolean {
  const home = dirname(options.target);
  if (isOnOverlay(home)) return false;
  try {
    sys().mountOverlay(options);
    return true;
  } catch (error) {
    if (!hasCode(error, 'EPERM', 'EACCES', 'ENODEV', 'ENOSYS', 'EINVAL')) throw error;
    if (overlayProblem(home) === undefined) throw error;
    return false;
  }
}
