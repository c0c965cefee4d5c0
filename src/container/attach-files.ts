import { mergedView } from '../cache/merged-view.js';
import { resolveInside, toBytes } from '../cache/source-tree.js';
import type { ContainerState } from '../model/container.js';
import type { BindMount } from '../model/process.js';
import { attachAll, hostSource } from '../runtime/attach-mounts.js';

export interface AttachedFiles {
  readonly root: string;
  readonly files: readonly BindMount[];
  readonly readonly: boolean;
}

/**
 * Mounts /etc/hosts and its kin into a container's root, by descriptor, before the runtime starts: where the image has
 * links in their way they end inside the root. What a volume lies on is the volume's; an image whose link leads into
 * /proc, or in a circle, does without.
 */
export function attachFiles({ mounts = [] }: ContainerState, place: AttachedFiles): void {
  const { root, files, readonly } = place;
  const tree = mergedView([root]);
  for (const { source, target } of files) {
    if (mounts.some(({ destination }) => destination === target)) continue;
    const path = resolveInside(tree, toBytes(target), true);
    if (path === undefined || path === '' || /^(proc|sys|dev)(\/|$)/.test(path)) continue;
    // Where it leads to, so that directories are made on the way.
    const there = `/${Buffer.from(path, 'latin1').toString()}`;
    attachAll(root, [hostSource(there, source, { readonly })]);
  }
}
