import { createHash } from 'node:crypto';
import { ensureLayers } from '../cache/ensure-layers.js';
import { mergedView } from '../cache/merged-view.js';
import { resolveInside, type SourceEntry, type SourceTree, toBytes } from '../cache/source-tree.js';
import { digestFromHex } from '../model/digest.js';
import type { BindMountSpec, CacheMountSpec } from '../model/graph.js';
import type { KeyPart } from '../model/op.js';
import type { Scope } from '../model/scope.js';
import type { Snapshot } from '../model/stores.js';
import type { BuildContext } from './build-context.js';
import { missingInContext, missingInStage } from './missing.js';
import { digestSelection } from './selection-digest.js';
import { filterTree } from './filter-tree.js';

/** What `source=` of a bind mount is in its tree, links followed inside it. */
export function bindEntry(
  spec: BindMountSpec | CacheMountSpec,
  tree: SourceTree,
  context?: BuildContext,
): SourceEntry {
  const path = resolveInside(tree, toBytes(spec.source), true);
  const entry = path === undefined ? undefined : tree.entry(path);
  if (entry !== undefined) return entry;
  const what = `--mount target=${spec.target}: source`;
  throw context === undefined
    ? missingInStage(what, spec.source, tree)
    : missingInContext(what, spec.source, context);
}

/** Key part of exactly what a bind mount shows: names, types, modes, owners, contents, links. */
export function bindPart(spec: BindMountSpec, tree: SourceTree, entry: SourceEntry): KeyPart {
  const name = `files of --mount ${spec.target}`;
  const { digest, list } = digestSelection(
    [{ name: '', entry, tree: filterTree(tree, '', {}) }],
    true,
  );
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
