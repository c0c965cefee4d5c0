import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  futimesSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { canonicalDigest } from '../model/canonical.js';
import { hexOf } from '../model/digest.js';
import type { FileOwner } from '../model/graph.js';
import { hasCode } from '../model/has-code.js';
import { makeDeep } from '../sys/make-deep.js';
import { overlayProblem } from '../sys/overlay-problem.js';
import { sys } from '../sys/sys.js';
import { noSpace } from './durable.js';
import { directorySize } from './directory-size.js';
import { giveOwner } from './give-owner.js';
import { isNamed } from './lock-file.js';
import { finishChanges, hasChanges, type MountChanges, openChanges } from './mount-changes.js';
import { openCopy } from './mount-copy.js';
import { removeTree } from './remove-tree.js';

/** Which cache mount is wanted. An id is anything a person writes: it is hashed, never a path. */
export interface CacheMountRequest {
  readonly namespace: string;
  readonly id: string;
  /** Digest of the initial content, '' for an empty directory: another base is another cache. */
  readonly base: string;
  /** Of the directory itself when it is made; default root's, 0755. */
  readonly owner?: FileOwner;
  readonly sharing: 'shared' | 'private' | 'locked';
  /** Fills a new directory. */
  readonly populate?: (directory: string) => Promise<void>;
  /** Begin with a new one, once for each key in this set's life (--no-cache). */
  readonly fresh?: Set<string>;
  /** What is written counts only once `commit` was called. Nobody else has the mount meanwhile: shared is as locked. */
  readonly rollback?: boolean;
}

/** A cache mount in use: its lock is held until disposed, so that nobody removes it. */
export interface HeldCacheMount extends AsyncDisposable {
  /** The directory to mount. */
  readonly path: string;
  /** What was written stays; nothing has the directory mounted any more. */
  readonly commit: () => void;
}

/** What is known of a cache mount: `stave` lists and prunes by it. */
export interface CacheMountInfo {
  /** Its directory's name in the store. */
  readonly key: string;
  readonly namespace: string;
  readonly id: string;
  /** RFC 3339. */
  readonly created: string;
  readonly lastUsed: string;
}

export interface CacheMountOptions {
  /** `<store>/mounts`: `<key>/fs`, `<key>/meta.json`, `<key>/lock`. */
  readonly mounts: string;
  readonly trash: string;
  readonly temporary: () => Promise<string>;
  readonly now: () => Date;
}

export interface AdoptOptions {
  /** True where what is here now stays; asked under its lock. */
  readonly keeps: (local: CacheMountInfo) => boolean;
  readonly onWait: () => void;
  readonly signal: AbortSignal;
}

/** The directories of `RUN --mount=type=cache`. Sharing holds across processes: it is flock(2) on each one's lock file. */
export class CacheMounts {
  readonly #options: CacheMountOptions;

  constructor(options: CacheMountOptions) {
    this.#options = options;
  }

