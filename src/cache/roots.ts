import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../model/has-code.js';
import { BuildError } from '../model/error.js';
import type { Scope } from '../model/scope.js';
import type { Layer, MountedTree, MountOptions, Snapshot } from '../model/stores.js';
import { makeDeep } from '../sys/make-deep.js';
import { isOnOverlay, overlayProblem } from '../sys/overlay-problem.js';
import { sys } from '../sys/sys.js';
import type { Chores } from './chores.js';
import { ensureLayers } from './ensure-layers.js';
import { removeTree } from './remove-tree.js';
import type { IdleTree, RootCopy, RootCopyOptions } from './root-copy.js';

/** The root of one step. */
export interface StepRoot {
  readonly path: string;
  /** Takes it away; idempotent. */
  readonly unmount: () => void;
  /** Brings what the step changed to the upper directory; it is unmounted then. */
  readonly collect: (scope: Scope) => Promise<void>;
  /** Its changes are a layer of the store now. */
  readonly committed: (layer: Layer) => void;
  /** Nobody needs it any more. */
  readonly discard: () => void;
}

export interface StepPlace extends MountOptions {
  readonly parent: Snapshot;
  readonly directory: string;
  readonly upper: string;
}

export interface RootsOptions {
  readonly temporary: () => Promise<string>;
  readonly later: Chores['add'];
}

/** The kernel takes 500 layers; one is the upper directory. */
const MAX_LAYERS = 490;

/** Copies kept for the next step of a chain; each is as large as an image. */
const MAX_IDLE = 2;

/** Roots of steps: overlays, or copies where the kernel refuses those. */
export class Roots {
  readonly #options: RootsOptions;
  readonly #idle: IdleTree[] = [];
  /** Overlays were tried, and cannot be had. */
  #copies = false;

  constructor(options: RootsOptions) {
    this.#options = options;
  }

  async open(place: StepPlace, scope: Scope): Promise<StepRoot> {
    if (place.chroot !== undefined) return this.#copy(place, scope);
    const root = this.#tryOverlay(() => overlayRoot(place), place.directory, scope);
    return root ?? this.#copy(place, scope);
  }

  /** Read-only. */
  async view(snapshot: Snapshot, scope: Scope): Promise<MountedTree> {
    await ensureLayers(snapshot.layers, scope);
    const directory = mkdtempSync(join(await this.#options.temporary(), 'view-'));
    const mounted = this.#tryOverlay(() => overlayView(snapshot, directory), directory, scope);
    const root = mounted ?? (await copyView(snapshot, directory, scope));
    return {
      root,
      [Symbol.asyncDispose]: () => {
        if (mounted !== undefined && snapshot.layers.length > 0) sys().umount(root);
        removeTree(directory, () => false);
        return Promise.resolve();
      },
    };
  }

  /** Undefined where no overlay at all can be mounted: that is said once. */
  #tryOverlay<T>(mount: () => T, directory: string, { emit }: Scope): T | undefined {
    if (this.#copies) return undefined;
    const refusal = isOnOverlay(directory) ? undefined : refused(mount);
    if (refusal !== undefined && 'mounted' in refusal) return refusal.mounted;
    const problem = overlayProblem(directory);
    if (problem === undefined) throw refusal?.error ?? new Error('no overlay');
    this.#copies = true;
    const message = `overlayfs cannot be mounted (${problem}): steps work on copies of their root, which takes longer`;
    emit({ type: 'warning', message });
    return undefined;
  }

  async #copy(place: StepPlace, scope: Scope): Promise<StepRoot> {
    const { parent, directory, upper, devices = false, chroot } = place;
    const start = this.#takeIdle(parent.layers) ?? (await this.#emptyTree());
    const hidden = chroot?.hidden ?? [];
    const copy = await rootCopy({ directory, layers: parent.layers, upper, hidden, start });
    await copy.fill(scope);
    await copy.remember((await chroot?.furnish(copy.tree)) ?? [], scope);
    const target = join(directory, 'root');
    if (chroot === undefined) {
      makeDeep(target);
      copy.mount(target, devices);
    }
    return this.#stepRoot(copy, chroot === undefined ? target : copy.tree);
  }

  #stepRoot(copy: RootCopy, path: string): StepRoot {
    let gone = false;
    const unmount = (): void => {
      copy.unmount(path);
    };
    return {
      path,
      unmount,
      collect: async (scope) => {
        unmount();
        await copy.collect(scope);
      },
      committed: (layer) => {
        gone = true;
        this.#idle.push(copy.idle(layer));
        if (this.#idle.length > MAX_IDLE) this.#remove(this.#idle.shift()?.directory);
      },
      discard: () => {
        if (!gone) this.#remove(copy.tree);
        gone = true;
      },
    };
  }

  /** The one that has most of these layers, and no other. */
  #takeIdle(wanted: readonly Layer[]): IdleTree | undefined {
    const fits = ({ layers }: IdleTree): boolean =>
      layers.length <= wanted.length && layers.every((id, i) => id === wanted[i]?.id);
    const [best] = this.#idle.filter(fits).sort((a, b) => b.layers.length - a.layers.length);
    if (best !== undefined) this.#idle.splice(this.#idle.indexOf(best), 1);
    return best;
  }

