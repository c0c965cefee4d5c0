import { closeSync, lstatSync, mkdirSync } from 'node:fs';
import { applyTar } from '../cache/apply.js';
import { decompress } from '../cache/decompress.js';
import { joinPath } from '../cache/source-tree.js';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import type { Bytes } from '../model/stores.js';
import { openInside, placeInside, splitLast } from './inside.js';

export interface Destination {
  /** Descriptor of the root nothing leaves. */
  readonly root: number;
  /** An existing directory (latin1, below the root). */
  readonly directory: string;
  /** Of every entry, instead of the archive's. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/** Descriptors of directories kept open, so that siblings need not look theirs up again. */
const OPEN = 64;

/**
 * Unpacks a tar, plain or compressed, over a directory of a container that may run: every parent is resolved by the
 * kernel inside the root, and entries are made by descriptor. Throws BuildError `archive` in docker's words.
 */
export async function extractTar(bytes: Bytes, destination: Destination): Promise<void> {
  const { root, directory, owner } = destination;
  const open = new Map<string, number>();
  const locate = (parent: string): string => {
    const path = joinPath(directory, parent).replace(/\/$/, '');
    const known = open.get(path);
    if (known !== undefined) return String(known);
    const fd = openOrMake(root, path);
    open.set(path, fd);
    const oldest = open.size > OPEN ? [...open][0] : undefined;
    if (oldest !== undefined) {
      open.delete(oldest[0]);
      closeSync(oldest[1]);
    }
    return String(fd);
  };
  try {
    await applyTar(decompress(bytes), '/proc/self/fd', {
      whiteouts: false,
      live: true,
      locate,
      linkTarget: (path) => linkTarget(path, locate),
      ...(owner === undefined ? {} : { owner }),
    });
  } catch (error) {
    throw inDockersWords(error);
  } finally {
    for (const fd of open.values()) closeSync(fd);
  }
}

/** A parent the archive did not name is made. */
function openOrMake(root: number, path: string): number {
  const found = openInside(root, path);
  if (found !== undefined) return found;
  if (path === '') throw new Error('a root that is not there');
  const [parent] = splitLast(path);
  closeSync(openOrMake(root, parent));
  using place = placeInside(root, path);
  if (place === undefined) throw new BuildError('archive', `no directory for ${path}`);
  try {
    mkdirSync(place.path, 0o755);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error; // The container made one meanwhile: what it is shows below.
  }
  const made = openInside(root, path);
  if (made === undefined) throw new BuildError('archive', `no directory for ${path}`);
  return made;
}

/** A hard link's target: a file, found like any entry. */
function linkTarget(path: string, locate: (parent: string) => string): string | undefined {
  const [parent, name] = splitLast(path);
  const found = `${locate(parent)}/${name}`;
  const stat = lstatSync(Buffer.from(`/proc/self/fd/${found}`, 'latin1'), {
    throwIfNoEntry: false,
  });
  return stat?.isFile() === true ? found : undefined;
}

function inDockersWords(error: unknown): unknown {
  if (hasCode(error, 'EROFS'))
    return new BuildError('conflict', 'container rootfs is marked read-only', { cause: error });
  return error;
}
