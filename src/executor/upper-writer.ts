import { linkSync, lstatSync, mkdirSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs';
import { noSpace } from '../cache/durable.js';
import { creationMode, giveMode, giveOwner, makeNode } from '../cache/give-owner.js';
import { deviceOf, WHITEOUT_PREFIX } from '../cache/layer-walk.js';
import { giveXattr, imageXattrs, RECORD_XATTR } from '../cache/inode-record.js';
import { typeOf } from '../cache/merged-view.js';
import {
  hostPath,
  resolveInside,
  type SourceEntry,
  type SourceTree,
  toText,
} from '../cache/source-tree.js';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import type { LayerLog } from '../model/stores.js';
import { sys } from '../sys/sys.js';
import type { Access, Owner } from './access.js';
import { copyContent } from './copy-content.js';
import { smallContent } from './small-content.js';

/** What is known of a file before it is copied. */
export interface KnownFile {
  /** Its bytes, if they were read before. */
  readonly content?: Buffer;
  /** It has no extended attributes to be copied after it. */
  readonly complete?: boolean;
}

const TYPES = { 'character-device': 0o020000, 'block-device': 0o060000, fifo: 0o010000 } as const;

/**
 * Writes into a fresh upper directory as if into the merged tree: parents that exist below are made again with their
 * metadata, links in a destination lead where they would lead inside the root. Paths are latin1 below the root.
 */
export class UpperWriter {
  readonly upper: string;
  readonly #base: SourceTree;
  readonly #log: LayerLog;
  /** Directories of the upper that are there already. */
  readonly #made = new Set<string>(['']);
  /** Those of them that hide or are nothing of the base: what they hold, we wrote. */
  readonly #fresh = new Set<string>();
  readonly #times = new Map<string, bigint>();
  /** First path of each inode with several names, and back. */
  readonly #links = new Map<string, string>();
  readonly #linked = new Map<string, string>();

  /** Modes that files of a directory came out with: set-group-ID and default ACLs make it differ. */
  #obeyed = { directory: '', modes: new Set<number>() };

  /** `log`: told of everything that is written. */
  constructor(upper: string, base: SourceTree, log: LayerLog = NO_LOG) {
    this.upper = upper;
    this.#base = base;
    this.#log = log;
  }

  /** What is at a path now: written by us, else the base's. Undefined for nothing. */
  entryType(path: string): SourceEntry['type'] | undefined {
    return this.#entry(path)?.type;
  }

  /** Follows links, ours and the base's, inside the root. */
  resolve(path: string, followLast: boolean): string {
    const resolved = resolveInside({ entry: (at) => this.#entry(at) }, path, followLast);
    if (resolved === undefined)
      throw new BuildError('syntax', `too many symbolic links in ${toText(path)}`);
    return resolved;
  }

  /** A directory with its parents; new ones get `mode` and are `owner`'s, existing ones keep what they have. */
  ensureDirectory(path: string, owner: Owner, mode = 0o755): void {
    if (this.#made.has(path) && this.#own(path)?.isDirectory() !== false) return;
    if (path !== '') this.ensureDirectory(parentOf(path), owner, mode);
    const entry = this.#entry(path);
    if (entry !== undefined && entry.type !== 'directory') throw notADirectory(path);
    if (this.#own(path) === undefined) {
      mkdirSync(this.#full(path), 0o755);
      const below = this.#below(path);
      if (below === undefined) this.#begin(path, { owner, mode });
      else this.#adopt(path, below);
    }
    this.#made.add(path);
  }

  /** A directory of the source: its own metadata, also when there is one. */
  directory(path: string, entry: SourceEntry, access: Access): void {
    refuseWhiteout(path);
    if (!this.#makeFresh(path)) this.ensureDirectory(path, access.owner);
    this.#setAccess(path, access);
    this.#logDirectory(path, access, entry.mtimeNs);
  }

  /** A directory that is there and keeps its owner, but not its permissions. */
  passThrough(path: string, mode: number): void {
    this.ensureDirectory(path, ROOT);
    giveMode(this.#full(path), mode);
    this.#log.change(path, { mode });
  }

  setTime(path: string, mtimeNs: bigint): void {
    this.#times.set(path, mtimeNs);
    if (path !== '') this.#log.change(path, { mtimeNs });
  }

  /**
   * Anything but a directory; its parent must have been ensured. False if it became a hard link to one before.
   */
  file(path: string, entry: SourceEntry, access: Access, known: KnownFile = {}): boolean {
    refuseWhiteout(path);
    if (!this.#fresh.has(parentOf(path)) || entry.inode !== undefined) this.#makeRoom(path);
    if (entry.inode !== undefined && this.#linkedBefore(entry, path, access)) return false;
    const content = entry.type === 'file' ? (known.content ?? smallContent(entry)) : undefined;
    this.#logFile(path, entry, access, { ...known, ...(content === undefined ? {} : { content }) });
    try {
      this.#create(path, entry, access, content);
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw noSpace(error, this.upper);
      // Only in a fresh directory: two sources have the name, the later one wins.
      this.#makeRoom(path);
      this.#create(path, entry, access, content);
    }
    return true;
  }

  /** Attributes of a source, as far as the filesystem takes them. */
  copyXattrs(path: string, file: string | Buffer): void {
    this.#log.change(path, { xattrs: true });
    for (const [name, value] of imageXattrs(file)) {
      try {
        giveXattr(this.#full(path), name, value);
      } catch (error) {
        if (!hasCode(error, 'ENOTSUP', 'EOPNOTSUPP', 'EPERM')) throw error;
      }
    }
  }

  /** The path of a file that is to get another name, copied from the base if it must; undefined for none. */
  bringUp(path: string): string | undefined {
    const own = this.#own(path);
    if (own !== undefined) return own.isDirectory() ? undefined : path;
    const below = this.#below(path);
    if (below === undefined || below.type === 'directory') return undefined;
    this.#log.drop();
    this.ensureDirectory(parentOf(path), ROOT);
    const { inode: _alone, ...entry } = below;
    const content = below.type === 'file' ? smallContent(entry) : undefined;
    this.#create(path, entry, { owner: below, mode: below.mode }, content);
    if (below.type === 'file') this.copyXattrs(path, below.file);
    return path;
  }

  /** Children change their directory's mtime, so directories get theirs last. */
  finish(): void {
    for (const [path, mtimeNs] of this.#times) {
      if (this.#own(path)?.isDirectory() === true)
        sys().utimens(this.#full(path), mtimeNs, mtimeNs);
    }
  }

  #full(path: string): string | Buffer {
    return hostPath(this.upper, path);
  }

  #own(path: string) {
    try {
      return lstatSync(this.#full(path), { throwIfNoEntry: false });
    } catch (error) {
      if (hasCode(error, 'ENOTDIR')) return undefined;
      throw error;
    }
  }

  #entry(path: string): Pick<SourceEntry, 'type' | 'link'> | undefined {
    const own = this.#own(path);
    if (own === undefined) return this.#below(path);
    if (!own.isSymbolicLink()) return { type: typeOf(own) };
    return { type: 'symlink', link: readlinkSync(this.#full(path), { encoding: 'latin1' }) };
  }

  /** The base's entry, unless a directory of ours stands where the base has none. */
  #below(path: string): SourceEntry | undefined {
    return path !== '' && this.#fresh.has(parentOf(path)) ? undefined : this.#base.entry(path);
  }

  /** The common case at one call: a new directory in a new directory. */
  #makeFresh(path: string): boolean {
    if (!this.#fresh.has(parentOf(path))) return false;
    try {
      mkdirSync(this.#full(path), 0o755);
    } catch (error) {
      if (hasCode(error, 'EEXIST')) return false;
      throw noSpace(error, this.upper);
    }
    this.#fresh.add(path);
    this.#made.add(path);
    return true;
  }

  #makeRoom(path: string): void {
    const entry = this.#entry(path);
    if (entry === undefined) return;
    if (entry.type === 'directory') {
      throw new BuildError('syntax', `cannot replace directory /${toText(path)} with a file`);
    }
    if (this.#own(path) === undefined) return;
    this.#log.drop();
    unlinkSync(this.#full(path));
    // The name means another file now: nothing may be linked to it any more.
    const inode = this.#linked.get(path);
    if (inode !== undefined) this.#links.delete(inode);
    this.#linked.delete(path);
  }

  #linkedBefore(entry: SourceEntry, path: string, { owner, mode }: Access): boolean {
    const inode = entry.inode ?? '';
    const first = this.#links.get(inode);
    if (first === undefined) {
      this.#links.set(inode, path);
      this.#linked.set(path, inode);
      return false;
    }
    linkSync(this.#full(first), this.#full(path));
    const { mtimeNs } = entry;
    const { uid, gid } = owner;
    this.#log.put({ path, type: 'link', linkname: first, size: 0, mtimeNs, mode, uid, gid });
    return true;
  }

  #create(path: string, entry: SourceEntry, access: Access, content?: Buffer): void {
    const full = this.#full(path);
    switch (entry.type) {
      case 'file':
        this.#copy(path, full, { entry, access, content });
        return;
      case 'symlink':
        symlinkSync(Buffer.from(entry.link ?? '', 'latin1'), full);
        giveOwner(full, access.owner.uid, access.owner.gid);
        break;
      case 'fifo':
      case 'character-device':
      case 'block-device': {
        const { devmajor, devminor } = deviceOf(entry.rdev);
        makeNode(full, TYPES[entry.type] | access.mode, devmajor, devminor);
        this.#setAccess(path, access);
        break;
      }
      case 'socket':
        return;
      case 'directory':
        throw new Error('directories are made elsewhere');
    }
    sys().utimens(full, entry.mtimeNs, entry.mtimeNs);
  }

  /** A file is made with its mode and owner, in one call, where the first of its directory came out as it should. */
  #copy(path: string, to: string | Buffer, { entry, access, content }: FileCopy): void {
    const { mtimeNs } = entry;
    const mode = creationMode({ ...access.owner, mode: access.mode });
    if (mode === undefined) {
      copyContent(entry, { to, access, mtimeNs }, content);
      return;
    }
    const directory = parentOf(path);
    if (this.#obeyed.directory !== directory) this.#obeyed = { directory, modes: new Set() };
    copyContent(entry, { to, access, mtimeNs, creationMode: mode }, content);
    if (this.#obeyed.modes.has(mode)) return;
    const made = lstatSync(to);
    const { uid, gid } = access.owner;
    if ((made.mode & 0o7777) === mode && made.uid === uid && made.gid === gid)
      this.#obeyed.modes.add(mode);
    else this.#setAccess(path, access);
  }

  #adopt(path: string, below: SourceEntry): void {
    this.#setAccess(path, { owner: below, mode: below.mode });
    this.#logDirectory(path, { owner: below, mode: below.mode }, below.mtimeNs);
    for (const name of sys().llistxattr(below.file)) {
      if (/^(trusted|user)\.overlay\./.test(name) || RECORD_XATTR.test(name)) continue;
      const value = sys().lgetxattr(below.file, name);
      if (value !== undefined) sys().lsetxattr(this.#full(path), name, value);
    }
  }

  /** A directory where there was none; its time is settled, or what is put in it would move it. */
  #begin(path: string, access: Access): void {
    this.#setAccess(path, access);
    this.#fresh.add(path);
    const { mtimeNs } = lstatSync(this.#full(path), { bigint: true });
    this.#logDirectory(path, access, mtimeNs);
  }

  #logDirectory(path: string, { owner: { uid, gid }, mode }: Access, mtimeNs: bigint): void {
    this.#times.set(path, mtimeNs);
    if (path === '') return;
    const entry = { path, type: 'directory', mode, uid, gid, size: 0, mtimeNs } as const;
    this.#log.put({ ...entry, xattrs: true });
  }

  #logFile(path: string, entry: SourceEntry, access: Access, known: KnownFile): void {
    const { type, size, mtimeNs, link, rdev, file } = entry;
    if (type === 'socket' || type === 'directory') return;
    const { uid, gid } = access.owner;
    const common = { path, type, mode: access.mode, uid, gid, size: 0, mtimeNs };
    if (type === 'symlink')
      // A link has all permissions, whatever is asked for.
      this.#log.put({ ...common, mode: 0o777, linkname: link ?? '' });
    else if (type === 'file') this.#log.put({ ...common, size, source: file, ...known });
    else this.#log.put({ ...common, ...(type === 'fifo' ? {} : deviceOf(rdev)) });
  }

  #setAccess(path: string, { owner, mode }: Access): void {
    giveOwner(this.#full(path), owner.uid, owner.gid);
    giveMode(this.#full(path), mode);
  }
}

interface FileCopy {
  readonly entry: SourceEntry;
  readonly access: Access;
  readonly content: Buffer | undefined;
}

const ROOT: Owner = { uid: 0, gid: 0 };

const NO_LOG: LayerLog = {
  put: () => undefined,
  change: () => undefined,
  drop: () => undefined,
};

function parentOf(path: string): string {
  const at = path.lastIndexOf('/');
  return at === -1 ? '' : path.slice(0, at);
}

function notADirectory(path: string): BuildError {
  return new BuildError('syntax', `cannot copy to non-directory: /${toText(path)}`, {
    hint: 'a directory needs one to be copied to: choose another destination, or remove the file in a step before',
  });
}

/** Stored in an image layer, the name would be read as the deletion of another. */
function refuseWhiteout(path: string): void {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (!name.startsWith(WHITEOUT_PREFIX)) return;
  throw new BuildError('unsupported', `a file cannot be called ${toText(name)} in an image`, {
    hint: 'names that begin with .wh. stand for deletions in image layers; exclude or rename it',
  });
}