  async #emptyTree(): Promise<IdleTree> {
    return { directory: mkdtempSync(join(await this.#options.temporary(), 'tree-')), layers: [] };
  }

  #remove(directory: string | undefined): void {
    if (directory === undefined) return;
    this.#options.later(() => removeTree(directory, () => false));
  }
}

/** Most machines have overlays and never load it. */
async function rootCopy(options: RootCopyOptions): Promise<RootCopy> {
  const { RootCopy } = await import('./root-copy.js');
  return new RootCopy(options);
}

/** What a kernel, or who confines us, says to an overlay that can be had nowhere here; else it is a defect of ours. */
const REFUSALS = ['EPERM', 'EACCES', 'ENODEV', 'ENOSYS', 'EINVAL', 'EOPNOTSUPP', 'EXDEV'] as const;

function refused<T>(mount: () => T): { readonly mounted: T } | { readonly error: Error } {
  try {
    return { mounted: mount() };
  } catch (error) {
    if (!(error instanceof Error) || !hasCode(error, ...REFUSALS)) throw error;
    return { error };
  }
}

function overlayRoot({ parent, directory, upper, devices = false }: StepPlace): StepRoot {
  checkDepth(parent);
  const [work, root] = [join(directory, 'work'), join(directory, 'root')];
  for (const made of [work, root]) makeDeep(made);
  sys().mountOverlay({ lowers: lowersOf(parent, directory), upper, work, target: root, devices });
  let mounted = true;
  const unmount = (): void => {
    if (mounted) sys().umount(root);
    mounted = false;
  };
  return {
    path: root,
    unmount,
    collect: () => {
      unmount();
      return Promise.resolve();
    },
    committed: () => undefined,
    discard: () => undefined,
  };
}

function overlayView(snapshot: Snapshot, directory: string): string {
  checkDepth(snapshot);
  const root = join(directory, 'root');
  mkdirSync(root);
  const lowers = lowersOf(snapshot, directory);
  // Without an upper directory overlay wants two lowers.
  if (snapshot.layers.length > 0)
    sys().mountOverlay({ lowers: [...lowers, emptyDirectory(directory)], target: root });
  return root;
}

async function copyView(snapshot: Snapshot, directory: string, scope: Scope): Promise<string> {
  const upper = emptyDirectory(directory);
  const start = { directory: join(directory, 'tree'), layers: [] };
  mkdirSync(start.directory);
  const copy = await rootCopy({ directory, layers: snapshot.layers, upper, start });
  await copy.fill(scope);
  return copy.tree;
}

/**
 * Top first; overlay wants at least one, also on scratch. It refuses the same directory twice (images repeat layers, and
 * so do linked copies): what the lower one holds is seen in the upper one.
 */
function lowersOf(snapshot: Snapshot, directory: string): string[] {
  if (snapshot.layers.length === 0) return [emptyDirectory(directory)];
  return [...new Set(snapshot.layers.map((layer) => layer.path).reverse())];
}

function emptyDirectory(directory: string): string {
  const empty = join(directory, 'empty');
  makeDeep(empty);
  return empty;
}

function checkDepth(snapshot: Snapshot): void {
  if (snapshot.layers.length <= MAX_LAYERS) return;
  throw new BuildError(
    'runtime',
    `an image of ${String(snapshot.layers.length)} layers is too deep`,
    {
      hint: `join RUN and COPY instructions: at most ${String(MAX_LAYERS)} layers can be mounted`,
    },
  );
}
