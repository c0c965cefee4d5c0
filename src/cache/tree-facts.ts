import { type BigIntStats, lstatSync, readdirSync } from 'node:fs';
import { bytesUnder } from './layer-walk.js';
import { joinPath } from './source-tree.js';

/** What tells whether a path of a tree is what it was, without reading it. */
export interface TreeFact {
  /** Changes with whatever is done to it: content, owner, mode, attributes, names. */
  readonly state: string;
  /** Of a directory: the same one, whatever happened in it. A number alone is given to the next one made. */
  readonly directory?: string;
}

/** By latin1 path below the root, which is ''. */
export type TreeFacts = Map<string, TreeFact>;

export function factOf(stat: BigIntStats): TreeFact {
  const { dev, ino, mode, uid, gid, size, ctimeNs, birthtimeNs } = stat;
  const state = [dev, ino, mode, uid, gid, size, ctimeNs].join(':');
  return stat.isDirectory()
    ? { state, directory: `${String(ino)}:${String(birthtimeNs)}` }
    : { state };
}

/** Of a whole tree, but for what is below the `excluded` paths. Yields now and then. */
export function* treeFacts(
  root: string,
  excluded: ReadonlySet<string>,
): Generator<void, TreeFacts> {
  const facts: TreeFacts = new Map();
  const directories = [''];
  facts.set('', factOf(lstatSync(root, { bigint: true })));
  for (let at = directories.pop(); at !== undefined; at = directories.pop()) {
    for (const name of readdirSync(bytesUnder(root, at), { encoding: 'latin1' })) {
      const path = joinPath(at, name);
      const stat = lstatSync(bytesUnder(root, path), { bigint: true });
      facts.set(path, factOf(stat));
      if (stat.isDirectory() && !excluded.has(path)) directories.push(path);
    }
    yield;
  }
  return facts;
}
