import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { BuildError } from '../model/error.js';
import type { Bytes } from '../model/stores.js';
import { hasCode } from '../model/has-code.js';
import { opaqueXattr } from '../sys/privileges.js';
import { sys } from '../sys/sys.js';
import { giveAccess, giveMode, giveOwner, makeNode } from './give-owner.js';
import { giveXattr } from './inode-record.js';
import { bytesUnder, OPAQUE_MARKER, WHITEOUT_PREFIX } from './layer-walk.js';
import { type TarEntry, tarEntries, type TarHeader } from './tar.js';
import { makeWhiteout } from './whiteout.js';

/** How `.wh.` names are read: as marks of a layer, or as plain files of an archive. */
export interface ApplyOptions {
  readonly whiteouts: boolean;
  /** Owner for every entry instead of the archive's. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Makes and resolves an entry's parent directory (latin1, below the root) instead of the strict default. */
  readonly locate?: (parent: string) => string;
  /** Finds a hard link's target outside of what the archive holds (latin1, as written): where it is now, below the root. */
  readonly linkTarget?: (path: string) => string | undefined;
  /**
   * The tree is in use, perhaps by a process that means harm: nothing is looked up twice by a name that could become a
   * link, a directory is not replaced by another type of entry nor the other way round, `.wh.` names are plain, and
   * attributes the filesystem has none of are left out. `locate` is asked again for directories' times.
   */
  readonly live?: boolean;
  /** Told of each entry before it is written: throws where it must not be. */
  readonly beforeEntry?: (header: TarHeader) => void;
  /** Told of each entry that was written. */
  readonly onEntry?: (header: TarHeader) => void;
}

const MAX_ENTRIES = 2_000_000;
const MAX_DEPTH = 1024;
const MAX_ID = 0xfffffffe;
const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;
const S_IFIFO = 0o010000;

/**
 * Unpacks a tar below `root`, which must exist and which nobody else may write. No entry leaves the root: names are
 * checked as text (`..`, absolute), every parent must be a real directory made or found without following a link, and
 * files are created with O_EXCL|O_NOFOLLOW. Throws BuildError `archive` naming the entry.
 */
export async function applyTar(bytes: Bytes, root: string, options: ApplyOptions): Promise<void> {
  const state: State = { root, options, safe: new Set(['']), times: [], entries: 0 };
  for await (const entry of tarEntries(bytes)) {
    options.beforeEntry?.(entry.header);
    await applyEntry(state, entry);
    options.onEntry?.(entry.header);
  }
  // Children change their directory's mtime, so directories get theirs last.
  for (const { path, name, mtimeNs } of state.times.reverse()) {
    if (options.live === true) setTimeAgain(state, name, mtimeNs);
    else sys().utimens(bytesUnder(root, path), mtimeNs, mtimeNs);
  }
}

/** A directory that was unpacked before: `locate` gives names that hold only until it is asked again. */
function setTimeAgain({ root, options }: State, name: string, mtimeNs: bigint): void {
  const at = name.lastIndexOf('/');
  const parent = at === -1 ? '' : name.slice(0, at);
  const found = options.locate === undefined ? parent : options.locate(parent);
  const path = found === '' ? name.slice(at + 1) : `${found}/${name.slice(at + 1)}`;
  try {
    sys().utimens(bytesUnder(root, path), mtimeNs, mtimeNs);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error; // Whoever uses the tree removed it.
  }
}

interface State {
  readonly root: string;
  readonly options: ApplyOptions;
  /** Directories known to be real ones, so that no parent is looked at twice. */
  readonly safe: Set<string>;
  readonly times: { readonly path: string; readonly name: string; readonly mtimeNs: bigint }[];
  entries: number;
}

async function applyEntry(state: State, { header, body }: TarEntry): Promise<void> {
  if (++state.entries > MAX_ENTRIES) throw hostile(header, 'too many entries');
  checkOwner(header);
  const parts = safeParts(header, header.name);
  if (parts.length === 0) {
    if (header.type !== 'directory') throw hostile(header, 'the root must be a directory');
    // An archive is unpacked into a directory that is there: it keeps what it has.
    if (state.options.locate === undefined && state.options.live !== true)
      setMetadata(state, '', header);
    return;
  }
  const name = parts[parts.length - 1] ?? '';
  const parent = parentOf(state, parts.slice(0, -1), header);
  if (state.options.whiteouts && name.startsWith(WHITEOUT_PREFIX)) {
    applyWhiteout(state, parent, name, header);
    return;
  }
  if (name.startsWith(WHITEOUT_PREFIX) && state.options.live !== true) {
    throw hostile(header, 'in an image its name would mean a deletion');
  }
  const path = parent === '' ? name : `${parent}/${name}`;
  if (state.options.live === true) refuseOtherType(state, path, header);
  if (header.type === 'directory') makeDirectory(state, path);
  else await makeOther(state, path, header, body);
  if (header.type !== 'link') setMetadata(state, path, header);
}

