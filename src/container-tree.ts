import { existsSync } from 'node:fs';
import type { ChangedTree } from './container/changes.js';
import { copyOf } from './container/container-copy.js';
import { writtenBytes } from './container/written-bytes.js';
import type { ContainerState } from './model/container.js';
import type { Workshop } from './workshop.js';

/** Mounted by us at every start: what lies there in the writable layer is nobody's. */
const HIDDEN = new Set(['dev', 'proc', 'sys', 'etc/hosts', 'etc/hostname', 'etc/resolv.conf']);

/** A container's files, and those of its image. */
export function changedTree(
  state: ContainerState,
  lowers: readonly string[],
  { containers }: Workshop,
): ChangedTree {
  const copy = copyOf(containers, state.id);
  return {
    lowers,
    upper: copy ?? containers.path(state.id, 'upper'),
    whole: copy !== undefined,
    hidden: new Set([
      ...HIDDEN,
      ...(state.mounts ?? []).map(({ destination }) => destination.slice(1)),
    ]),
  };
}

/** Bytes that a container wrote. */
export function writtenSize(state: ContainerState, workshop: Workshop): number {
  const lowers = state.layers.map((id) => workshop.store.path('trees', id, 'fs'));
  return writtenBytes(changedTree(state, lowers.filter(existsSync), workshop));
}
