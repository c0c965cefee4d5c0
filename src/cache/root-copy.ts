import { lstatSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import type { Scope } from '../model/scope.js';
import { mountTree } from '../sys/mounts.js';
import { sys } from '../sys/sys.js';
import { applyLayer } from './apply-layer.js';
import { copyNode } from './copy-node.js';
import { bytesUnder } from './layer-walk.js';
import { mergedView } from './merged-view.js';
import { takeTurns } from './take-turns.js';
import { collectChanges } from './tree-changes.js';
import { type TreeFacts, treeFacts } from './tree-facts.js';

/** A tree that holds these layers, and nothing else: what the next step of a chain can start from. */
export interface IdleTree {
  readonly directory: string;
  /** Ids, bottom first. */
  readonly layers: readonly string[];
}

export interface RootCopyOptions {
  /** A private directory of the step's, on the store's filesystem. */
  readonly directory: string;
  readonly layers: readonly { readonly id: string; readonly path: string }[];
  readonly upper: string;
  /** Holds the lowest of the layers, or none. */
  readonly start: IdleTree;
  /** Directories below the root that stay empty: the step has others there. */
  readonly hidden?: readonly string[];
}

/** A step's root as a copy of its layers, where overlayfs cannot be had. */
export class RootCopy {
  readonly tree: string;
  readonly #options: RootCopyOptions;
  readonly #hidden: ReadonlySet<string>;
  #before: TreeFacts = new Map();
  #excluded: ReadonlySet<string> = new Set();
  /** Of the upper directory before the step. */
  #own: readonly string[] = [];
  #linked: readonly string[] = [];
  #mounted = false;

  constructor(options: RootCopyOptions) {
    this.#options = options;
    this.#hidden = new Set(options.hidden);
    this.tree = options.start.directory;
  }

  async fill({ signal }: Scope): Promise<void> {
    const { layers, upper, start } = this.#options;
    const missing = layers.slice(start.layers.length).map(({ path }) => path);
    for (const layer of [...missing, upper])
      await this.#turns(applyLayer(layer, this.tree, this.#hidden), signal);
    this.#own = [...(await takeTurns(treeFacts(upper, new Set()), signal)).keys()];
  }

  /** Remembers what the tree is before the step; `excluded` are paths that are none of the layer's. */
  async remember(excluded: readonly string[], { signal }: Scope): Promise<void> {
    this.#excluded = new Set([...this.#hidden, ...excluded]);
    this.#before = await this.#turns(treeFacts(this.tree, this.#excluded), signal);
    // A change within the same tick of the kernel's clock could leave a file's time as it is.
    await delay(TICK);
  }

  /** Mounts the tree on a directory, without devices unless they are asked for. */
  mount(target: string, devices: boolean): void {
    mountTree(this.tree, target, { nodev: !devices });
    this.#mounted = true;
  }

  unmount(target: string): void {
    if (this.#mounted) sys().umount(target);
    this.#mounted = false;
  }

  /** The step is over: what it changed goes to the upper directory. */
  async collect({ signal }: Scope): Promise<void> {
    const { layers, upper } = this.#options;
    const below = mergedView(layers.map(({ path }) => path));
    const [tree, before, excluded] = [this.tree, this.#before, this.#excluded];
    const changes = collectChanges({ tree, before, below, excluded, upper });
    this.#linked = await this.#turns(changes, signal);
  }

  /** Makes it a tree of its layers and the committed one, for the next step. */
  idle(committed: { readonly id: string; readonly path: string }): IdleTree {
    const { layers } = this.#options;
    const view = mergedView([...layers.map(({ path }) => path), committed.path]);
    // Mount points that were made for the step only are gone from its layer.
    for (const path of [...this.#own].reverse())
      if (view.entry(path) === undefined) this.#remove(path);
    // Overlay makes each name of a file a file of its own as soon as one is written to.
    for (const path of this.#linked) this.#separate(path);
    return { directory: this.tree, layers: [...layers.map(({ id }) => id), committed.id] };
  }

  #remove(path: string): void {
    this.#keepingTimes(path, (full) => {
      rmSync(full, { recursive: true, force: true });
    });
  }

  #separate(path: string): void {
    this.#keepingTimes(path, (full) => {
      const aside = Buffer.from(join(this.#options.directory, 'link'));
      copyNode(full, aside, lstatSync(full, { bigint: true }));
      renameSync(aside, full);
    });
  }

  /** The step may have put a link in the place of any directory: nothing is done behind one. */
  #keepingTimes(path: string, work: (full: Buffer) => void): void {
    const parents = path.split('/').slice(0, -1);
    const paths = ['', ...parents.map((_, i) => parents.slice(0, i + 1).join('/'))];
    const stats = paths.map((each) =>
      lstatSync(bytesUnder(this.tree, each), { bigint: true, throwIfNoEntry: false }),
    );
    const parent = stats.at(-1);
    if (parent === undefined || !stats.every((stat) => stat?.isDirectory() === true)) return;
    work(bytesUnder(this.tree, path));
    sys().utimens(bytesUnder(this.tree, parents.join('/')), parent.atimeNs, parent.mtimeNs);
  }

  async #turns<T>(work: Generator<void, T>, signal: AbortSignal): Promise<T> {
    try {
      return await takeTurns(work, signal);
    } catch (error) {
      if (!hasCode(error, 'ENAMETOOLONG')) throw error;
      throw new BuildError('unsupported', 'a directory of the root is too deep', {
        hint: 'the system takes paths of 4096 bytes; make fewer directories in each other',
        cause: error,
      });
    }
  }
}

/** Longer than a jiffy, in milliseconds. */
const TICK = 10;
