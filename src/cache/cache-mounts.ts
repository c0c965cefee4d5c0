import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  futimesSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { canonicalDigest } from '../model/canonical.js';
import { hexOf } from '../model/digest.js';
import type { FileOwner } from '../model/graph.js';
import { hasCode } from '../model/has-code.js';
import { sys } from '../sys/sys.js';
import { noSpace } from './durable.js';
import { giveOwner } from './give-owner.js';
import { isNamed } from './lock-file.js';
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
}

/** A cache mount in use: its lock is held until disposed, so that nobody removes it. */
export interface HeldCacheMount extends AsyncDisposable {
  /** The directory to mount. */
  readonly path: string;
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
    const key = keyOf(request);
    let waited = false;
    for (let copy = 0; ;) {
      signal.throwIfAborted();
      const name = copy === 0 ? key : `${key}.${String(copy)}`;
      await this.#ensure(name, request);
      const fresh = request.fresh?.has(name) === false;
      const mode = request.sharing === 'shared' && !fresh ? 'shared' : 'exclusive';
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
      else if (fresh) this.#discard(name, fd, request);
      else return this.#held(name, fd);
    }
  }

  list(): readonly CacheMountInfo[] {
    return readdirSync(this.#options.mounts).flatMap((key) => {
      const meta = this.#meta(key);
      const used = statSync(this.#lock(key), { throwIfNoEntry: false })?.mtime;
      if (meta === undefined || used === undefined) return [];
      return [{ key, ...meta, lastUsed: used.toISOString() }];
    });
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

  #held(name: string, fd: number): HeldCacheMount {
    const now = this.#options.now();
    futimesSync(fd, now, now);
    let open = true;
    return {
      path: join(this.#options.mounts, name, 'fs'),
      [Symbol.asyncDispose]: () => {
        if (open) closeSync(fd);
        open = false;
        return Promise.resolve();
      },
    };
  }

  #discard(name: string, fd: number, request: CacheMountRequest): void {
    request.fresh?.add(name);
    this.#throwAway(name);
    closeSync(fd);
  }

  /** Under its lock. Its bytes go when the store is swept. */
  #throwAway(name: string): void {
    const trash = join(this.#options.trash, `mount-${randomBytes(10).toString('hex')}`);
    renameSync(join(this.#options.mounts, name), trash);
  }

  #lock(name: string): string {
    return join(this.#options.mounts, name, 'lock');
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
      mkdirSync(this.#options.mounts, { recursive: true, mode: 0o700 });
      renameSync(made, join(this.#options.mounts, name));
    } catch (error) {
      removeTree(made, () => false);
      // Another was faster; theirs is as good.
      if (!hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw noSpace(error, made);
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
    const meta = { namespace, id, created: this.#options.now().toISOString() };
    writeFileSync(join(made, 'meta.json'), JSON.stringify(meta), { mode: 0o600 });
    writeFileSync(join(made, 'lock'), '', { mode: 0o600 });
  }
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

function keyOf({ namespace, id, base, owner }: CacheMountRequest): string {
  const of = owner === undefined ? undefined : [owner.uid, owner.gid, owner.mode];
  return hexOf(canonicalDigest(['cache mount', namespace, id, base, of])).slice(0, 40);
}