/** chown(2) takes -1 for "leave it", which would leave a set-id file root's. */
function checkOwner(header: TarHeader): void {
  if (header.uid > MAX_ID || header.gid > MAX_ID) throw hostile(header, 'an owner out of range');
}

/** The text check: no absolute path, no `..`, no NUL, nothing too deep. */
function safeParts(header: TarHeader, name: string): string[] {
  if (name.includes('\0')) throw hostile(header, 'a NUL in its name');
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw hostile(header, 'a ".." in its path');
  if (parts.length > MAX_DEPTH) throw hostile(header, 'too deep');
  if (parts.some((part) => part.length > 255)) throw hostile(header, 'a name over 255 bytes');
  return parts;
}

function parentOf(state: State, parts: readonly string[], header: TarHeader): string {
  const path = parts.join('/');
  if (state.options.locate !== undefined) return state.options.locate(path);
  ensureParents(state, parts, header);
  return path;
}

/** The file-system check: each parent is a directory, not a link; missing ones are made 0755. */
function ensureParents(state: State, parts: readonly string[], header: TarHeader): void {
  for (let i = 1; i <= parts.length; i++) {
    const path = parts.slice(0, i).join('/');
    if (state.safe.has(path)) continue;
    const full = bytesUnder(state.root, path);
    const stat = lstatSync(full, { throwIfNoEntry: false });
    if (stat === undefined) mkdirSync(full, 0o755);
    else if (!stat.isDirectory())
      throw hostile(header, `its parent ${shown(path)} is no directory`);
    state.safe.add(path);
  }
}

function applyWhiteout(state: State, parent: string, name: string, header: TarHeader): void {
  const directory = bytesUnder(state.root, parent);
  if (name === OPAQUE_MARKER) {
    sys().lsetxattr(directory, opaqueXattr(), Buffer.from('y'));
    return;
  }
  const hidden = name.slice(WHITEOUT_PREFIX.length);
  if (hidden === '' || hidden === '.' || hidden === '..')
    throw hostile(header, 'a bad whiteout name');
  const full = bytesUnder(state.root, parent === '' ? hidden : `${parent}/${hidden}`);
  // A layer that hides and adds the same name means the addition.
  if (lstatSync(full, { throwIfNoEntry: false }) === undefined) makeWhiteout(full);
}

/** moby's NoOverwriteDirNonDir, and its words. */
function refuseOtherType({ root }: State, path: string, { type, name }: TarHeader): void {
  const stat = lstatSync(bytesUnder(root, path), { throwIfNoEntry: false });
  if (stat === undefined) return;
  const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
  // Unlinking what is mounted on in another mount namespace takes that mount off.
  if (!stat.isDirectory() && lstatSync(bytesUnder(root, `${parent}/.`)).dev !== stat.dev) {
    throw new BuildError('archive', `cannot overwrite ${shown(name)}: something is mounted there`, {
      hint: 'write into it instead: stave exec -i CONTAINER sh -c "cat > FILE" < FILE',
    });
  }
  if (stat.isDirectory() === (type === 'directory')) return;
  const [old, fresh] = stat.isDirectory() ? [DIRECTORY, OTHER] : [OTHER, DIRECTORY];
  throw new BuildError(
    'archive',
    `cannot overwrite ${old} ${shown(name)} with ${fresh} ${shown(name)}`,
  );
}

const DIRECTORY = 'directory';
const OTHER = 'non-directory';

function makeDirectory(state: State, path: string): void {
  const full = bytesUnder(state.root, path);
  const stat = lstatSync(full, { throwIfNoEntry: false });
  const replaced = stat !== undefined && !stat.isDirectory();
  if (replaced) unlinkSync(full);
  if (stat === undefined || replaced) mkdirSync(full, 0o755);
  state.safe.add(path);
}

async function makeOther(
  state: State,
  path: string,
  header: TarHeader,
  body: Bytes,
): Promise<void> {
  const full = bytesUnder(state.root, path);
  clear(state, path, full);
  switch (header.type) {
    case 'file':
      return writeFile(full, header, body);
    case 'link':
      makeLink(state, header, full);
      return;
    case 'symlink':
      symlinkSync(Buffer.from(header.linkname ?? '', 'latin1'), full);
      return;
    case 'character-device':
    case 'block-device': {
      const type = header.type === 'block-device' ? S_IFBLK : S_IFCHR;
      if (type === S_IFCHR && !header.devmajor && !header.devminor) {
        throw hostile(header, 'a device 0:0, which would mean a deletion');
      }
      makeNode(full, type | header.mode, header.devmajor ?? 0, header.devminor ?? 0);
      return;
    }
    case 'fifo':
      sys().mknod(full, S_IFIFO | header.mode, 0, 0);
      return;
    case 'directory':
      throw new Error('directories are made elsewhere');
  }
}

