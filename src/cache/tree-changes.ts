import { type BigIntStats, linkSync, lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { opaqueXattr } from '../sys/privileges.js';
import { sys } from '../sys/sys.js';
import { copyDirectory, copyNode } from './copy-node.js';
import { bytesUnder } from './layer-walk.js';
import { joinPath, type SourceTree } from './source-tree.js';
import { factOf, type TreeFact, type TreeFacts } from './tree-facts.js';
import { makeWhiteout } from './whiteout.js';

export interface Comparison {
  /** The tree after the step, and what it was before. */
  readonly tree: string;
  readonly before: TreeFacts;
  /** The layers below: what is seen in them needs a whiteout to be gone. */
  readonly below: SourceTree;
  /** Paths that are none of the layer's, with all in them. */
  readonly excluded: ReadonlySet<string>;
  /** Where the changes go, as overlay would have put them there; holds what the engine made before the step. */
  readonly upper: string;
}

/**
 * Finds what a step changed in its tree, and copies it to the upper directory. Yields now and then. Returns the paths of
 * files in the tree that have several names.
 */
export function* collectChanges(comparison: Comparison): Generator<void, readonly string[]> {
  const collector = new Collector(comparison);
  yield* collector.directory('', true);
  return collector.linked;
}

interface Past {
  readonly before: TreeFact | undefined;
  /** Its directory is the one that was there: what the layers below have in it shows. */
  readonly seen: boolean;
}

class Collector {
  readonly linked: string[] = [];
  /** First path in the layer of each file with several names. */
  readonly #links = new Map<string, string>();
  readonly #job: Comparison;
  /** Names in each directory before the step. */
  readonly #names: ReadonlyMap<string, readonly string[]>;
  /** Directories that are in the upper one, and have their metadata. */
  readonly #made = new Set<string>();

  constructor(job: Comparison) {
    this.#job = job;
    this.#names = namesByDirectory(job.before);
  }

  /** `known`: it was there before the step. */
  *directory(path: string, known: boolean): Generator<void> {
    const { tree, excluded } = this.#job;
    if (excluded.has(path)) return;
    const full = bytesUnder(tree, path);
    const now = readdirSync(full, { encoding: 'latin1' }).sort();
    for (const name of now) {
      const child = joinPath(path, name);
      if (excluded.has(child)) continue;
      const stat = lstatSync(bytesUnder(tree, child), { bigint: true });
      const before = known ? this.#job.before.get(child) : undefined;
      yield* this.#entry(child, stat, { before, seen: known });
    }
    if (known) this.#deletions(path, new Set(now));
    if (this.#made.has(path)) this.#settle(path);
    yield;
  }

  *#entry(path: string, stat: BigIntStats, { before, seen }: Past): Generator<void> {
    const now = factOf(stat);
    if (!stat.isDirectory()) {
      if (now.state !== before?.state) this.#put(path, stat);
      return;
    }
    const same = now.directory === before?.directory;
    if (!same) this.#replace(path, seen);
    else if (now.state !== before?.state) this.#ensure(path);
    yield* this.directory(path, same);
  }

  #put(path: string, stat: BigIntStats): void {
    this.#ensure(parentOf(path));
    const to = this.#clear(path);
    const first = this.#firstName(path, stat);
    if (first === undefined) copyNode(bytesUnder(this.#job.tree, path), to, stat);
    else linkSync(bytesUnder(this.#job.upper, first), to);
  }

  /** Names that the step gave to one file are names of one file in the layer. */
  #firstName(path: string, { dev, ino, nlink }: BigIntStats): string | undefined {
    if (nlink < 2n) return undefined;
    this.linked.push(path);
    const inode = `${String(dev)}:${String(ino)}`;
    const first = this.#links.get(inode);
    if (first === undefined) this.#links.set(inode, path);
    return first;
  }

  /** Another directory than before, or one where there was none: it hides what the layers below have there. */
  #replace(path: string, seen: boolean): void {
    this.#ensure(parentOf(path));
    const to = this.#clear(path);
    mkdirSync(to, 0o700);
    if (seen && this.#isBelow(path)) sys().lsetxattr(to, opaqueXattr(), Buffer.from('y'));
    this.#ensure(path);
  }

  #deletions(path: string, now: ReadonlySet<string>): void {
    for (const name of this.#names.get(path) ?? []) {
      const child = joinPath(path, name);
      if (now.has(name) || this.#job.excluded.has(child)) continue;
      this.#ensure(path);
      const gone = this.#clear(child);
      if (this.#isBelow(child)) makeWhiteout(gone);
    }
  }

  /** Whether something shows there in the layers below. */
  #isBelow(path: string): boolean {
    return this.#job.below.entry(path) !== undefined;
  }

  #clear(path: string): Buffer {
    const to = bytesUnder(this.#job.upper, path);
    rmSync(to, { recursive: true, force: true });
    return to;
  }

  /** A directory that has a change in it is in the layer, too, with what it is now. */
  #ensure(path: string): void {
    if (this.#made.has(path)) return;
    if (path !== '') this.#ensure(parentOf(path));
    this.#made.add(path);
    const to = bytesUnder(this.#job.upper, path);
    const there = lstatSync(to, { throwIfNoEntry: false });
    if (there === undefined) mkdirSync(to, 0o700);
    const from = bytesUnder(this.#job.tree, path);
    copyDirectory(from, to, lstatSync(from, { bigint: true }));
  }

  /** What was put into it moved its times. */
  #settle(path: string): void {
    const { atimeNs, mtimeNs } = lstatSync(bytesUnder(this.#job.tree, path), { bigint: true });
    sys().utimens(bytesUnder(this.#job.upper, path), atimeNs, mtimeNs);
  }
}

function namesByDirectory(facts: TreeFacts): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>();
  for (const path of facts.keys()) {
    if (path === '') continue;
    const parent = parentOf(path);
    const name = path.slice(parent === '' ? 0 : parent.length + 1);
    const known = names.get(parent);
    if (known === undefined) names.set(parent, [name]);
    else known.push(name);
  }
  return names;
}

function parentOf(path: string): string {
  const cut = path.lastIndexOf('/');
  return cut === -1 ? '' : path.slice(0, cut);
}
