import { mergedView } from '../cache/merged-view.js';
import type { Canonical } from '../model/canonical.js';
import type { CopySpec } from '../model/graph.js';
import type { KeyPart, Op } from '../model/op.js';
import type { Scope } from '../model/scope.js';
import type { Snapshot } from '../model/stores.js';
import type { SourceTree } from '../cache/source-tree.js';
import type { BuildContext } from './build-context.js';
import { parseChmod } from './chmod.js';
import { copyOnto, type Taken } from './copy-files.js';
import type { ExecutorDeps } from './executor-deps.js';
import { inlineFiles, inlineParts } from './inline-files.js';
import { missingInContext, missingInStage } from './missing.js';
import { part } from './parts.js';
import { selectSources } from './select.js';
import { digestSelection } from './selection-digest.js';

/** COPY and ADD: done here, file by file, not in a container. */
export function copyOp(spec: CopySpec, deps: ExecutorDeps): Op<Snapshot> {
  const groups = groupSources(spec);
  let context: Promise<BuildContext> | undefined;
  const take = async (group: Group, inputs: Inputs, scope: Scope): Promise<Taken> => {
    const { origin } = group;
    const selection = { ...spec, sources: group.sources };
    if (origin === 0) {
      const tree = await (context ??= deps.context(scope, spec.context));
      return {
        ...unpacking(spec, group),
        // A context's files are hashed for the key anyway, so their layer need not hash them again.
        hashed: true,
        selected: selectSources(tree, selection, (path) =>
          missingInContext(spec.instruction, path, tree),
        ),
      };
    }
    const tree = await viewOf(need(inputs[origin]), scope);
    return {
      ...unpacking(spec, group),
      hashed: false,
      selected: selectSources(tree, selection, (path) =>
        missingInStage(spec.instruction, path, tree),
      ),
    };
  };
  const files = async (group: Group, inputs: Inputs, scope: Scope): Promise<KeyPart> => {
    const { selected } = await take(group, inputs, scope);
    return { name: 'files', ...digestSelection(selected, group.origin !== 0) };
  };
  return {
    definition: async (scope) => {
      const local = groups.filter(({ origin }) => origin === 0);
      const parts = await Promise.all(local.map((group) => files(group, [], scope)));
      return [...definitionParts(spec), ...parts];
    },
    content: async (inputs, scope) => {
      const parts = [{ name: 'input 0', digest: await need(inputs[0]).digest(scope) }];
      for (const group of groups)
        if (group.origin !== 0) parts.push(await files(group, inputs, scope));
      return parts;
    },
    run: async (inputs, scope) => {
      const base = need(inputs[0]);
      const taken: Taken[] = [];
      for (const group of groups) taken.push(await take(group, inputs, scope));
      taken.push(await inlineFiles(spec.inline ?? [], deps.temporary));
      const view = await viewOf(base, scope);
      await using layer = await deps.snapshots.prepare(base, scope);
      await copyOnto(layer, { spec, taken, view }, scope.signal);
      return deps.snapshots.snapshot([...base.layers, await layer.commit(scope)]);
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

/** Archives of the build context are unpacked by ADD, those of the web only by `--unpack`. */
function unpacking({ unpack, unpackRemote }: CopySpec, { origin }: Group): { unpack: boolean } {
  return { unpack: origin === 0 ? unpack : unpackRemote === true };
}

function need(snapshot: Snapshot | undefined): Snapshot {
  if (snapshot === undefined) throw new Error('a copy without its input');
  return snapshot;
}

async function viewOf(snapshot: Snapshot, scope: Scope): Promise<SourceTree> {
  for (const layer of snapshot.layers) await layer.ensure(scope);
  return mergedView(snapshot.layers.map((layer) => layer.path));
}

/** A context's files stand for themselves: where they were is told, but does not count. */
function definitionParts(spec: CopySpec): KeyPart[] {
  const { context, origins, sources, dest, unpack, unpackRemote, parents } = spec;
  const text = [spec.instruction, ...sources, dest].join(' ');
  const inputs = groupSources(spec).filter(({ origin }) => origin !== 0);
  const named: Canonical = inputs.map(({ origin, sources: names }) => [origin, names]);
  if (spec.chmod !== undefined) parseChmod(spec.chmod);
  return [
    part('instruction text', [named, dest, unpack, unpackRemote, parents], text),
    ...(context === undefined ? [] : [part('context', true, context)]),
    ...(origins === undefined ? [] : [part('origins', origins)]),
    ...inlineParts(spec.inline ?? []),
    part('--chown', spec.chown, spec.chown ?? 'none'),
    part('--chmod', spec.chmod, spec.chmod ?? 'none'),
    ...(spec.exclude === undefined
      ? []
      : [part('--exclude', spec.exclude, spec.exclude.join(' '))]),
  ];
}
