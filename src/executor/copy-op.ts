import { createReadStream, openSync, readSync, closeSync } from 'node:fs';
import { basename } from 'node:path';
import { constants, gunzipSync } from 'node:zlib';
import { ensureLayers } from '../cache/ensure-layers.js';
import { applyTar, decompress } from '../cache/apply.js';
import { mergedView } from '../cache/merged-view.js';
import {
  joinPath,
  type SourceEntry,
  type SourceTree,
  toBytes,
  toText,
} from '../cache/source-tree.js';
import type { Canonical } from '../model/canonical.js';
import { BuildError } from '../model/error.js';
import type { CopySpec } from '../model/graph.js';
import { nearest } from '../model/nearest.js';
import type { KeyPart, Op } from '../model/op.js';
import type { Scope } from '../model/scope.js';
import type { Bytes, Snapshot } from '../model/stores.js';
import type { BuildContext } from './build-context.js';
import { inlineParts, inlineTree } from './inline-files.js';
import { ownerOf } from './owner.js';
import { part } from './parts.js';
import { digestSelection, type Selected, selectSources } from './select.js';
import type { ExecutorDeps } from './executor-deps.js';
import { type Owner, UpperWriter } from './upper-writer.js';

/** COPY and ADD: done here, file by file, not in a container. */
export function copyOp(spec: CopySpec, deps: ExecutorDeps): Op<Snapshot> {
  const groups = groupSources(spec);
  let context: Promise<BuildContext> | undefined;
  const take = async ({ origin, sources }: Group, inputs: Inputs, scope: Scope): Promise<Taken> => {
    if (origin === 0) {
      const tree = await (context ??= deps.context(scope, spec.context));
      return {
        tree,
        selected: selectSources(tree, sources, (path) => missingInContext(spec, path, tree)),
      };
    }
    const tree = await viewOf(need(inputs[origin]), scope);
    return {
      tree,
      selected: selectSources(tree, sources, (path) => missingInStage(spec, path, tree)),
    };
  };
  const files = async (group: Group, inputs: Inputs, scope: Scope): Promise<KeyPart> => {
    const { tree, selected } = await take(group, inputs, scope);
    return { name: 'files', ...digestSelection(tree, selected, group.origin !== 0) };
  };
  return {
    definition: async (scope) => {
      const local = groups.filter(({ origin }) => origin === 0);
      const parts = await Promise.all(local.map((group) => files(group, [], scope)));
      return [...definitionParts(spec), ...parts];
    },
    content: async (inputs, scope) => {
      const parts = [{ name: 'base', digest: await need(inputs[0]).digest(scope) }];
      for (const group of groups)
        if (group.origin !== 0) parts.push(await files(group, inputs, scope));
      return parts;
    },
    run: async (inputs, scope) => {
      const taken: Taken[] = [];
      for (const group of groups) taken.push(await take(group, inputs, scope));
      return copyOnto(need(inputs[0]), { spec, taken }, deps, scope);
    },
  };
}

type Inputs = readonly Snapshot[];

/** Sources that stand together and come from one place: 0 a context, n the n-th input. */
interface Group {
  readonly origin: number;
  readonly sources: string[];
}

function groupSources({ from, sources, origins }: CopySpec): readonly Group[] {
  const groups: Group[] = [];
  for (const [i, source] of sources.entries()) {
    const origin = origins?.[i] ?? (from === 'context' ? 0 : 1);
    const last = groups.at(-1);
    if (last?.origin === origin) last.sources.push(source);
    else groups.push({ origin, sources: [source] });
  }
  return groups;
}

/** What a group's sources turned out to be. */
interface Taken {
  readonly tree: SourceTree;
  readonly selected: readonly Selected[];
  /** A here-document is a file also where it looks like an archive. */
  readonly inline?: boolean;
}

function need(snapshot: Snapshot | undefined): Snapshot {
  if (snapshot === undefined) throw new Error('a copy without its input');
  return snapshot;
}

async function viewOf(snapshot: Snapshot, scope: Scope): Promise<SourceTree> {
  await ensureLayers(snapshot.layers, scope);
  return mergedView(snapshot.layers.map((layer) => layer.path));
}

function definitionParts(spec: CopySpec): KeyPart[] {
  const text = [spec.instruction, ...spec.sources, spec.dest].join(' ');
  const { from, context, origins, sources, dest, unpack, unpackRemote } = spec;
  const value: Canonical = [
    [spec.instruction, from, sources, dest, unpack],
    [context, origins, unpackRemote],
  ];
  return [
    part('instruction text', value, text),
    ...inlineParts(spec.inline ?? []),
    part('--chown', spec.chown, spec.chown ?? 'none'),
    part('--chmod', spec.chmod, spec.chmod ?? 'none'),
  ];
}

