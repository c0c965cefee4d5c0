import { chmodSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { bytesUnder } from '../cache/layer-walk.js';
import type { GitSpec, Vertex } from '../model/graph.js';
import type { Op } from '../model/op.js';
import type { Scope } from '../model/scope.js';
import type { Snapshot } from '../model/stores.js';
import type { ExecutorDeps } from './executor-deps.js';
import type { ResolvedRef } from './git-repository.js';
import { requireAgent } from './git-ssh.js';
import { gitTree, resolveGit } from './git-tree.js';
import { part } from './parts.js';

/** A repository's files at a commit: keyed by the commit, which is asked for before anything runs. */
export function gitOp(spec: GitSpec, vertex: Vertex, deps: ExecutorDeps): Op<Snapshot> {
  let found: Promise<ResolvedRef> | undefined;
  const resolve = async (scope: Scope): Promise<ResolvedRef> => {
    requireAgent(spec.remote, deps.remote);
    return resolveGit(spec, deps.remote, scope);
  };
  return {
    definition: async (scope) => {
      const { commit, name } = await (found ??= resolve(scope));
      return [
        part('commit', commit, commit.slice(0, 12)),
        part('directory', spec.subdir, spec.subdir === '' ? '/' : spec.subdir),
        part('submodules', spec.submodules, String(spec.submodules)),
        part('times', spec.mtime, spec.mtime),
        // The ref and the address are in the .git directory, and nowhere else.
        part('.git', spec.keepGitDir ? [name, spec.remote] : undefined, String(spec.keepGitDir)),
      ];
    },
    run: async (_inputs, scope) => {
      const resolved = await (found ??= resolve(scope));
      const time = deps.now();
      const data = Buffer.from(`commit ${resolved.commit}\n`);
      scope.emit({ type: 'log', vertex: vertex.digest, stream: 'stderr', data, time });
      const { directory, root } = await gitTree(spec, resolved, deps.remote, scope);
      const base = deps.snapshots.snapshot([]);
      await using layer = await deps.snapshots.prepare(base, scope);
      rmdirSync(layer.upper);
      renameSync(bytesUnder(directory, root), layer.upper);
      chmodSync(layer.upper, 0o755);
      rmSync(directory, { recursive: true, force: true });
      return deps.snapshots.snapshot([await layer.commit(scope)]);
    },
  };
}
