import { renameSync } from 'node:fs';
import { giveMode, giveOwner } from '../cache/give-owner.js';
import { bytesUnder } from '../cache/layer-walk.js';
import { toBytes } from '../cache/source-tree.js';
import { BuildError } from '../model/error.js';
import type { HttpSpec, Vertex } from '../model/graph.js';
import type { Op } from '../model/op.js';
import type { Scope } from '../model/scope.js';
import type { Snapshot } from '../model/stores.js';
import { shownUrl } from '../registry/address.js';
import { sys } from '../sys/sys.js';
import { type Download, download } from './download.js';
import type { ExecutorDeps } from './executor-deps.js';
import { part } from './parts.js';

/**
 * A URL's file, 0600 and root's, as old as the server says: a tree of one file. Its key is the file's content, so it is
 * asked for before anything runs, and comes only if it is not what it was.
 */
export function httpOp(spec: HttpSpec, vertex: Vertex, deps: ExecutorDeps): Op<Snapshot> {
  const url = urlOf(spec);
  let found: Promise<Download> | undefined;
  const fetch = (bytes: boolean, scope: Scope): Promise<Download> => {
    const { checksum } = spec;
    const onProgress = progress(vertex, url, deps, scope);
    return download({ url, checksum, bytes, onProgress }, deps.remote, scope);
  };
  return {
    definition: async (scope) => {
      const { digest, modified } = await (found ??= fetch(false, scope));
      const time = modified === undefined ? 'unknown' : new Date(modified).toISOString();
      return [
        part('content', digest, digest.slice(0, 19)),
        part('file name', spec.filename, spec.filename),
        part('Last-Modified', modified, time),
      ];
    },
    run: async (_inputs, scope) => {
      const known = await (found ??= fetch(false, scope));
      const file = known.path === undefined ? await fetch(true, scope) : known;
      if (file.digest !== known.digest || file.path === undefined) throw changed(url);
      const base = deps.snapshots.snapshot([]);
      await using layer = await deps.snapshots.prepare(base, scope);
      const path = toBytes(spec.filename);
      const full = bytesUnder(layer.upper, path);
      renameSync(file.path, full);
      giveOwner(full, ...OWNER);
      giveMode(full, 0o600);
      const mtimeNs = BigInt(known.modified ?? 0) * 1_000_000n;
      sys().utimens(full, mtimeNs, mtimeNs);
      layer.known.set(path, file.digest.slice('sha256:'.length));
      return deps.snapshots.snapshot([await layer.commit(scope)]);
    },
  };
}

const OWNER = [0, 0] as const;

function urlOf({ url }: HttpSpec): URL {
  if (URL.canParse(url)) return new URL(url);
  throw new BuildError('syntax', `${JSON.stringify(url)} is not a URL`);
}

function changed(url: URL): BuildError {
  return new BuildError('integrity', `${shownUrl(url)} changed while it was fetched`, {
    hint: 'build again when nothing writes to it',
  });
}

const PROGRESS_MS = 100;

/** Bytes as they come, some times a second. */
function progress(vertex: Vertex, url: URL, deps: ExecutorDeps, scope: Scope) {
  let last = 0;
  return (current: number, total: number | undefined): void => {
    const time = deps.now();
    if (time - last < PROGRESS_MS && current !== total) return;
    last = time;
    const size = total === undefined ? {} : { total };
    const done = current === total ? { completed: time } : {};
    const name = `downloading ${shownUrl(url)}`;
    const { digest } = vertex;
    scope.emit({
      ...{ type: 'status', vertex: digest, id: name, name, current, time },
      ...{ ...size, ...done },
    });
  };
}
