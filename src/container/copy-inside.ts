import { closeSync, fstatSync, lstatSync } from 'node:fs';
import { posix } from 'node:path';
import { toBytes } from '../cache/source-tree.js';
import { BuildError } from '../model/error.js';
import {
  assertsDirectory,
  cleanPath,
  type CopySource,
  type CopyTarget,
  copiedName,
} from './copy-rules.js';
import { openInside, placeInside, readLinkAt, statInside } from './inside.js';
import type { ContainerRoot } from './open-root.js';

/** Something to copy from an open directory. */
export interface OpenSource extends CopySource, Disposable {
  readonly directory: number;
  /** In it, latin1. */
  readonly name: string;
  readonly size: number;
}

const MAX_LINKS = 255;

/**
 * What a path of a container means as a source. `follow`: the target of a final link instead of the link. Throws
 * BuildError `not-found` in docker's words.
 */
export function sourceInside(
  root: ContainerRoot,
  text: string,
  { container, follow }: { readonly container: string; readonly follow: boolean },
): OpenSource {
  const asked = cleanPath(toBytes(text));
  const asserted = assertsDirectory(text);
  const path = follow || asserted ? (followLinks(root.fd, asked) ?? asked) : asked;
  const stat = statInside(root.fd, path);
  if (stat === undefined || root.hidden.has(stat.dev)) {
    const shown = cleanPath(text);
    throw new BuildError('not-found', `Could not find the file ${shown} in container ${container}`);
  }
  if (asserted && !stat.isDirectory()) throw notADirectory(text);
  const place = placeInside(root.fd, path);
  if (place === undefined) throw notADirectory(text);
  const base = follow && !asserted ? copiedName(path) : copiedName(toBytes(text));
  return {
    directory: place.directory,
    name: place.name,
    isDirectory: stat.isDirectory(),
    base: path === '/' ? '' : base,
    size: stat.size,
    [Symbol.dispose]: () => {
      place[Symbol.dispose]();
    },
  };
}

/** What a path of a container means as a destination: links are followed, also to what is not there yet. */
export function targetInside(root: ContainerRoot, text: string): CopyTarget {
  const path = followLinks(root.fd, cleanPath(toBytes(text))) ?? cleanPath(toBytes(text));
  const stat = statInside(root.fd, path);
  const exists = stat !== undefined && !root.hidden.has(stat.dev);
  return {
    path,
    exists,
    isDirectory: exists && stat.isDirectory(),
    asserted: assertsDirectory(text),
  };
}

/** Throws BuildError `not-found` or `usage` when a directory to unpack into is none. */
export function checkDirectory(root: ContainerRoot, path: string, container: string): void {
  const fd = openInside(root.fd, path);
  if (fd === undefined) {
    throw new BuildError('not-found', `Could not find the file ${path} in container ${container}`);
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isDirectory() || root.hidden.has(stat.dev))
      throw new BuildError('usage', 'extraction point is not a directory');
  } finally {
    closeSync(fd);
  }
}

/** The path behind a final link, as far as there are links; undefined after too many. */
function followLinks(root: number, path: string): string | undefined {
  let at = path;
  for (let links = 0; links < MAX_LINKS; links++) {
    using place = placeInside(root, at);
    if (place === undefined) return at;
    const stat = lstatSync(place.path, { throwIfNoEntry: false });
    if (stat?.isSymbolicLink() !== true) return at;
    const target = readLinkAt(place.path);
    at = cleanPath(target.startsWith('/') ? target : `${posix.dirname(at)}/${target}`);
  }
  return undefined;
}

function notADirectory(text: string): BuildError {
  return new BuildError('usage', `${text}: not a directory`);
}
