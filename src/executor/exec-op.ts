import { ensureLayers } from '../cache/ensure-layers.js';
import { mergedView } from '../cache/merged-view.js';
import { userFiles } from '../cache/user-files.js';
import type { BindMountSpec, ExecSpec, Vertex } from '../model/graph.js';
import type { KeyPart, Op } from '../model/op.js';
import type { Scope } from '../model/scope.js';
import type { Snapshot } from '../model/stores.js';
import { resolveUser } from '../runtime/users.js';
import { bindEntry, bindPart, treeOf } from './bind-source.js';
import { checkEntitlements } from './entitlements.js';
import { execParts } from './exec-parts.js';
import { runStep } from './exec-step.js';
import type { ExecutorDeps } from './executor-deps.js';

/** RUN: one process in a container on top of the root; what it changed is the layer. */
export function execOp(spec: ExecSpec, vertex: Vertex, deps: ExecutorDeps): Op<Snapshot> {
  return {
    definition: async (scope) => {
      const allow = deps.settings.allow ?? [];
      checkEntitlements(spec, allow);
      const parts = [...execParts(spec, deps.settings), ...(await contextParts(spec, deps, scope))];
      if (spec.devices.length === 0) return parts;
      const { deviceParts, devicesOf } = await import('./exec-devices.js');
      devicesOf(spec.devices, allow);
      return [...parts, ...deviceParts(spec.devices)];
    },
    content: (inputs, scope) => contentParts(spec, inputs, scope),
    run: async (inputs, scope) => {
      const [base] = inputs;
      if (base === undefined) throw new Error('RUN without a root');
      await ensureLayers(base.layers, scope);
      const view = mergedView(base.layers.map((layer) => layer.path));
      const user = resolveUser(userFiles(view), spec.user);
      await using layer = await deps.snapshots.prepare(base, scope);
      await runStep({ spec, vertex, inputs, layer, view, user }, deps, scope);
      return deps.snapshots.snapshot([...base.layers, await layer.commit(scope)]);
    },
  };
}

/** What is bound of the build context, by content: a context has no definition. */
async function contextParts(
  spec: ExecSpec,
  deps: ExecutorDeps,
  scope: Scope,
): Promise<readonly KeyPart[]> {
  const bound = binds(spec).filter(({ input }) => input === undefined);
  if (bound.length === 0) return [];
  const context = await deps.context(scope);
  return bound.map((mount) => bindPart(mount, context, bindEntry(mount, context, context)));
}

/** The root and the initial contents of caches whole; of what is bound, only what is seen (FEATURES Q2). */
async function contentParts(
  spec: ExecSpec,
  inputs: readonly Snapshot[],
  scope: Scope,
): Promise<readonly KeyPart[]> {
  const whole = inputs.filter(
    (_, i) => i === 0 || spec.mounts.some((mount) => mount.type === 'cache' && mount.input === i),
  );
  const parts = whole.map(async (input, i) => ({
    name: `input ${String(i)}`,
    digest: await input.digest(scope),
  }));
  const bound = binds(spec).flatMap((mount) => {
    const input = mount.input === undefined ? undefined : inputs[mount.input];
    return input === undefined ? [] : [boundPart(mount, input, scope)];
  });
  return Promise.all([...parts, ...bound]);
}

async function boundPart(mount: BindMountSpec, input: Snapshot, scope: Scope): Promise<KeyPart> {
  const tree = await treeOf(input, scope);
  return bindPart(mount, tree, bindEntry(mount, tree));
}

function binds(spec: ExecSpec): BindMountSpec[] {
  return spec.mounts.filter((mount) => mount.type === 'bind');
}