/** A later entry of the same name replaces the earlier one; a directory goes with all below it. */
function clear(state: State, path: string, full: Buffer): void {
  const stat = lstatSync(full, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isDirectory()) {
    unlinkSync(full);
    return;
  }
  rmSync(full, { recursive: true });
  for (const known of state.safe) {
    if (known === path || known.startsWith(`${path}/`)) state.safe.delete(known);
  }
}

function makeLink(state: State, header: TarHeader, full: Buffer): void {
  const parts = safeParts(header, header.linkname ?? '');
  try {
    linkSync(linkTarget(state, parts, header), full);
  } catch (error) {
    if (hasCode(error, 'EMLINK')) throw hostile(header, 'too many links to one file');
    throw error;
  }
}

/** A hard link's target is looked up like any entry: real parents only, and a file, never a link. */
function linkTarget(state: State, parts: readonly string[], header: TarHeader): Buffer {
  if (state.options.linkTarget !== undefined) {
    const found = state.options.linkTarget(parts.join('/'));
    if (found === undefined || parts.length === 0) {
      throw hostile(header, `its link target ${shown(parts.join('/'))} is no file`);
    }
    return bytesUnder(state.root, found);
  }
  let path = '';
  for (const [i, part] of parts.entries()) {
    path = path === '' ? part : `${path}/${part}`;
    const stat = lstatSync(bytesUnder(state.root, path), { throwIfNoEntry: false });
    const last = i === parts.length - 1;
    if (stat === undefined)
      throw hostile(header, `its link target ${shown(path)} is not in the archive`);
    if (last ? stat.isDirectory() : !stat.isDirectory()) {
      throw hostile(header, `its link target ${shown(path)} leads elsewhere`);
    }
  }
  if (parts.length === 0) throw hostile(header, 'an empty link target');
  return bytesUnder(state.root, path);
}

async function writeFile(full: Buffer, header: TarHeader, body: Bytes): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const fd = openSync(full, flags, 0o600);
  try {
    for await (const chunk of body) {
      for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at);
    }
    const mode = header.mode & 0o1777;
    giveAccess(fd, full, { uid: header.uid, gid: header.gid, mode });
  } catch (error) {
    throw noSpace(error) ?? error;
  } finally {
    closeSync(fd);
  }
}

function noSpace(error: unknown): BuildError | undefined {
  if (!hasCode(error, 'ENOSPC', 'EDQUOT')) return undefined;
  return new BuildError('no-space', 'no space left while unpacking a layer', {
    hint: 'free some space, or remove images with: stave image rm',
    cause: error,
  });
}

function setMetadata(state: State, path: string, header: TarHeader): void {
  const full = bytesUnder(state.root, path);
  const { uid, gid } = state.options.owner ?? header;
  giveOwner(full, uid, gid);
  if (header.type !== 'symlink') {
    if (state.options.live === true) chmodUnfollowed(full, header.mode);
    else giveMode(full, header.mode);
  }
  setXattrs(state, full, header);
  if (header.type === 'directory')
    state.times.push({
      path,
      name: safeParts(header, header.name).join('/'),
      mtimeNs: header.mtimeNs,
    });
  else sys().utimens(full, header.mtimeNs, header.mtimeNs);
}

function setXattrs({ options }: State, full: Buffer, { xattrs }: TarHeader): void {
  for (const [name, value] of Object.entries(xattrs ?? {})) {
    if (/^(trusted|system)\.|^user\.(overlay|stave)\./.test(name)) continue;
    try {
      giveXattr(full, name, Buffer.from(value, 'latin1'));
    } catch (error) {
      if (options.live !== true || !hasCode(error, 'ENOTSUP', 'EOPNOTSUPP', 'EPERM')) throw error;
    }
  }
}

const O_PATH = 0o10000000;

/** chmod(2) follows a link; a descriptor of what is there now is no name that could become one. */
function chmodUnfollowed(full: Buffer, mode: number): void {
  const fd = openSync(full, O_PATH | constants.O_NOFOLLOW);
  try {
    if (!fstatSync(fd).isSymbolicLink()) chmodSync(`/proc/self/fd/${String(fd)}`, mode);
  } finally {
    closeSync(fd);
  }
}

function hostile(header: TarHeader, why: string): BuildError {
  return new BuildError('archive', `refusing tar entry ${shown(header.name)}: ${why}`);
}

function shown(path: string): string {
  return JSON.stringify(Buffer.from(path, 'latin1').toString());
}

/** Passes bytes through and tells their sha256 at the end. */
export async function* hashing(bytes: Bytes, onEnd: (hex: string) => void): Bytes {
  const hash = createHash('sha256');
  for await (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
  onEnd(hash.digest('hex'));
}
