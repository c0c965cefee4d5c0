import { closeSync, lstatSync, mkdtempSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { HeldCacheMount } from '../cache/cache-mounts.js';
import { hostPath, type SourceTree, toBytes } from '../cache/source-tree.js';
import { BuildError } from '../model/error.js';
import type { BindMountSpec, CacheMountSpec, MountSpec, TmpfsMountSpec } from '../model/graph.js';
import { hasCode } from '../model/has-code.js';
import type { Scope } from '../model/scope.js';
import type { Layer, Snapshot } from '../model/stores.js';
import { hostSource, type MountSource } from '../runtime/attach-mounts.js';
import { checkTarget } from '../runtime/mount-target.js';
import { cloneMount, newMount, openInRoot } from '../sys/mounts.js';
import { bindEntry, treeOf } from './bind-source.js';
import type { CleanupStack } from './cleanup-stack.js';
import type { ExecutorDeps } from './executor-deps.js';
import type { MountStubs } from './mount-stubs.js';
import { stageContents, stageFiles } from './stage-files.js';
import type { UpperWriter } from './upper-writer.js';

const O_PATH = 0o10000000;

export interface MountJob {
  readonly specs: readonly MountSpec[];
  /** The vertex' inputs, the root first. */
  readonly inputs: readonly Snapshot[];
  /** --no-cache: cache mounts with an owner begin anew. */
  readonly fresh: boolean;
  /** Nothing is mounted: a cache is moved into the root, and nobody else has it meanwhile. */
  readonly chroot: boolean;
  /** Says that another step holds a cache mount. */
  readonly onWait: (spec: CacheMountSpec) => void;
}

/** Opens the sources of bind, cache and tmpfs mounts; what they hold goes back with `stack`. */
export class MountSources {
  readonly #job: MountJob;
  readonly #deps: ExecutorDeps;
  readonly #stack: CleanupStack;
  readonly #scope: Scope;
  /** Read-only sources are mounted once for all targets of a step. */
  readonly #views = new Map<string, Promise<string>>();
  /** A step may mount one cache twice: waiting for itself would never end. */
  readonly #caches = new Map<string, Promise<string>>();
  readonly #held: HeldCacheMount[] = [];

  constructor(
    job: MountJob,
    deps: ExecutorDeps,
    { stack, scope }: { readonly stack: CleanupStack; readonly scope: Scope },
  ) {
    this.#job = job;
    this.#deps = deps;
    this.#stack = stack;
    this.#scope = scope;
  }

  /** Takes all of them in one order, so that two steps never wait for each other. */
  async takeCaches(): Promise<void> {
    const caches = this.#job.specs.filter((spec) => spec.type === 'cache');
    const ordered = caches.map((spec) => ({ spec, key: cacheKey(spec) }));
    ordered.sort((a, b) => (a.key < b.key ? -1 : 1));
    for (const { spec } of ordered) await this.#cacheRoot(spec);
  }

  /** The step succeeded and nothing of it is mounted any more: what it wrote to caches stays. */
  commitCaches(): void {
    for (const { commit } of this.#held) commit();
  }

  async bind(spec: BindMountSpec): Promise<MountSource> {
    const { snapshot, path } = await this.#bound(spec);
    const key = `${String(spec.input)} ${spec.input === undefined ? path : ''}`;
    // In a chroot either is a copy that nobody keeps.
    const root =
      spec.readonly || this.#job.chroot
        ? await this.#view(key, snapshot)
        : await this.#writable(snapshot);
    const { readonly } = spec;
    return hostSource(spec.target, hostPath(root, path), { readonly, nodev: true });
  }

  tmpfs({ target, size, readonly }: TmpfsMountSpec, mode: number): MountSource {
    const options = {
      mode: mode.toString(8),
      ...(size === 0 ? {} : { size: String(size) }),
    };
    const attributes = { readonly, nosuid: true, nodev: true };
    const open = (): number => newMount('tmpfs', options, attributes);
    return { target, kind: 'directory', open, stand: { kind: 'empty', mode } };
  }

  async cache(spec: CacheMountSpec): Promise<MountSource> {
    const root = await this.#cacheRoot(spec);
    const attributes = { readonly: spec.readonly, nodev: true };
    const fd = openCachePath(root, spec);
    this.#stack.defer(() => {
      closeSync(fd);
    });
    const kind = lstatSync(`/proc/self/fd/${String(fd)}/.`, { throwIfNoEntry: false });
    return {
      target: spec.target,
      kind: kind === undefined ? 'file' : 'directory',
      open: () => cloneMount(fd, attributes),
      stand: { kind: 'move', fd },
    };
  }

  async #bound(spec: BindMountSpec): Promise<{ snapshot: Snapshot; path: string }> {
    if (spec.input !== undefined) {
      const snapshot = this.#input(spec.input);
      return { snapshot, path: bindEntry(spec, await treeOf(snapshot, this.#scope)).path };
    }
    const context = await this.#deps.context(this.#scope);
    const entry = bindEntry(spec, context, context);
    const root = mkdtempSync(join(await this.#deps.temporary(), 'bind-'));
    this.#stack.defer(() => discard(root));
    const fs = join(root, 'fs');
    stageFiles(context, entry, fs, this.#scope.signal);
    return { snapshot: this.#deps.snapshots.snapshot([plainLayer(fs)]), path: entry.path };
  }

  #input(index: number): Snapshot {
    const snapshot = this.#job.inputs[index];
    if (snapshot === undefined) throw new Error('a mount without its input');
    return snapshot;
  }

  #view(key: string, snapshot: Snapshot): Promise<string> {
    const known = this.#views.get(key);
    if (known !== undefined) return known;
    const made = this.#deps.snapshots.view(snapshot, this.#scope).then((view) => {
      this.#stack.use(view);
      return view.root;
    });
    this.#views.set(key, made);
    return made;
  }

  /** An overlay of its own, whose upper layer nobody commits. */
  async #writable(snapshot: Snapshot): Promise<string> {
    const layer = await this.#deps.snapshots.prepare(snapshot, this.#scope);
    this.#stack.use(layer);
    return layer.mount(this.#scope);
  }

  #cacheRoot(spec: CacheMountSpec): Promise<string> {
    const key = cacheKey(spec);
    const known = this.#caches.get(key);
    if (known !== undefined) return known;
    const made = this.#acquire(spec);
    this.#caches.set(key, made);
    return made;
  }

  async #acquire(spec: CacheMountSpec): Promise<string> {
    const { namespace, id, sharing, owner, input } = spec;
    const base = input === undefined ? undefined : this.#input(input);
    const digest = base === undefined ? '' : await base.digest(this.#scope);
    const request = {
      namespace,
      id,
      sharing: this.#job.chroot && sharing === 'shared' ? ('locked' as const) : sharing,
      base: base === undefined ? '' : `${digest} ${spec.source}`,
      ...(owner === undefined ? {} : { owner }),
      ...(base === undefined ? {} : { populate: (to: string) => this.#populate(spec, base, to) }),
      rollback: this.#rollsBack(spec),
      ...(this.#job.fresh && owner !== undefined ? { fresh: this.#deps.freshMounts } : {}),
    };
    await this.#deps.bringMount?.(request, this.#scope);
    const held = await this.#deps.mounts.acquire(request, this.#scope.signal, () => {
      this.#job.onWait(spec);
    });
    this.#stack.use(held);
    this.#held.push(held);
    return held.path;
  }

  /** One mount of a step may write where another only reads: the cache is one. */
  #rollsBack(spec: CacheMountSpec): boolean {
    const ids = this.#deps.settings.cacheMountRollback ?? [];
    if (!ids.includes('all') && !ids.includes(spec.id)) return false;
    const key = cacheKey(spec);
    return this.#job.specs.some(
      (each) => each.type === 'cache' && !each.readonly && cacheKey(each) === key,
    );
  }

  async #populate(spec: CacheMountSpec, base: Snapshot, to: string): Promise<void> {
    const tree = await treeOf(base, this.#scope);
    const entry = bindEntry(spec, tree);
    if (entry.path === '') stageContents(tree, entry, to, this.#scope.signal);
    else stageFiles(tree, entry, to, this.#scope.signal);
  }
}

function cacheKey({ namespace, id, input, owner }: CacheMountSpec): string {
  return JSON.stringify([namespace, id, input, owner]);
}

/** By descriptor, inside the cache: another step may be exchanging directories for links (CVE-2024-23651). */
function openCachePath(root: string, spec: CacheMountSpec): number {
  const fd = openSync(root, O_PATH);
  try {
    return openInRoot(fd, spec.source);
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw error;
    throw new BuildError(
      'not-found',
      `--mount target=${spec.target}: source ${spec.source} is not in the cache mount`,
    );
  } finally {
    closeSync(fd);
  }
}

function plainLayer(path: string): Layer {
  const none = (): Promise<never> =>
    Promise.reject(new Error('a copy of the context is no layer of an image'));
  return { isHere: true, id: '', path, ensure: () => Promise.resolve(), meta: none, content: none };
}

async function discard(directory: string): Promise<void> {
  const { rm } = await import('node:fs/promises');
  await rm(directory, { recursive: true, force: true });
}

/** Finds each target in the root as it is before the step, and makes what is missing there. */
export function planTargets(
  sources: readonly MountSource[],
  writer: UpperWriter,
  stubs: MountStubs,
): void {
  const before: string[] = [];
  for (const { target, kind } of sources) {
    const path = writer.resolve(toBytes(target), true);
    checkTarget(path, target);
    // Inside an earlier mount, the root's own directories do not count: MountRoot makes it there.
    if (!before.some((mount) => path === mount || path.startsWith(`${mount}/`)))
      stubs.add(path, kind);
    before.push(path);
  }
}

/** The mode a fresh tmpfs takes over from the directory it covers. */
export function modeAt(target: string, tree: SourceTree, writer: UpperWriter): number {
  const entry = tree.entry(writer.resolve(toBytes(target), true));
  return entry?.type === 'directory' ? entry.mode : 0o755;
}
