import { ensureLayers } from '../cache/ensure-layers.js';
import { mergedView } from '../cache/merged-view.js';
import { toBytes, toText } from '../cache/source-tree.js';
import { BuildError } from '../model/error.js';
import type { MkdirSpec } from '../model/graph.js';
import type { Op } from '../model/op.js';
import type { Snapshot } from '../model/stores.js';
import { ownerOf } from './owner.js';
import { part } from './parts.js';
import type { ExecutorDeps } from './executor-deps.js';
import { UpperWriter } from './upper-writer.js';

const ROOT = { uid: 0, gid: 0 };

/** WORKDIR: makes the directory and its parents, 0755 and the user's (as `--chown` reads it), where they are not there yet. */
export function mkdirOp(spec: MkdirSpec, deps: ExecutorDeps): Op<Snapshot> {
  return {
    definition: () =>
      Promise.resolve([
        part('path', spec.path, spec.path),
        part('user', spec.user, spec.user === '' ? 'root' : spec.user),
      ]),
    run: async ([base], scope) => {
      if (base === undefined) throw new Error('WORKDIR without a base');
      await ensureLayers(base.layers, scope);
      const view = mergedView(base.layers.map((layer) => layer.path));
      await using layer = await deps.snapshots.prepare(base, scope);
      const writer = new UpperWriter(layer.upper, view);
      const path = writer.resolve(toBytes(spec.path), true);
      checkPath(spec.path, path, writer);
      if (writer.entryType(path) !== 'directory') {
        writer.ensureDirectory(path, ownerOf(spec.user || undefined, view) ?? ROOT);
      }
      writer.finish();
      return deps.snapshots.snapshot([...base.layers, await layer.commit(scope)]);
    },
  };
}

/** What is in the way is a file, or a link to one; `path` is where the links lead. */
function checkPath(written: string, path: string, writer: UpperWriter): void {
  for (let end = path.indexOf('/'); ; end = path.indexOf('/', end + 1)) {
    const part = end === -1 ? path : path.slice(0, end);
    const type = writer.entryType(part);
    if (type !== undefined && type !== 'directory' && part !== '') {
      throw new BuildError('syntax', `WORKDIR ${written}: /${toText(part)} is not a directory`, {
        hint: `remove it in a step before, or choose another directory`,
      });
    }
    if (end === -1) return;
  }
}
