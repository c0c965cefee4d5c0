import {
  closeSync,
  existsSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
} from 'node:fs';
import { giveMode, giveOwner } from '../cache/give-owner.js';
import { inodeOf } from '../cache/inode-record.js';
import { bytesUnder } from '../cache/layer-walk.js';
import { removeTree } from '../cache/remove-tree.js';
import { hasCode } from '../model/has-code.js';
import { MountRoot } from '../runtime/mount-target.js';
import { sys } from '../sys/sys.js';
import { copyFacts } from './change-layer.js';
import { copyTree } from './copy-tree.js';

const never = new AbortController().signal;

export interface Filling {
  /** The volume's directory, with `_data` in it. */
  readonly home: string;
  /** The container's, mounted. */
  readonly root: string;
  readonly destination: string;
}

/**
 * Copies what the image has in its place into a volume that is empty. It is copied aside, then taken as whole by one rename,
 * then moved in: who is killed before that leaves an empty volume, who is killed after it a move that whoever mounts the
 * volume next finishes. The directory stays the same one, for another container may have it mounted.
 */
export async function fillVolume({ home, root, destination }: Filling): Promise<void> {
  using _turn = await lockVolume(home);
  finishFilling(home);
  if (readdirSync(`${home}/_data`).length > 0) return;
  using place = new MountRoot(root);
  const fd = place.find(destination);
  if (fd === undefined) return;
  const copy = `${home}/.copy`;
  removeTree(copy, () => false); // Of one that was killed.
  try {
    copyTree(Buffer.from(`/proc/self/fd/${String(fd)}/.`), Buffer.from(copy));
    renameSync(copy, `${home}/.whole`);
  } catch (error) {
    removeTree(copy, () => false);
    throw error;
  } finally {
    closeSync(fd);
  }
  finishFilling(home);
}

/** Where a volume lies that nothing is to be copied into, and somebody was killed who filled it. */
export async function settleVolume(home: string): Promise<void> {
  if (!existsSync(`${home}/.whole`)) return;
  using _turn = await lockVolume(home);
  finishFilling(home);
}

async function lockVolume(home: string): Promise<Disposable> {
  const fd = openSync(home, 'r');
  try {
    await sys().flockAsync(fd, 'exclusive', never);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return {
    [Symbol.dispose]: () => {
      closeSync(fd);
    },
  };
}

function finishFilling(home: string): void {
  const [whole, data] = [`${home}/.whole`, `${home}/_data`];
  if (!statSync(whole, { throwIfNoEntry: false })?.isDirectory()) return;
  for (const name of readdirSync(whole, { encoding: 'latin1' }))
    moveEntry(bytesUnder(whole, name), bytesUnder(data, name));
  copyFacts(Buffer.from(whole), Buffer.from(data));
  removeTree(whole, () => false);
}

/** What another container has put there meanwhile stays. */
function moveEntry(from: Buffer, to: Buffer): void {
  const stat = lstatSync(from);
  const { uid, gid, mode } = inodeOf(from, stat);
  try {
    renameSync(from, to);
  } catch (error) {
    if (hasCode(error, 'ENOTEMPTY', 'EEXIST', 'EISDIR', 'ENOTDIR')) return;
    throw error;
  }
  if (stat.isFile() || stat.isDirectory()) return;
  // Where owners are written down, those of links and pipes are in an attribute of the directory.
  giveOwner(to, uid, gid);
  if (!stat.isSymbolicLink()) giveMode(to, mode);
}
