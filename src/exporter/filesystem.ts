import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  constants,
  copyFileSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { setImmediate as breathe } from 'node:timers/promises';
import { ensureLayers } from '../cache/ensure-layers.js';
import { noSpace } from '../cache/durable.js';
import { imageXattrs } from '../cache/inode-record.js';
import { mergedView } from '../cache/merged-view.js';
import { bytesUnder } from '../cache/layer-walk.js';
import { treeTar } from '../cache/layer-digest.js';
import { encodeHeader, tarEnd } from '../cache/tar.js';
import { makeOutput } from './make-output.js';
import type { SourceEntry, SourceTree } from '../cache/source-tree.js';
import { hasCode } from '../model/has-code.js';
import type { Scope } from '../model/scope.js';
import type { Bytes, Snapshot, Snapshotter } from '../model/stores.js';
import { privileges } from '../sys/privileges.js';
import { sys } from '../sys/sys.js';

/** A filesystem and the directory it goes to, '' for the top. */
export interface SplitTree {
  readonly snapshot: Snapshot;
  readonly snapshots: Snapshotter;
  readonly prefix: string;
}

/** Merged filesystems as one tar, through read-only mounts; with an epoch (seconds) that is every entry's time. */
export async function* filesystemTar(
  trees: readonly SplitTree[],
  epoch: number | undefined,
  scope: Scope,
): Bytes {
  for (const { snapshot, snapshots, prefix } of trees) {
    await using view = await snapshots.view(snapshot, scope);
    if (prefix !== '') yield directoryHeader(prefix, epoch);
    for await (const chunk of treeTar(view.root, { prefix, epoch })) {
      scope.signal.throwIfAborted();
      yield chunk;
    }
  }
  yield tarEnd();
}

function directoryHeader(name: string, epoch = 0): Uint8Array {
  const mtimeNs = BigInt(epoch) * 1_000_000_000n;
  return encodeHeader({ name, type: 'directory', mode: 0o755, uid: 0, gid: 0, size: 0, mtimeNs });
}

/**
 * Writes the merged filesystem into a directory, over what is there (`--output type=local`); a file under its final
 * name is whole. Owners, devices and extended attributes are kept for root only. Throws BuildError `usage` or
 * `no-space`. With an epoch (seconds) that is every entry's time.
 */
export async function filesystemDirectory(
  snapshot: Snapshot,
  { dest, epoch }: { readonly dest: string; readonly epoch?: number | undefined },
  scope: Scope,
): Promise<void> {
  await ensureLayers(snapshot.layers, scope);
  makeOutput(dest);
  const tree = mergedView(snapshot.layers.map((layer) => layer.path));
  const temporary = `.stave-${randomBytes(6).toString('hex')}`;
  const root = process.getuid?.() === 0 && !privileges().userNamespace;
  const mtimeNs = epoch === undefined ? undefined : BigInt(epoch) * 1_000_000_000n;
  const writer: Writer = { tree, dest, temporary, mtimeNs, links: new Map(), root };
  let entries = 0;
  try {
    for (const child of tree.children('')) {
      for (const _entry of write(writer, child)) {
        // The copying is synchronous; now and then signals and the progress display get their turn.
        if (++entries % 256 === 0) await breathe();
        scope.signal.throwIfAborted();
      }
    }
  } catch (error) {
    throw noSpace(error, dest);
  }
}

interface Writer {
  readonly tree: SourceTree;
  readonly dest: string;
  /** Name of a file in the making, in its own directory. */
  readonly temporary: string;
  /** Of everything, if there is an epoch. */
  readonly mtimeNs: bigint | undefined;
  /** First path of each multiply linked inode. */
  readonly links: Map<string, string>;
  readonly root: boolean;
}

/** Yields once an entry. A link in the destination is replaced, never followed. */
function* write(writer: Writer, entry: SourceEntry): Generator<SourceEntry> {
  const full = bytesUnder(writer.dest, entry.path);
  if (entry.type === 'directory') {
    const there = lstatSync(full, { throwIfNoEntry: false });
    if (there?.isDirectory() === false) rmSync(full);
    if (there?.isDirectory() !== true) mkdirSync(full);
    for (const child of writer.tree.children(entry.path)) yield* write(writer, child);
    setMetadata(writer, entry, full);
  } else writeOther(writer, entry, full);
  yield entry;
}

function writeOther(writer: Writer, entry: SourceEntry, full: Buffer): void {
  const cut = entry.path.lastIndexOf('/') + 1;
  const temporary = bytesUnder(writer.dest, `${entry.path.slice(0, cut)}${writer.temporary}`);
  try {
    if (!create(writer, entry, temporary)) return;
    if (lstatSync(full, { throwIfNoEntry: false })?.isDirectory() === true) {
      rmSync(full, { recursive: true });
    }
    renameSync(temporary, full);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

const TYPES = { 'character-device': 0o020000, 'block-device': 0o060000, fifo: 0o010000 } as const;

/** False for what is left out: sockets, and devices where only root may make them. */
function create(writer: Writer, entry: SourceEntry, at: Buffer): boolean {
  const first = entry.inode === undefined ? undefined : writer.links.get(entry.inode);
  if (first !== undefined) {
    linkSync(bytesUnder(writer.dest, first), at);
    return true;
  }
  switch (entry.type) {
    case 'file':
      if (entry.inode !== undefined) writer.links.set(entry.inode, entry.path);
      copyFileSync(entry.file, at, constants.COPYFILE_FICLONE);
      break;
    case 'symlink':
      symlinkSync(Buffer.from(entry.link ?? '', 'latin1'), at);
      break;
    case 'fifo':
    case 'character-device':
    case 'block-device':
      if (!writer.root && entry.type !== 'fifo') return false;
      makeNode(entry, TYPES[entry.type], at);
      break;
    case 'socket':
    case 'directory':
      return false;
  }
  setMetadata(writer, entry, at);
  return true;
}

/** Major and minor as glibc packs them into st_rdev. */
function makeNode({ mode, rdev }: SourceEntry, type: number, at: Buffer): void {
  const major = (rdev >> 8) & 0xfff;
  const minor = (rdev & 0xff) | ((rdev >> 12) & 0xfff00);
  sys().mknod(at, type | mode, major, minor);
}

/** Owner first: chown clears set-uid bits and capabilities. */
function setMetadata({ root, mtimeNs }: Writer, entry: SourceEntry, at: Buffer): void {
  if (root) lchownSync(at, entry.uid, entry.gid);
  if (entry.type !== 'symlink') chmodSync(at, entry.mode);
  if (root) copyXattrs(entry.file, at);
  const time = mtimeNs ?? entry.mtimeNs;
  sys().utimens(at, time, time);
}

/** As far as the destination's filesystem has them. */
function copyXattrs(from: string | Buffer, to: Buffer): void {
  for (const [name, value] of imageXattrs(from)) {
    try {
      sys().lsetxattr(to, name, value);
    } catch (error) {
      if (!hasCode(error, 'ENOTSUP', 'EOPNOTSUPP')) throw error;
    }
  }
}
