import { existsSync, mkdirSync, mkdtempSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { applyLayer } from '../cache/apply-layer.js';
import { takeTurns } from '../cache/take-turns.js';
import { hasCode } from '../model/has-code.js';
import type { Snapshot } from '../model/stores.js';
import type { ContainerStore } from './container-store.js';

/*
 * Where overlayfs cannot be had a container has no writable layer but a tree of its own: its image's, copied when it is
 * first needed, with all that was written since. What changed is found by comparison. One that has a copy keeps it,
 * wherever its store is used next.
 */

export interface CopyDeps {
  readonly containers: Pick<ContainerStore, 'path'>;
  /** The image's layers. */
  readonly snapshot: Snapshot;
  /** A private directory on the store's filesystem that goes with the process. */
  readonly temporary: () => string;
}

export function copyOf({ path }: CopyDeps['containers'], id: string): string | undefined {
  const copy = path(id, 'copy');
  return existsSync(copy) ? copy : undefined;
}

/** Directories that are, one above the other, what a container's files are now, bottom first. */
export function treesOf(
  id: string,
  { containers, snapshot }: Omit<CopyDeps, 'temporary'>,
): readonly string[] {
  const copy = copyOf(containers, id);
  if (copy !== undefined) return [copy];
  return [...snapshot.layers.map((layer) => layer.path), containers.path(id, 'upper')];
}

/** With what the container wrote when there was an overlay. Whole or not at all; of two that make it one is taken. */
export async function ensureCopy(id: string, deps: CopyDeps): Promise<string> {
  const { containers, temporary } = deps;
  const copy = containers.path(id, 'copy');
  if (existsSync(copy)) return copy;
  const tree = join(mkdtempSync(join(temporary(), 'copy-')), 'tree');
  mkdirSync(tree, { mode: 0o755 });
  for (const layer of treesOf(id, deps)) await takeTurns(applyLayer(layer, tree, new Set()), NEVER);
  try {
    renameSync(tree, copy);
  } catch (error) {
    if (!hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
  }
  return copy;
}

const NEVER = new AbortController().signal;
