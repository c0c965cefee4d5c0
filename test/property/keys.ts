import { resolveOp } from '../../src/executor/resolve-op.js';
import type { ExecutorDeps } from '../../src/executor/executor-deps.js';
import { canonicalDigest } from '../../src/model/canonical.js';
import { type CacheKey, digestOf } from '../../src/model/digest.js';
import type { OpSpec, Vertex } from '../../src/model/graph.js';
import { contentKey, definitionKey, opDigest } from '../../src/solver/keys.js';
import { joinPath, type SourceEntry, type SourceTree } from '../../src/cache/source-tree.js';
import { quiet } from '../helpers/test-store.js';
import type { Files, StepInputs } from './key-inputs.js';

/** Both keys a step is looked up by: from its definition, and from what it reads. */
export interface StepKeys {
  readonly definition: CacheKey;
  readonly content: CacheKey;
}

/** Through the ops themselves: what the solver would ask for. */
export async function keysOf(step: StepInputs): Promise<StepKeys> {
  const { op, inputs } = step;
  const spec = op.kind === 'http' ? { ...op, url: 'http://127.0.0.1:1/x' } : op;
  const vertex = { digest: digestOf('vertex'), name: 'step' } as unknown as Vertex; // Only told.
  const own = resolveOp(spec satisfies OpSpec, vertex, depsOf(step));
  const parts = await own.definition(quiet);
  const digest = opDigest(parts);
  const keys = inputs.map((input) => canonicalDigest(input));
  return {
    definition: definitionKey(digest, keys),
    content: contentKey(
      digest,
      keys.map((key, i) => ({ name: `input ${String(i)}`, digest: key })),
    ),
  };
}

function depsOf({ op, settings, files }: StepInputs): ExecutorDeps {
  const context = treeOf(files);
  const known =
    op.kind === 'http'
      ? { digest: op.checksum, checksums: [], lastModified: new Date(op.modified).toUTCString() }
      : undefined;
  const deps = {
    settings,
    context: () => Promise.resolve(context),
    remote: {
      known: { get: () => known },
      secret: () => Promise.resolve(undefined),
      note: () => undefined,
    },
  };
  return deps as unknown as ExecutorDeps; // A definition asks for nothing else.
}

function treeOf(files: Files): SourceTree {
  const entries = new Map<string, SourceEntry>([['', entryOf('', undefined)]]);
  for (const [path, facts] of Object.entries(files)) {
    const bytes = Buffer.from(path).toString('latin1');
    entries.set(bytes, entryOf(bytes, facts));
  }
  const sorted = [...entries.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));
  const factsOf = ({ path }: SourceEntry) => files[Buffer.from(path, 'latin1').toString()];
  return {
    entry: (path) => entries.get(path),
    children: (path) =>
      sorted.filter((entry) => entry.path !== '' && parentOf(entry.path) === path),
    contentHash: (entry) => digestOf(factsOf(entry)?.body ?? '').slice('sha256:'.length),
    xattrDigest: (entry) => {
      const xattrs = factsOf(entry)?.xattrs ?? '';
      return xattrs === '' ? '' : digestOf(xattrs);
    },
  };
}

function entryOf(path: string, facts: Files[string] | undefined): SourceEntry {
  const { type = 'directory', mode = 0o755, uid = 0, gid = 0, body = '' } = facts ?? {};
  return {
    ...{ path, type, mode, uid, gid, size: body.length, mtimeNs: 0n, file: joinPath('/x', path) },
    rdev: type === 'character-device' ? Number(`1${body.replace(/\D/g, '')}`) : 0,
    ...(type === 'symlink' ? { link: Buffer.from(`/nowhere/${body}`).toString('latin1') } : {}),
  };
}
