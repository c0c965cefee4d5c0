import { closeSync, lstatSync, openSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { bytesUnder, OPAQUE_XATTRS } from '../cache/layer-walk.js';
import type { SourceTree } from '../cache/source-tree.js';
import { sys } from '../sys/sys.js';
import type { UpperWriter } from './upper-writer.js';

const ROOT = { uid: 0, gid: 0 };

/**
 * Directories and empty files that are there only to be mounted on. They are made in the upper directory before the
 * step, and taken away after it, unless something was written to them.
 */
export class MountStubs {
  readonly #writer: UpperWriter;
  readonly #base: SourceTree;
  readonly #made: string[] = [];

  constructor(writer: UpperWriter, base: SourceTree) {
    this.#writer = writer;
    this.#base = base;
  }

  /** Makes what is missing at `path` (resolved, latin1), its parents too. */
  add(path: string, kind: 'file' | 'directory'): void {
    const missing: string[] = [];
    for (let at = path; at !== '' && this.#writer.entryType(at) === undefined; at = parentOf(at))
      missing.push(at);
    if (missing.length === 0) return;
    this.#made.push(...missing.reverse());
    if (kind === 'directory') return this.#writer.ensureDirectory(path, ROOT);
    this.#writer.ensureDirectory(parentOf(path), ROOT);
    closeSync(openSync(bytesUnder(this.#writer.upper, path), 'wx', 0o644));
  }

  /**
   * Removes them again: the step is over and its root unmounted, so nobody races. It may have put a link in the place of
   * a directory (CVE-2024-23652): each component must still be a directory of the upper layer. Times of parents stay.
   */
  remove(): void {
    for (const path of this.#made.reverse()) this.#removeEmpty(path);
    for (const path of [...new Set(this.#made.flatMap(parentsOf))].sort().reverse())
      this.#forget(path);
  }

  #removeEmpty(path: string): void {
    const { upper } = this.#writer;
    if (!parentsOf(path).every((parent) => isDirectory(bytesUnder(upper, parent)))) return;
    const full = bytesUnder(upper, path);
    const stat = lstatSync(full, { throwIfNoEntry: false });
    if (stat === undefined || !(stat.isDirectory() || (stat.isFile() && stat.size === 0))) return;
    if (stat.isDirectory() && readdirSync(full).length > 0) return;
    keepingTimes(bytesUnder(upper, parentOf(path)), () => {
      if (stat.isDirectory()) rmdirSync(full);
      else unlinkSync(full);
    });
  }

  /** A directory that is in the upper layer only because a stub was made in it, and is as it was, is no change. */
  #forget(path: string): void {
    const { upper } = this.#writer;
    const full = bytesUnder(upper, path);
    const below = this.#base.entry(path);
    const stat = lstatSync(full, { throwIfNoEntry: false, bigint: true });
    if (below?.type !== 'directory' || stat?.isDirectory() !== true) return;
    const same =
      Number(stat.mode & 0o7777n) === below.mode &&
      Number(stat.uid) === below.uid &&
      Number(stat.gid) === below.gid &&
      stat.mtimeNs === below.mtimeNs;
    if (!same || readdirSync(full).length > 0 || isOpaque(full)) return;
    keepingTimes(bytesUnder(upper, parentOf(path)), () => {
      rmdirSync(full);
    });
  }
}

function isDirectory(path: Buffer): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function isOpaque(path: Buffer): boolean {
  return OPAQUE_XATTRS.some((name) => sys().lgetxattr(path, name) !== undefined);
}

function keepingTimes(directory: Buffer, work: () => void): void {
  const { atimeNs, mtimeNs } = lstatSync(directory, { bigint: true });
  work();
  sys().utimens(directory, atimeNs, mtimeNs);
}

function parentOf(path: string): string {
  const cut = path.lastIndexOf('/');
  return cut === -1 ? '' : path.slice(0, cut);
}

/** `a/b/c`: `a`, `a/b`. */
function parentsOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, i) => parts.slice(0, i + 1).join('/'));
}
