import { type BigIntStats, lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { sys } from '../sys/sys.js';
import { copyDirectory, copyNode } from './copy-node.js';
import { bytesUnder, isOpaque } from './layer-walk.js';
import { joinPath } from './source-tree.js';
import { isWhiteout } from './whiteout.js';

/**
 * Brings `tree`, which holds the layers below, up by one layer (a directory with overlay upper semantics), as a mount
 * would show it. What is in the directories `hidden` names stays out of it. Yields now and then, so that others may run.
 */
export function* applyLayer(
  layer: string,
  tree: string,
  hidden: ReadonlySet<string>,
): Generator<void> {
  yield* applyDirectory({ layer, tree, hidden }, '');
}

interface Job {
  readonly layer: string;
  readonly tree: string;
  readonly hidden: ReadonlySet<string>;
}

function* applyDirectory(job: Job, directory: string): Generator<void> {
  const [from, to] = [bytesUnder(job.layer, directory), bytesUnder(job.tree, directory)];
  const stat = lstatSync(from, { bigint: true });
  copyDirectory(from, to, stat);
  if (!job.hidden.has(directory)) {
    for (const name of readdirSync(from, { encoding: 'latin1' })) {
      const path = joinPath(directory, name);
      if (applyEntry(job, path)) yield* applyDirectory(job, path);
    }
  }
  // Last, for what is put into it moves them.
  sys().utimens(to, stat.atimeNs, stat.mtimeNs);
  yield;
}

/** True of a directory, which is made, and still to be filled. */
function applyEntry({ layer, tree }: Job, path: string): boolean {
  const [from, to] = [bytesUnder(layer, path), bytesUnder(tree, path)];
  const stat = lstatSync(from, { bigint: true });
  const there = lstatSync(to, { bigint: true, throwIfNoEntry: false });
  if (there !== undefined && !stays(there, from, stat)) rmSync(to, { recursive: true });
  if (stat.isDirectory()) {
    if (there === undefined || !stays(there, from, stat)) mkdirSync(to, 0o700);
    return true;
  }
  if (!isWhiteout(from, stat)) copyNode(from, to, stat);
  return false;
}

/** Only a directory stays under a directory, unless that hides it. */
function stays(there: BigIntStats, from: Buffer, stat: BigIntStats): boolean {
  return stat.isDirectory() && there.isDirectory() && !isOpaque(from);
}
