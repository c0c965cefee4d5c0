import { joinPath, type SourceEntry, type SourceTree, toBytes } from '../cache/source-tree.js';
import { BuildError } from '../model/error.js';
import type { CopySpec } from '../model/graph.js';
import type { ActiveLayer, LayerLog } from '../model/stores.js';
import { type Chmod, parseChmod } from './chmod.js';
import { ownerOf } from './owner.js';
import type { Selected } from './select.js';
import { unpackArchive } from './unpack.js';
import type { Owner } from './access.js';
import { UpperWriter } from './upper-writer.js';
import { trimEnd } from '../model/trim-end.js';

/** What a group of sources turned out to be. */
export interface Taken {
  readonly selected: readonly Selected[];
  /** Whether an archive is unpacked. */
  readonly unpack: boolean;
  /** Whether files' hashes are known. */
  readonly hashed: boolean;
}

export interface CopyJob {
  readonly spec: CopySpec;
  readonly taken: readonly Taken[];
  /** The destination's tree so far. */
  readonly view: SourceTree;
}

/** Writes what a COPY or ADD selected into a fresh layer. */
export async function copyOnto(
  layer: ActiveLayer,
  { spec, taken, view }: CopyJob,
  signal: AbortSignal,
): Promise<void> {
  const writer = new UpperWriter(layer.upper, view, layer.log);
  const copier: Copier = {
    spec,
    writer,
    owner: ownerOf(spec.chown, view),
    chmod: spec.chmod === undefined ? undefined : parseChmod(spec.chmod),
    known: layer.known,
    log: layer.log,
    signal,
  };
  const all = taken.flatMap(({ selected }) => selected);
  checkDestination(copier, all);
  for (const group of taken)
    for (const each of group.selected) await copySelected(copier, each, group);
  writer.finish();
}

interface Copier {
  readonly spec: CopySpec;
  readonly writer: UpperWriter;
  /** For everything, if --chown was given. */
  readonly owner: Owner | undefined;
  readonly chmod: Chmod | undefined;
  readonly known: Map<string, string>;
  readonly log: LayerLog;
  readonly signal: AbortSignal;
}

const ROOT: Owner = { uid: 0, gid: 0 };

function destOf({ spec }: Copier): { path: string; directory: boolean } {
  return {
    path: trimEnd(toBytes(spec.dest).replace(/^\/+/, ''), '/'),
    directory: spec.dest.endsWith('/'),
  };
}

/** Several files need a directory to go to: the reference says it ends with `/`; one that exists will do. */
function checkDestination(copier: Copier, selected: readonly Selected[]): void {
  const { path, directory } = destOf(copier);
  const files = selected.filter(({ entry }) => entry.type !== 'directory');
  if (directory || files.length === 0 || selected.length < 2) return;
  if (copier.writer.entryType(copier.writer.resolve(path, true)) === 'directory') return;
  const { instruction } = copier.spec;
  throw new BuildError(
    'syntax',
    `When using ${instruction} with more than one source file, the destination must be a directory and end with a /`,
    {
      hint: `write ${copier.spec.dest}/`,
    },
  );
}

async function copySelected(copier: Copier, selected: Selected, group: Taken): Promise<void> {
  const { writer } = copier;
  const { name, entry } = selected;
  const { path, directory } = destOf(copier);
  const target = writer.resolve(path, true);
  if (entry.type === 'directory') {
    makeDirectory(copier, target);
    writer.setTime(target, entry.mtimeNs);
    copyChildren(copier, { ...selected, ...group }, entry, target);
    return;
  }
  if (group.unpack && entry.type === 'file') {
    const { owner, signal } = copier;
    if (await unpackArchive(writer, { entry, target, owner, signal })) {
      copier.log.drop(); // It writes in the archive's order.
      return;
    }
  }
  const into = directory || target === '' || writer.entryType(target) === 'directory';
  makeDirectory(copier, into ? target : parentOf(target));
  copyEntry(copier, { ...selected, ...group }, entry, into ? joinPath(target, name) : target);
}

/** A destination with its parents, where they are not there yet. */
function makeDirectory({ writer, owner, chmod }: Copier, path: string): void {
  writer.ensureDirectory(path, owner ?? ROOT, chmod?.parents ?? 0o755);
}

function parentOf(path: string): string {
  const at = path.lastIndexOf('/');
  return at === -1 ? '' : path.slice(0, at);
}

/** One source at work. */
type Source = Pick<Selected, 'tree'> & Pick<Taken, 'hashed'>;

function copyChildren(
  copier: Copier,
  source: Source,
  directory: SourceEntry,
  target: string,
): void {
  copier.signal.throwIfAborted();
  for (const child of source.tree.children(directory.path)) {
    const name = child.path.slice(child.path.lastIndexOf('/') + 1);
    copyEntry(copier, source, child, joinPath(target, name));
  }
}

function copyEntry(copier: Copier, source: Source, entry: SourceEntry, target: string): void {
  const { writer, chmod } = copier;
  const { tree } = source;
  const directory = entry.type === 'directory';
  const mode = chmod?.apply(entry.mode, directory) ?? entry.mode;
  const as = { owner: copier.owner ?? entry, mode };
  if (directory) {
    const existed = writer.entryType(target) === 'directory';
    // BuildKit's rule for a directory that is only the way to something: one that is there keeps its owner.
    if (existed && !tree.matches(entry)) writer.passThrough(target, entry.mode);
    else {
      writer.directory(target, entry, as);
      copyXattrs(writer, tree, entry, target);
    }
    copyChildren(copier, source, entry, target);
    return;
  }
  if (entry.type !== 'file') {
    writer.file(target, entry, as);
    return;
  }
  if (source.hashed) copier.known.set(target, tree.contentHash(entry));
  const content = tree.takeContent?.(entry);
  const complete = tree.xattrDigest(entry) === '';
  const known = { complete, ...(content === undefined ? {} : { content }) };
  if (writer.file(target, entry, as, known) && !complete) writer.copyXattrs(target, entry.file);
}

function copyXattrs(
  writer: UpperWriter,
  tree: SourceTree,
  entry: SourceEntry,
  target: string,
): void {
  if (tree.xattrDigest(entry) !== '') writer.copyXattrs(target, entry.file);
}
