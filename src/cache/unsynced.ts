import { closeSync, existsSync, openSync, rmSync, unlinkSync } from 'node:fs';
import { type Digest, hexOf } from '../model/digest.js';
import { hasCode } from '../model/has-code.js';
import { sys } from '../sys/sys.js';
import { makeDirectory } from './durable.js';
import { namesIn } from './names-in.js';

/**
 * Which trees a power cut could still take away: an empty file `unsynced/<sha256 hex of a diffID>-<id>` for each. Files of
 * trees are not fsynced one by one: the filesystem is synced once, before a name is written that needs a tree of this list
 * (syncfs(2), on a thread). The list is on disk, so that a build which finds another's step cached knows that nobody has
 * synced it yet; and it is mostly empty, so that a build that does nothing pays a readdir.
 */
export class Unsynced {
  readonly #path: (...parts: string[]) => string;
  /** Opened before anything is written: errors of writing back since then are told to who syncs by it. */
  #fd: number | undefined;
  /** Made by us, and not on the disk for all we know. */
  readonly #ours = new Set<string>();
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** `path`: of the store. */
  constructor(path: (...parts: string[]) => string) {
    this.#path = path;
  }

  watch(): void {
    this.#fd ??= openSync(this.#path(), 'r');
  }

  /** The facts of a layer that we made are about to be written. */
  note(diffID: Digest, id: string): void {
    this.#ours.add(id);
    this.noteName(diffID, id);
  }

  /** A tree, of whoever made it, is about to get one more name. */
  noteName(diffID: Digest, id: string): void {
    const name = `${hexOf(diffID)}-${id}`;
    const path = this.#path('unsynced', name);
    try {
      closeSync(openSync(path, 'a', 0o600));
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
      makeDirectory(this.#path('unsynced'));
      closeSync(openSync(path, 'a', 0o600));
    }
  }

  /** Writes out what there is already: less is left for `settle`. What fails is told there. */
  begin(): void {
    if (this.#running !== undefined) return;
    this.#sync().catch(() => undefined);
  }

  /** Resolves when the trees of these layers are on the disk, at once when they were. Throws what the disk says. */
  async settle(layers: readonly Digest[]): Promise<void> {
    const needed = new Set(layers.map(hexOf));
    const isNeeded = (name: string): boolean => needed.has(name.slice(0, name.indexOf('-')));
    if (!namesIn(this.#path('unsynced')).some(isNeeded)) return;
    await this.sync();
  }

  /** Everything written until now is on the disk. */
  async sync(): Promise<void> {
    // One that runs may have begun before the last was written.
    await (this.#running === undefined
      ? this.#sync()
      : (this.#next ??= this.#after(this.#running)));
  }

  async #after(running: Promise<void>): Promise<void> {
    await running.catch(() => undefined);
    this.#next = undefined;
    await this.#sync();
  }

  #sync(): Promise<void> {
    const run = this.#run().finally(() => {
      this.#running = undefined;
    });
    this.#running = run;
    return run;
  }

  async #run(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.watch();
    // One without facts is not finished: who makes it is about to write them.
    const whole = namesIn(this.#path('unsynced')).filter((name) => {
      const id = idOf(name);
      return this.#hasFacts(id) || !existsSync(this.#path('trees', id));
    });
    const ours = [...this.#ours].filter((id) => this.#hasFacts(id));
    try {
      await sys().syncfs(this.#fd ?? -1, this.#path());
    } catch (error) {
      this.#failed(error);
      throw error;
    }
    for (const id of ours) this.#ours.delete(id);
    for (const name of whole) unlinkIfThere(this.#path('unsynced', name));
  }

  #hasFacts(id: string): boolean {
    return existsSync(this.#path('trees', id, 'meta.json'));
  }

  /** What could not be written may be gone from memory, too: nothing we made since it last could is believed any more. */
  #failed(error: unknown): void {
    this.#failure = { error };
    for (const id of this.#ours) rmSync(this.#path('trees', id, 'meta.json'), { force: true });
  }

  /** A call that still runs has its descriptor until it ends. */
  async close(): Promise<void> {
    await this.#running?.catch(() => undefined);
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

function idOf(name: string): string {
  return name.slice(name.indexOf('-') + 1);
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}
