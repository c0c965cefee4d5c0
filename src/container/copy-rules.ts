import { posix } from 'node:path';
import { BuildError } from '../model/error.js';

/** What is copied. */
export interface CopySource {
  readonly isDirectory: boolean;
  /** Its name where it is put into a directory; '' puts a directory's content there (`/.` at the end). */
  readonly base: string;
}

/** Where it goes, links followed. */
export interface CopyTarget {
  readonly path: string;
  readonly exists: boolean;
  readonly isDirectory: boolean;
  /** Written with `/` or `/.` at the end. */
  readonly asserted: boolean;
}

/** Into which directory, under which name ('' for its content). */
export interface CopyPlace {
  readonly directory: string;
  readonly as: string;
}

/** docker's rules of `cp` (docs, container_cp.md; moby/go-archive copy.go). Throws BuildError `usage` in its words. */
export function placeCopy(source: CopySource, target: CopyTarget): CopyPlace {
  if (target.exists && target.isDirectory) return { directory: target.path, as: source.base };
  if (target.exists && source.isDirectory) {
    throw new BuildError('usage', 'cannot copy directory', { hint: `${target.path} is a file` });
  }
  if (!source.isDirectory && target.asserted) {
    throw new BuildError('usage', 'no such directory', {
      hint: `make ${target.path} first, or name a file`,
    });
  }
  return { directory: posix.dirname(target.path), as: posix.basename(target.path) };
}

/** `CONTAINER:PATH` in its two parts; a path of ours has no container. */
export function splitCopyArgument(text: string): { container?: string; path: string } {
  const at = text.indexOf(':');
  // ./a:b and /a:b are files of ours.
  if (at === -1 || text.startsWith('/') || text.startsWith('.')) return { path: text };
  return { container: text.slice(0, at), path: text.slice(at + 1) };
}

/** True for a path that says it is a directory: it ends in `/` or `/.`. */
export function assertsDirectory(path: string): boolean {
  return /(?:^|\/)\.?$/.test(path);
}

/** The name an entry keeps: none for `/` and for `dir/.`. */
export function copiedName(path: string): string {
  if (/(?:^|\/)\.$/.test(path)) return '';
  const base = posix.basename(path);
  return base === '..' || base === '.' ? '' : base;
}

/** Absolute, without `..` and without a slash at the end but for the root. */
export function cleanPath(path: string): string {
  const clean = posix.normalize(`/${path}`);
  return clean === '/' ? clean : clean.replace(/\/+$/, '');
}
