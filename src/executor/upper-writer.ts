import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fchownSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { noSpace } from '../cache/durable.js';
import { bytesUnder } from '../cache/layer-walk.js';
import { resolveInside, type SourceEntry, type SourceTree, toText } from '../cache/source-tree.js';
import { BuildError } from '../model/error.js';
import { sys } from '../sys/sys.js';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const SMALL = 128 << 10;
const TYPES = { 'character-device': 0o020000, 'block-device': 0o060000, fifo: 0o010000 } as const;

/**
 * Writes into a fresh upper directory as if into the merged tree: parents that exist below are made again with their
 * metadata, links in a destination lead where they would lead inside the root. Paths are latin1 below the root.
 */
export class UpperWriter {
  readonly upper: string;
  readonly #base: SourceTree;
  /** Directories of the upper that are there already. */
  readonly #made = new Set<string>(['']);
  readonly #times: { readonly path: string; readonly mtimeNs: bigint }[] = [];
  readonly #links = new Map<string, string>();

  constructor(upper: string, base: SourceTree) {
    this.upper = upper;
    this.#base = base;
  }

  /** What is at a path now: written by us, else the base's. Undefined for nothing. */
  entryType(path: string): SourceEntry['type'] | undefined {
    const own = lstatSync(bytesUnder(this.upper, path), { throwIfNoEntry: false });
    if (own !== undefined)
      return own.isDirectory() ? 'directory' : own.isSymbolicLink() ? 'symlink' : 'file';
    return this.#base.entry(path)?.type;
  }

  /** Follows links of the base inside the root. */
  resolve(path: string, followLast: boolean): string {
    const resolved = resolveInside(this.#base, path, followLast);
    if (resolved === undefined)
      throw new BuildError('syntax', `too many symbolic links in ${toText(path)}`);
    return resolved;
  }

  /** A directory with its parents; new ones are 0755 and `owner`'s, existing ones keep what they have. */
  ensureDirectory(path: string, owner: Owner): void {
    if (this.#made.has(path)) return;
    const at = path.lastIndexOf('/');
    if (path !== '') this.ensureDirectory(at === -1 ? '' : path.slice(0, at), owner);
    const full = bytesUnder(this.upper, path);
    const type = this.entryType(path);
    if (type !== undefined && type !== 'directory') throw notADirectory(path);
    if (lstatSync(full, { throwIfNoEntry: false }) === undefined) {
      mkdirSync(full, 0o755);
      const below = this.#base.entry(path);
      if (below !== undefined) this.#adopt(full, below, path);
      else this.#setOwnerMode(full, owner, 0o755);
    }
    this.#made.add(path);
  }

  /** A directory of the source: its own metadata, also when the base has one. */
  directory(path: string, entry: SourceEntry, owner: Owner, mode: number): void {
    const full = bytesUnder(this.upper, path);
    const type = this.entryType(path);
    if (type !== undefined && type !== 'directory') throw notADirectory(path);
    if (lstatSync(full, { throwIfNoEntry: false }) === undefined) mkdirSync(full, 0o755);
    this.#setOwnerMode(full, owner, mode);
    this.#times.push({ path, mtimeNs: entry.mtimeNs });
    this.#made.add(path);
  }

  /** Anything but a directory; its parent must have been ensured. */
  file(path: string, entry: SourceEntry, owner: Owner, mode: number): void {
    const type = this.entryType(path);
    if (type === 'directory') {
      throw new BuildError('syntax', `cannot replace directory /${toText(path)} with a file`);
    }
    const full = bytesUnder(this.upper, path);
    if (lstatSync(full, { throwIfNoEntry: false }) !== undefined) unlinkSync(full);
    if (entry.inode !== undefined && this.#linkedBefore(entry.inode, path, full)) return;
    try {
      this.#create(full, entry, owner, mode);
    } catch (error) {
      throw noSpace(error, this.upper);
    }
  }

  /** Children change their directory's mtime, so directories get theirs last. */
  finish(): void {
    for (const { path, mtimeNs } of this.#times.reverse()) {
      sys().utimens(bytesUnder(this.upper, path), mtimeNs, mtimeNs);
    }
  }

  #linkedBefore(inode: string, path: string, full: Buffer): boolean {
    const first = this.#links.get(inode);
    if (first === undefined) {
      this.#links.set(inode, path);
      return false;
    }
    linkSync(bytesUnder(this.upper, first), full);
    return true;
  }

  #create(full: Buffer, entry: SourceEntry, owner: Owner, mode: number): void {
    switch (entry.type) {
      case 'file':
        this.#copyContent(full, entry, owner, mode);
        break;
      case 'symlink':
        symlinkSync(Buffer.from(entry.link ?? '', 'latin1'), full);
        lchownSync(full, owner.uid, owner.gid);
        break;
      case 'fifo':
      case 'character-device':
      case 'block-device':
        sys().mknod(full, TYPES[entry.type] | mode, (entry.rdev >> 8) & 0xfff, entry.rdev & 0xff);
        this.#setOwnerMode(full, owner, mode);
        break;
      case 'socket':
        return;
      case 'directory':
        throw new Error('directories are made elsewhere');
    }
    sys().utimens(full, entry.mtimeNs, entry.mtimeNs);
  }

  /** Small files through memory, large ones by the kernel (reflink or copy_file_range). */
  #copyContent(full: Buffer, entry: SourceEntry, owner: Owner, mode: number): void {
    if (entry.size > SMALL) {
      copyFileSync(entry.file, full, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
      this.#setOwnerMode(full, owner, mode);
    } else {
      const bytes = readFileSync(entry.file);
      const fd = openSync(full, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
      try {
        for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
        fchownSync(fd, owner.uid, owner.gid);
        fchmodSync(fd, mode);
      } finally {
        closeSync(fd);
      }
    }
    this.#checkUnchanged(entry);
  }

  /** Its digest is in the key already: a file that changed meanwhile would be stored under the wrong one. */
  #checkUnchanged(entry: SourceEntry): void {
    if (entry.file === '/dev/null') return;
    const now = lstatSync(entry.file, { bigint: true });
    if (now.mtimeNs === entry.mtimeNs && Number(now.size) === entry.size) return;
    throw new BuildError('not-found', `${toText(entry.path)} changed while it was copied`, {
      hint: 'build again when nothing writes to the context',
    });
  }

  #adopt(full: Buffer, below: SourceEntry, path: string): void {
    this.#setOwnerMode(full, below, below.mode);
    for (const name of sys().llistxattr(below.file)) {
      if (/^(trusted|user)\.overlay\./.test(name)) continue;
      const value = sys().lgetxattr(below.file, name);
      if (value !== undefined) sys().lsetxattr(full, name, value);
    }
    this.#times.push({ path, mtimeNs: below.mtimeNs });
  }

  #setOwnerMode(full: Buffer, owner: Owner, mode: number): void {
    lchownSync(full, owner.uid, owner.gid);
    chmodSync(full, mode);
  }
}

function notADirectory(path: string): BuildError {
  return new BuildError('syntax', `cannot copy to non-directory: /${toText(path)}`);
}