interface Job {
  readonly spec: CopySpec;
  readonly taken: readonly Taken[];
}

async function copyOnto(
  base: Snapshot,
  { spec, taken }: Job,
  deps: ExecutorDeps,
  scope: Scope,
): Promise<Snapshot> {
  const view = await viewOf(base, scope);
  const owner = ownerOf(spec.chown, view);
  const mode = modeOf(spec.chmod);
  const sources = [...taken, await inlineTree(spec.inline ?? [], deps.temporary)];
  await using layer = await deps.snapshots.prepare(base, scope);
  const writer = new UpperWriter(layer.upper, view);
  const shared = { spec, writer, owner, mode, known: layer.known, signal: scope.signal };
  checkDestination(
    shared,
    sources.flatMap(({ selected }) => selected),
  );
  for (const { selected, ...source } of sources)
    for (const each of selected) await copySelected({ ...shared, ...source }, each);
  writer.finish();
  return deps.snapshots.snapshot([...base.layers, await layer.commit(scope)]);
}

interface Copier extends Omit<Taken, 'selected'> {
  readonly spec: CopySpec;
  readonly writer: UpperWriter;
  /** For everything, if --chown was given. */
  readonly owner: Owner | undefined;
  readonly mode: number | undefined;
  readonly known: Map<string, string>;
  readonly signal: AbortSignal;
}

const ROOT: Owner = { uid: 0, gid: 0 };

function destOf({ spec }: Pick<Copier, 'spec'>): { path: string; directory: boolean } {
  return { path: toBytes(spec.dest).replace(/^\/+|\/+$/g, ''), directory: spec.dest.endsWith('/') };
}

