import { linkSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { sys } from '../sys/sys.js';
import { copyDirectory, copyNode } from './copy-node.js';
import { bytesUnder } from './layer-walk.js';
import { finishChanges, type MountChanges, REPLACEMENT } from './mount-changes.js';
import { removeTree } from './remove-tree.js';
import { joinPath } from './source-tree.js';
import { takeTurns } from './take-turns.js';

/**
 * Changes to a cache mount that can be taken back, where overlayfs cannot be had: the step has a copy of it, which takes
 * its place when the step succeeded. `mount` is the directory of the store that holds `fs`, its lock held exclusively.
 */
export async function openCopy(
  mount: string,
  { temporary, trash }: { readonly temporary: string; readonly trash: string },
  signal: AbortSignal,
): Promise<MountChanges> {
  const directory = mkdtempSync(join(temporary, 'changes-'));
  const copy = join(directory, 'copy');
  const discard = (): void => {
    removeTree(directory, () => false);
  };
  try {
    mkdirSync(copy, { mode: 0o700 });
    await takeTurns(copyInto({ from: join(mount, 'fs'), to: copy, links: new Map() }, ''), signal);
  } catch (error) {
    discard();
    throw error;
  }
  return {
    path: copy,
    detach: () => undefined,
    commit: () => {
      renameSync(copy, join(mount, REPLACEMENT));
      finishChanges(mount, trash);
    },
    discard,
  };
}

interface Copying {
  readonly from: string;
  readonly to: string;
  /** The copy's first name of each file with several. */
  readonly links: Map<bigint, Buffer>;
}

function* copyInto(job: Copying, path: string): Generator<void> {
  const [from, to] = [bytesUnder(job.from, path), bytesUnder(job.to, path)];
  const stat = lstatSync(from, { bigint: true });
  copyDirectory(from, to, stat);
  for (const name of readdirSync(from, { encoding: 'latin1' })) {
    const child = joinPath(path, name);
    if (!lstatSync(bytesUnder(job.from, child)).isDirectory()) copyOne(job, child);
    else {
      mkdirSync(bytesUnder(job.to, child), { mode: 0o700 });
      yield* copyInto(job, child);
    }
  }
  // Last, for what is put into it moves them.
  sys().utimens(to, stat.atimeNs, stat.mtimeNs);
  yield;
}

function copyOne({ from, to, links }: Copying, path: string): void {
  const [source, target] = [bytesUnder(from, path), bytesUnder(to, path)];
  const stat = lstatSync(source, { bigint: true });
  const first = stat.nlink > 1n ? links.get(stat.ino) : undefined;
  if (first !== undefined) {
    linkSync(first, target);
    return;
  }
  copyNode(source, target, stat);
  if (stat.nlink > 1n) links.set(stat.ino, target);
}
