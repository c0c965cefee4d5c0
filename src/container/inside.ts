import { closeSync, lstatSync, readlinkSync, type Stats } from 'node:fs';
import { hasCode } from '../model/has-code.js';
import { openInRoot } from '../sys/mounts.js';

/** One entry of a directory that is held open: nobody can put another directory in its place meanwhile. */
export interface Place extends Disposable {
  /** Path of the entry for system calls that do not follow a final link. */
  readonly path: Buffer;
  readonly directory: number;
  /** Latin1. */
  readonly name: string;
}

/** A name (latin1) in an open directory. */
export function entryPath(directory: number, name: string): Buffer {
  return Buffer.concat([
    Buffer.from(`/proc/self/fd/${String(directory)}/`),
    Buffer.from(name, 'latin1'),
  ]);
}

/** Where a path (latin1) of a root ends, its directory resolved by the kernel as inside a chroot. Undefined: no such directory. */
export function placeInside(root: number, path: string): Place | undefined {
  const [parent, name] = splitLast(path);
  const directory = openInside(root, parent);
  if (directory === undefined) return undefined;
  return {
    directory,
    name,
    path: entryPath(directory, name),
    [Symbol.dispose]: () => {
      closeSync(directory);
    },
  };
}

/** Descriptor of what a path (latin1) of a root means, links followed inside. Undefined when there is nothing. */
export function openInside(root: number, path: string): number | undefined {
  try {
    return openInRoot(root, Buffer.from(path === '' ? '.' : path, 'latin1'));
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** What a path is, its last component not followed; undefined when there is nothing. */
export function statInside(root: number, path: string): Stats | undefined {
  using place = placeInside(root, path);
  return place === undefined ? undefined : lstatSync(place.path, { throwIfNoEntry: false });
}

export function readLinkAt(path: Buffer): string {
  return readlinkSync(path, { encoding: 'latin1' });
}

/** Directory and last name of a path; `.` names the directory itself. */
export function splitLast(path: string): [parent: string, name: string] {
  const clean = path.replace(/\/+$/, '');
  const at = clean.lastIndexOf('/');
  const name = clean.slice(at + 1);
  return [at === -1 ? '' : clean.slice(0, at), name === '' ? '.' : name];
}