/** Several files need a directory to go to: the reference says it ends with `/`; one that exists will do. */
function checkDestination(copier: Omit<Copier, 'tree'>, selected: readonly Selected[]): void {
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

async function copySelected(copier: Copier, { name, entry }: Selected): Promise<void> {
  const { writer } = copier;
  const { path, directory } = destOf(copier);
  const target = writer.resolve(path, true);
  if (entry.type === 'directory') {
    writer.ensureDirectory(target, copier.owner ?? ROOT);
    copyChildren(copier, entry, target);
    return;
  }
  if (copier.spec.unpack && entry.type === 'file' && copier.inline !== true) {
    const archive = openArchive(entry);
    if (archive !== undefined) {
      writer.ensureDirectory(target, copier.owner ?? ROOT);
      return unpack(copier, archive, target);
    }
  }
  const into = directory || target === '' || writer.entryType(target) === 'directory';
  if (into) writer.ensureDirectory(target, copier.owner ?? ROOT);
  else writer.ensureDirectory(parentOf(target), copier.owner ?? ROOT);
  copyEntry(copier, entry, into ? joinPath(target, name) : target);
}

function parentOf(path: string): string {
  const at = path.lastIndexOf('/');
  return at === -1 ? '' : path.slice(0, at);
}

function copyChildren(copier: Copier, directory: SourceEntry, target: string): void {
  copier.signal.throwIfAborted();
  for (const child of copier.tree.children(directory.path)) {
    copyEntry(copier, child, joinPath(target, child.path.slice(child.path.lastIndexOf('/') + 1)));
  }
}

function copyEntry(copier: Copier, entry: SourceEntry, target: string): void {
  const owner = copier.owner ?? entry;
  const mode = copier.mode ?? entry.mode;
  if (entry.type === 'directory') {
    copier.writer.directory(target, entry, owner, mode);
    copyChildren(copier, entry, target);
    return;
  }
  copier.writer.file(target, entry, owner, mode);
  if (entry.type === 'file' && entry.inode === undefined) {
    copier.known.set(target, copier.tree.contentHash(entry));
  }
}

async function unpack(copier: Copier, archive: Bytes, target: string): Promise<void> {
  const { writer } = copier;
  await applyTar(archive, writer.upper, {
    whiteouts: false,
    ...(copier.owner === undefined ? {} : { owner: copier.owner }),
    locate: (parent) => {
      const path = writer.resolve(parent === '' ? target : joinPath(target, parent), true);
      writer.ensureDirectory(path, ROOT);
      return path;
    },
  });
}

/** Bytes of the tar inside, when a file's content is a tar, plain or gzip; undefined for any other file. */
function openArchive(entry: SourceEntry): Bytes | undefined {
  const head = Buffer.alloc(512);
  const fd = openSync(entry.file, 'r');
  const read = readSync(fd, head, 0, 512, 0);
  closeSync(fd);
  const packer = packerOf(head);
  if (packer !== undefined) {
    throw new BuildError(
      'unsupported',
      `ADD of the ${packer} archive ${toText(entry.path)} is not supported yet`,
      {
        hint: 'repack it as .tar or .tar.gz, or COPY it',
      },
    );
  }
  const gzip = head[0] === 0x1f && head[1] === 0x8b;
  const first = gzip ? gunzipHead(entry) : head.subarray(0, read);
  if (first.length < 512 || !isTarHeader(first)) return undefined;
  return decompress(createReadStream(entry.file, { highWaterMark: 1 << 20 }));
}

/** The first unpacked bytes of a gzip file: a compressed file that is no tar is copied as it is. */
function gunzipHead(entry: SourceEntry): Buffer {
  const packed = Buffer.alloc(64 << 10);
  const fd = openSync(entry.file, 'r');
  const read = readSync(fd, packed, 0, packed.length, 0);
  closeSync(fd);
  try {
    return gunzipSync(packed.subarray(0, read), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(
      0,
      512,
    );
  } catch {
    return Buffer.alloc(0);
  }
}

function packerOf(head: Buffer): string | undefined {
  const hex = head.toString('hex', 0, 6);
  if (hex.startsWith('425a68')) return 'bzip2';
  if (hex === 'fd377a585a00') return 'xz';
  return hex.startsWith('28b52ffd') ? 'zstd' : undefined;
}

/** The header's own checksum decides, as in docker's archive detection. */
function isTarHeader(head: Buffer): boolean {
  const stored = parseInt(
    head
      .toString('latin1', 148, 156)
      .replace(/[\0 ]+$/, '')
      .trim(),
    8,
  );
  let sum = 8 * 32;
  for (const [i, byte] of head.entries()) if (i < 148 || i >= 156) sum += byte;
  return sum === stored;
}

function modeOf(chmod: string | undefined): number | undefined {
  if (chmod === undefined) return undefined;
  if (/^[0-7]{1,5}$/.test(chmod) && parseInt(chmod, 8) <= 0o7777) return parseInt(chmod, 8);
  if (/^[ugoa]*[-+=]/.test(chmod)) {
    throw new BuildError('unsupported', `--chmod=${chmod}: symbolic modes are not supported yet`, {
      hint: 'write it in octal: --chmod=755',
    });
  }
  throw new BuildError(
    'syntax',
    `invalid chmod parameter: '${chmod}'. it should be octal string and between 0 and 07777`,
  );
}

function missingInContext(spec: CopySpec, source: string, context: BuildContext): BuildError {
  const path = source.replace(/^(\.?\/)+/, '');
  const bytes = toBytes(path);
  const { ignored, line } = context.verdict(bytes);
  if (ignored && context.unfiltered(bytes) !== undefined) {
    const file = basename(context.ignore.file);
    return new BuildError(
      'not-found',
      `${spec.instruction} ${source}: ${path} is excluded from the build context by ${file}:${String(line)}`,
      {
        hint: `add !${path} to ${file}, or remove line ${String(line)}`,
      },
    );
  }
  const near = nearPath(context, bytes);
  const hint = near === undefined ? `the build context is ${context.dir}` : `did you mean ${near}?`;
  return new BuildError(
    'not-found',
    `${spec.instruction} ${source}: ${path} is not in the build context`,
    { hint },
  );
}

function missingInStage(spec: CopySpec, source: string, tree: SourceTree): BuildError {
  const near = nearPath(tree, toBytes(source.replace(/^\/+/, '')));
  const hint = near === undefined ? {} : { hint: `did you mean /${near}?` };
  return new BuildError(
    'not-found',
    `${spec.instruction} ${source}: not found in the stage or image it is copied from`,
    hint,
  );
}

/** The nearest name in the deepest directory of the path that exists. */
function nearPath(tree: SourceTree, path: string): string | undefined {
  const parent = parentOf(path);
  if (parent !== '' && tree.entry(parent)?.type !== 'directory') return nearPath(tree, parent);
  const names = tree.children(parent).map((child) => toText(child.path));
  return nearest(toText(path), names);
}