  /** Waits while another has it, but for `private`, which then takes one of its own. `onWait` is called once. */
  async acquire(
    request: CacheMountRequest,
    signal: AbortSignal,
    onWait: () => void,
  ): Promise<HeldCacheMount> {
    const key = cacheMountKey(request);
    let waited = false;
    for (let copy = 0; ;) {
      signal.throwIfAborted();
      const name = copy === 0 ? key : `${key}.${String(copy)}`;
      await this.#ensure(name, request);
      const fresh = request.fresh?.has(name) === false;
      const alone = request.sharing !== 'shared' || request.rollback === true;
      const mode = alone || fresh || hasChanges(this.#at(name)) ? 'exclusive' : 'shared';
      const fd = this.#open(name);
      if (fd === undefined) continue;
      if (!sys().flock(fd, mode, false)) {
        if (request.sharing === 'private') {
          closeSync(fd);
          copy++;
          continue;
        }
        if (!waited) onWait();
        waited = true;
        await waitFor(fd, mode, signal);
      }
      if (!isNamed(fd, this.#lock(name))) closeSync(fd);
      else if (!this.#isWhole(name)) this.#discard(name, fd, request);
      else if (fresh) this.#discard(name, fd, request);
      else if (mode === 'shared' && hasChanges(this.#at(name))) closeSync(fd);
      else return await this.#held(name, fd, { ...request, signal });
    }
  }

  /** One that is there, as a step with sharing=locked takes it; undefined when it is not, or no more. Not a use of it. */
  async hold(
    key: string,
    signal: AbortSignal,
    onWait: () => void,
  ): Promise<HeldCacheMount | undefined> {
    let waited = false;
    for (;;) {
      const fd = this.#open(key);
      if (fd === undefined) return undefined;
      if (!sys().flock(fd, 'exclusive', false)) {
        if (!waited) onWait();
        waited = true;
        await waitFor(fd, 'exclusive', signal);
      }
      if (!isNamed(fd, this.#lock(key))) {
        closeSync(fd);
        continue;
      }
      try {
        finishChanges(this.#at(key), this.#options.trash);
      } catch (error) {
        closeSync(fd);
        throw error;
      }
      return heldBy(fd, { path: join(this.#at(key), 'fs'), commit: () => undefined });
    }
  }

  /**
   * Puts a mount made elsewhere on the store's filesystem (`made/fs`) at its place, at once. What was there is in `made`
   * afterwards, as is what was to come when the local one stays.
   */
  async adopt(
    made: string,
    { key, namespace, id, created, lastUsed }: CacheMountInfo,
    { keeps, onWait, signal }: AdoptOptions,
  ): Promise<'imported' | 'replaced' | 'kept'> {
    writeFacts(made, { namespace, id, created }, new Date(lastUsed));
    for (;;) {
      await using held = await this.hold(key, signal, onWait);
      if (held === undefined) {
        if (this.#place(made, key)) return 'imported';
        continue;
      }
      const local = this.#info(key)[0];
      if (local !== undefined && keeps(local)) return 'kept';
      if (!sys().exchange(made, this.#at(key))) {
        // A kill between the two leaves an empty cache: this filesystem knows nothing better.
        this.#throwAway(key);
        renameSync(made, this.#at(key));
      }
      return 'replaced';
    }
  }

  list(): readonly CacheMountInfo[] {
    return readdirSync(this.#options.mounts).flatMap((key) => this.#info(key));
  }

  /** Of its files. */
  bytes(key: string): number {
    return directorySize(join(this.#at(key), 'fs'));
  }

  isInUse(key: string): boolean {
    const fd = this.#open(key);
    if (fd === undefined) return false;
    try {
      return !sys().flock(fd, 'exclusive', false);
    } finally {
      closeSync(fd);
    }
  }

  /** Takes one out of the store; false when it is in use. */
  remove(key: string): boolean {
    const fd = this.#open(key);
    if (fd === undefined) return true;
    try {
      if (!sys().flock(fd, 'exclusive', false)) return false;
      if (isNamed(fd, this.#lock(key))) this.#throwAway(key);
      return true;
    } finally {
      closeSync(fd);
    }
  }

  async #held(
    name: string,
    fd: number,
    { rollback, signal }: Pick<CacheMountRequest, 'rollback'> & { readonly signal: AbortSignal },
  ): Promise<HeldCacheMount> {
    try {
      const now = this.#options.now();
      futimesSync(fd, now, now);
      finishChanges(this.#at(name), this.#options.trash);
      if (rollback !== true)
        return heldBy(fd, { path: join(this.#at(name), 'fs'), commit: () => undefined });
      const temporary = await this.#options.temporary();
      return heldBy(fd, await this.#changes(name, temporary, signal));
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  async #changes(name: string, temporary: string, signal: AbortSignal): Promise<MountChanges> {
    const { trash } = this.#options;
    if (overlayProblem(temporary) === undefined)
      return openChanges(this.#at(name), temporary, trash);
    return openCopy(this.#at(name), { temporary, trash }, signal);
  }

  #isWhole(name: string): boolean {
    return existsSync(join(this.#at(name), 'fs')) || hasChanges(this.#at(name));
  }

  /** It is to begin anew, or a step in a chroot was killed that had it in its root. */
  #discard(name: string, fd: number, request: CacheMountRequest): void {
    request.fresh?.add(name);
    this.#throwAway(name);
    closeSync(fd);
  }

  /** Under its lock. Its bytes go when the store is swept. */
  #throwAway(name: string): void {
    const trash = join(this.#options.trash, `mount-${randomBytes(10).toString('hex')}`);
    renameSync(this.#at(name), trash);
  }

  #at(name: string): string {
    return join(this.#options.mounts, name);
  }

  #lock(name: string): string {
    return join(this.#at(name), 'lock');
  }

  #info(key: string): readonly CacheMountInfo[] {
    const meta = this.#meta(key);
    const used = statSync(this.#lock(key), { throwIfNoEntry: false })?.mtime;
    return meta === undefined || used === undefined
      ? []
      : [{ key, ...meta, lastUsed: used.toISOString() }];
  }

  #open(name: string): number | undefined {
    try {
      return openSync(this.#lock(name), 'r+');
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  #meta(name: string): Omit<CacheMountInfo, 'key' | 'lastUsed'> | undefined {
    try {
      const text = readFileSync(join(this.#options.mounts, name, 'meta.json'), 'utf8');
      return JSON.parse(text) as Omit<CacheMountInfo, 'key' | 'lastUsed'>;
    } catch (error) {
      if (error instanceof SyntaxError || hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** Made whole beside the store's tree and renamed in: nobody sees half of one. */
  async #ensure(name: string, request: CacheMountRequest): Promise<void> {
    if (statSync(this.#lock(name), { throwIfNoEntry: false }) !== undefined) return;
    const made = mkdtempSync(join(await this.#options.temporary(), 'mount-'));
    try {
      await this.#make(made, request);
      // Another may be faster; theirs is as good.
      if (!this.#place(made, name)) removeTree(made, () => false);
    } catch (error) {
      removeTree(made, () => false);
      throw noSpace(error, made);
    }
  }

  /** False when another has the name. */
  #place(made: string, name: string): boolean {
    makeDeep(this.#options.mounts, 0o700);
    try {
      renameSync(made, this.#at(name));
      return true;
    } catch (error) {
      if (hasCode(error, 'ENOTEMPTY', 'EEXIST')) return false;
      throw error;
    }
  }

  async #make(made: string, request: CacheMountRequest): Promise<void> {
    const fs = join(made, 'fs');
    mkdirSync(fs, { mode: 0o755 });
    await request.populate?.(fs);
    const { owner } = request;
    if (owner !== undefined) {
      giveOwner(fs, owner.uid, owner.gid);
      chmodSync(fs, owner.mode);
    }
    const { namespace, id } = request;
    const now = this.#options.now();
    writeFacts(made, { namespace, id, created: now.toISOString() }, now);
  }
}

function writeFacts(
  made: string,
  facts: Pick<CacheMountInfo, 'namespace' | 'id' | 'created'>,
  lastUsed: Date,
): void {
  writeFileSync(join(made, 'meta.json'), JSON.stringify(facts), { mode: 0o600 });
  writeFileSync(join(made, 'lock'), '', { mode: 0o600 });
  utimesSync(join(made, 'lock'), lastUsed, lastUsed);
}

function heldBy(
  fd: number,
  changes: { readonly path: string; readonly commit: () => void; readonly discard?: () => void },
): HeldCacheMount {
  let open = true;
  return {
    path: changes.path,
    commit: changes.commit,
    [Symbol.asyncDispose]: () => {
      if (!open) return Promise.resolve();
      open = false;
      try {
        changes.discard?.();
      } finally {
        closeSync(fd);
      }
      return Promise.resolve();
    },
  };
}

async function waitFor(
  fd: number,
  mode: 'shared' | 'exclusive',
  signal: AbortSignal,
): Promise<void> {
  try {
    await sys().flockAsync(fd, mode, signal);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** The name of its directory, where it has the mount alone or shares it. */
export function cacheMountKey({ namespace, id, base, owner }: CacheMountRequest): string {
  const of = owner === undefined ? undefined : [owner.uid, owner.gid, owner.mode];
  return hexOf(canonicalDigest(['cache mount', namespace, id, base, of])).slice(0, 40);
}
