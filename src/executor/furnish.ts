import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { applyLayer } from '../cache/apply-layer.js';
import { copyNode } from '../cache/copy-node.js';
import { bytesUnder } from '../cache/layer-walk.js';
import { typeOf } from '../cache/merged-view.js';
import { resolveInside, type SourceEntry, toBytes } from '../cache/source-tree.js';
import { takeTurns } from '../cache/take-turns.js';
import { BuildError } from '../model/error.js';
import { type MountSource, mismatch, type Stand } from '../runtime/attach-mounts.js';
import { checkTarget } from '../runtime/mount-target.js';
import { sys } from '../sys/sys.js';

interface Placed {
  /** Below the root, latin1. */
  readonly path: string;
  /** Where what was there waits. */
  readonly aside?: string;
  /** Where what was moved here was before. */
  readonly home?: { readonly path: string; readonly fd: number };
}

/**
 * Puts into a step's root what cannot be mounted there: copies, or for a cache mount the directory itself. Nobody runs in
 * the root before, nor afterwards, when it is taken out again.
 */
export class Furniture {
  readonly #root: string;
  /** On the filesystem of the root. */
  readonly #store: string;
  readonly #placed: Placed[] = [];

  constructor(root: string, store: string) {
    this.#root = root;
    this.#store = store;
  }

  /** In order, each in the root as the ones before made it. */
  async place(sources: readonly MountSource[], signal: AbortSignal): Promise<readonly string[]> {
    for (const source of sources) await this.#placeOne(source, signal);
    return this.#placed.map(({ path }) => path);
  }

  /** As it was; a cache goes back with what is in it now. Idempotent. */
  remove(): void {
    for (let each = this.#placed.pop(); each !== undefined; each = this.#placed.pop()) {
      const { path, aside, home } = each;
      // The directory itself, wherever in the root the step has put it.
      if (home !== undefined) this.#sendHome(home);
      if (!this.#parents(path).every((parent) => this.#type(parent) === 'directory')) continue;
      keepingTimes(this.#full(this.#parents(path).at(-1) ?? ''), () => {
        rmSync(this.#full(path), { recursive: true, force: true });
        if (aside !== undefined) renameSync(aside, this.#full(path));
      });
    }
  }

  async #placeOne({ target, kind, stand }: MountSource, signal: AbortSignal): Promise<void> {
    if (stand === undefined) throw new Error(`nothing stands for the mount ${target}`);
    const path = resolveInside({ entry: (at) => this.#entry(at) }, toBytes(target), true);
    if (path === undefined) throw new BuildError('syntax', `too many symbolic links in ${target}`);
    checkTarget(path, target);
    this.#ensureParents(path, target);
    const there = this.#type(path);
    if (there !== undefined && (there === 'directory') !== (kind === 'directory'))
      throw mismatch({ target, kind });
    const parent = this.#full(this.#parents(path).at(-1) ?? '');
    const before = lstatSync(parent, { bigint: true });
    const aside = there === undefined ? undefined : this.#setAside(path);
    const home = stand.kind === 'move' ? homeOf(stand.fd) : undefined;
    this.#placed.push({
      path,
      ...(aside === undefined ? {} : { aside }),
      ...(home === undefined ? {} : { home }),
    });
    await put(stand, this.#full(path), signal);
    sys().utimens(parent, before.atimeNs, before.mtimeNs);
  }

  #setAside(path: string): string {
    const aside = join(this.#store, `aside-${String(this.#placed.length)}`);
    renameSync(this.#full(path), aside);
    return aside;
  }

  #sendHome({ path, fd }: { readonly path: string; readonly fd: number }): void {
    const now = readlinkSync(`/proc/self/fd/${String(fd)}`, { encoding: 'buffer' });
    if (!now.subarray(0, this.#root.length + 1).equals(Buffer.from(`${this.#root}/`))) return;
    if (lstatSync(now, { throwIfNoEntry: false }) === undefined) return; // It was removed.
    renameSync(now, path);
  }

  #ensureParents(path: string, target: string): void {
    for (const parent of this.#parents(path)) {
      const type = this.#type(parent);
      if (type === undefined) mkdirSync(this.#full(parent), 0o755);
      else if (type !== 'directory')
        throw new BuildError(
          'syntax',
          `mount target ${target} cannot be used: a file is in its way`,
        );
    }
  }

  /** `a/b/c`: '', `a`, `a/b`. */
  #parents(path: string): string[] {
    const parts = path.split('/').slice(0, -1);
    return ['', ...parts.map((_, i) => parts.slice(0, i + 1).join('/'))];
  }

  #full(path: string): Buffer {
    return bytesUnder(this.#root, path);
  }

  #type(path: string): SourceEntry['type'] | undefined {
    const stat = lstatSync(this.#full(path), { throwIfNoEntry: false });
    return stat === undefined ? undefined : typeOf(stat);
  }

  #entry(path: string): Pick<SourceEntry, 'type' | 'link'> | undefined {
    const type = this.#type(path);
    if (type === undefined) return undefined;
    if (type !== 'symlink') return { type };
    return { type, link: readlinkSync(this.#full(path), { encoding: 'latin1' }) };
  }
}

function homeOf(fd: number): { readonly path: string; readonly fd: number } {
  return { path: readlinkSync(`/proc/self/fd/${String(fd)}`), fd };
}

async function put(stand: Stand, to: Buffer, signal: AbortSignal): Promise<void> {
  if (stand.kind === 'empty') {
    mkdirSync(to);
    chmodSync(to, stand.mode);
    return;
  }
  if (stand.kind === 'move') {
    renameSync(homeOf(stand.fd).path, to);
    return;
  }
  const from = Buffer.from(stand.file);
  const stat = lstatSync(from, { bigint: true });
  if (stat.isSocket()) linkSync(from, to);
  else if (stat.isDirectory()) {
    mkdirSync(to);
    await takeTurns(applyLayer(from.toString(), to.toString(), new Set()), signal);
  } else copyNode(from, to, stat);
}

function keepingTimes(directory: Buffer, work: () => void): void {
  const { atimeNs, mtimeNs } = lstatSync(directory, { bigint: true });
  work();
  sys().utimens(directory, atimeNs, mtimeNs);
}
