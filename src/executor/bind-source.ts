import { createHash } from 'node:crypto';
import { ensureLayers } from '../cache/ensure-layers.js';
import { mergedView } from '../cache/merged-view.js';
import { resolveInside, type SourceEntry, type SourceTree, toBytes } from '../cache/source-tree.js';
import { digestFromHex } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import type { BindMountSpec, CacheMountSpec } from '../model/graph.js';
import { nearest } from '../model/nearest.js';
import type { KeyPart } from '../model/op.js';
import type { Scope } from '../model/scope.js';
import type { Snapshot } from '../model/stores.js';
import type { BuildContext } from './build-context.js';
import { digestSelection } from './select.js';

/** What `source=` of a bind mount is in its tree, links followed inside it. */
export function bindEntry(
  spec: BindMountSpec | CacheMountSpec,
  tree: SourceTree,
  context?: BuildContext,
): SourceEntry {
  const path = resolveInside(tree, toBytes(spec.source), true);
  const entry = path === undefined ? undefined : tree.entry(path);
  if (entry !== undefined) return entry;
  throw context === undefined ? missing(spec, tree) : missingInContext(spec, context);
}

/** Key part of exactly what a bind mount shows: names, types, modes, owners, contents, links. */
export function bindPart(spec: BindMountSpec, tree: SourceTree, entry: SourceEntry): KeyPart {
  const name = `files of --mount ${spec.target}`;
  const { digest, list } = digestSelection(tree, [{ name: '', entry }], true);
  // The selection leaves out a directory's own facts, which a mount shows.
  const own = `${entry.type} ${String(entry.mode)} ${String(entry.uid)}:${String(entry.gid)}`;
  const hash = createHash('sha256').update(`${own}\n${digest}`);
  return { name, digest: digestFromHex(hash.digest('hex')), list };
}

/** A snapshot's layers as one tree. */
export async function treeOf(snapshot: Snapshot, scope: Scope): Promise<SourceTree> {
  await ensureLayers(snapshot.layers, scope);
  return mergedView(snapshot.layers.map((layer) => layer.path));
}

function missing(spec: BindMountSpec | CacheMountSpec, tree: SourceTree): BuildError {
  const near = nearPath(tree, spec.source);
  return new BuildError(
    'not-found',
    `--mount target=${spec.target}: source ${spec.source} is not in the stage or image it is from`,
    near === undefined ? {} : { hint: `did you mean ${near}?` },
  );
}

function missingInContext(spec: BindMountSpec | CacheMountSpec, context: BuildContext): BuildError {
  const path = toBytes(spec.source.slice(1));
  const { ignored, line } = context.verdict(path);
  const excluded = ignored && context.unfiltered(path) !== undefined;
  const near = nearPath(context, spec.source);
  const why = excluded
    ? `is excluded from the build context by ${context.ignore.file}:${String(line)}`
    : 'is not in the build context';
  const hint = near === undefined ? `the build context is ${context.dir}` : `did you mean ${near}?`;
  return new BuildError(
    'not-found',
    `--mount target=${spec.target}: source ${spec.source} ${why}`,
    excluded ? {} : { hint },
  );
}

function nearPath(tree: SourceTree, source: string): string | undefined {
  const cut = source.lastIndexOf('/');
  const directory = resolveInside(tree, toBytes(source.slice(0, cut)), true) ?? '';
  if (tree.entry(directory)?.type !== 'directory') return undefined;
  const names = tree.children(directory).map(({ path }) => path.slice(path.lastIndexOf('/') + 1));
  const near = nearest(toBytes(source.slice(cut + 1)), names);
  return near === undefined
    ? undefined
    : `${source.slice(0, cut)}/${Buffer.from(near, 'latin1').toString()}`;
}
