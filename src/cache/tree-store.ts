import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type DiffID, digestOf, hexOf, isDigest } from '../model/digest.js';
import type { Scope } from '../model/scope.js';
import type { Layer, LayerMeta } from '../model/stores.js';
import { hasCode } from '../model/has-code.js';
import { runContentDigest, runDigest } from './digest-runner.js';
import { replaceDurably, replaceFile } from './durable.js';
import { madeHere } from './lease.js';
import type { KnownContents, LayerFacts } from './layer-digest.js';
import { readIfThere } from './read-if-there.js';
import { metaText, readMeta, type StoredMeta } from './tree-meta.js';
import type { Unsynced } from './unsynced.js';

/** A tree, and the epoch its times are cut at when it is written. */
export interface WrittenLayer {
  readonly layer: Layer;
  readonly epoch?: number;
}

export interface AdoptOptions {
  /** The diffID a pulled layer has by its image: its tar was written by another tool, so ours of its tree may differ. */
  readonly alias?: DiffID;
  /** When it was made, RFC 3339; default now. */
  readonly created?: string | undefined;
  /** What is known of it already; undefined when it must be read. */
  readonly facts?: Promise<LayerFacts | undefined>;
}

export interface TreeStoreOptions {
  /** Of the store: `trees/<id>/fs`, `trees/<id>/meta.json`, `trees/by-diff/<hex>`; `tmp`. */
  readonly path: (...parts: string[]) => string;
  readonly bootId: string;
  readonly now: () => Date;
  /** A lease's: what is opened or made stays while we live. */
  readonly claim: (ids: readonly string[]) => void;
  /** Told of every tree before it can be found. */
  readonly unsynced: Unsynced;
}

/** Unpacked layers by id. A tree without a readable meta.json is incomplete and as if absent. */
export class TreeStore {
  readonly #options: TreeStoreOptions;
  /** Layers whose hashing still runs: their meta.json is not there yet. */
  readonly #hashing = new Map<string, Promise<LayerMeta>>();

  constructor(options: TreeStoreOptions) {
    this.#options = options;
  }

  newId(): string {
    return randomBytes(16).toString('hex');
  }

  path(id: string): string {
    return this.#options.path('trees', id, 'fs');
  }

  /** Undefined when the tree is gone, incomplete, or damaged by an unclean reboot. */
  async open(id: string): Promise<Layer | undefined> {
    if (!/^[0-9a-f]{32}$/.test(id)) return undefined;
    const hashing = this.#hashing.get(id);
    if (hashing !== undefined) return this.#layer(id, () => hashing);
    this.#options.claim([id]);
    const stored = this.#readMeta(id);
    if (stored === undefined) return undefined;
    if (stored.bootId !== this.#options.bootId && !(await this.#survived(id, stored)))
      return undefined;
    this.#lead(id, stored.diffID);
    return this.#layer(id, () => Promise.resolve(stored));
  }

  /** The tree of a layer, by the digest of its tar. */
  async byDiff(diffID: DiffID): Promise<Layer | undefined> {
    const found = await this.written(diffID);
    return found?.epoch === undefined ? found?.layer : undefined;
  }

  /** The tree whose tar, with no time later than `epoch` where that is there, has this digest. */
  async written(diffID: DiffID): Promise<WrittenLayer | undefined> {
    try {
      const [id = '', epoch] = readFileSync(this.#diffFile(diffID), 'utf8').split(' ');
      const layer = await this.open(id);
      if (layer === undefined) return undefined;
      return { layer, ...(epoch === undefined ? {} : { epoch: Number(epoch) }) };
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** What is known of a layer, where it is there; nothing is claimed. */
  facts(diffID: DiffID): LayerMeta | undefined {
    const id = readIfThere(this.#diffFile(diffID))?.split(' ')[0] ?? '';
    return /^[0-9a-f]{32}$/.test(id) ? this.#readMeta(id) : undefined;
  }

  /**
   * What a layer is when none of its times is later than `epoch` (SOURCE_DATE_EPOCH, seconds): often itself. The tree
   * is not touched, so steps keep their cache whatever the epoch; its tar is written from it with other times.
   */
  async clamped(layer: Layer, epoch: number, scope: Scope): Promise<LayerMeta> {
    const meta = await layer.meta(scope);
    const file = this.#options.path('trees', layer.id, `epoch-${String(epoch)}`);
    const known = checkedDigest(readIfThere(file));
    const diffID = known ?? (await runDigest(layer.path, new Map(), epoch)).diffID;
    if (known === undefined) this.#replace(file, withCheck(diffID));
    if (diffID === meta.diffID) return meta;
    if ((await this.written(diffID)) === undefined) {
      this.#options.unsynced.noteName(diffID, layer.id);
      this.#replace(this.#diffFile(diffID), `${layer.id} ${String(epoch)}`);
    }
    return { ...meta, diffID };
  }

  /** Moves a finished directory in and starts its hashing pass, which writes meta.json. */
  adopt(directory: string, known: KnownContents, options: AdoptOptions = {}): Layer {
    const id = this.newId();
    this.#options.claim([id, madeHere(id)]);
    this.#moveIn(directory, id);
    this.#options.unsynced.begin();
    const meta = this.#hash(id, known, options);
    this.#hashing.set(id, meta);
    // Whoever needs the facts awaits them; until then a failure must not end the process.
    meta.catch(() => undefined);
    return this.#layer(id, () => meta);
  }

  async #hash(id: string, known: KnownContents, options: AdoptOptions): Promise<LayerMeta> {
    const created = options.created ?? this.#options.now().toISOString();
    const facts = (await options.facts) ?? (await runDigest(this.path(id), known));
    const meta = { ...facts, diffID: options.alias ?? facts.diffID, created };
    await this.#writeMeta(id, meta);
    return meta;
  }

  #layer(id: string, meta: () => Promise<LayerMeta>): Layer {
    const content: Layer['content'] = async () => (await meta()).content;
    return {
      isHere: true,
      id,
      path: this.path(id),
      ensure: () => Promise.resolve(),
      meta,
      content,
    };
  }

  #moveIn(directory: string, id: string): void {
    const home = this.#options.path('trees', id);
    // Not `recursive`: with it Node calls a disk that fails a directory that is not there.
    mkdirSync(home, { mode: 0o700 });
    renameSync(directory, join(home, 'fs'));
  }

  #diffFile(diffID: DiffID): string {
    return this.#options.path('trees/by-diff', hexOf(diffID));
  }

  async #writeMeta(id: string, meta: LayerMeta): Promise<void> {
    // Who was cancelled and is at its end has taken it away.
    if (!existsSync(this.path(id))) return;
    const { unsynced, bootId } = this.#options;
    const stored: StoredMeta = { ...meta, bootId };
    unsynced.note(meta.diffID, id);
    // The facts come last, so that one that has them is found; but never before them in the place of another tree.
    const pointer = this.#diffFile(meta.diffID);
    const before = this.#leadsTo(pointer);
    if (before === 'nowhere') this.#replace(pointer, id);
    this.#replace(this.#options.path('trees', id, 'meta.json'), metaText(stored));
    if (before !== 'lesser') return;
    // An image may need the other: it is left when this one is on the disk.
    await unsynced.sync();
    replaceDurably(pointer, id, this.#options.path('tmp'));
  }

  /** `lesser`: a tree of another boot, maybe torn, or one whose times are cut when its tar is written. */
  #leadsTo(pointer: string): 'nowhere' | 'tree' | 'lesser' {
    const [id = '', epoch] = (readIfThere(pointer) ?? '').split(' ');
    const meta = /^[0-9a-f]{32}$/.test(id) ? this.#readMeta(id) : undefined;
    if (meta === undefined) return 'nowhere';
    return epoch === undefined && meta.bootId === this.#options.bootId ? 'tree' : 'lesser';
  }

  #replace(file: string, text: string): void {
    replaceFile(file, text, this.#options.path('tmp'));
  }

  #readMeta(id: string): StoredMeta | undefined {
    const meta = readMeta(readIfThere(this.#options.path('trees', id, 'meta.json')) ?? '');
    return existsSync(this.path(id)) ? meta : undefined;
  }

  /** Power may have cut writes short: a tree of another boot counts only if it still is what it was. */
  async #survived(id: string, stored: StoredMeta): Promise<boolean> {
    if ((await runContentDigest(this.path(id))) !== stored.content) {
      rmSync(this.#options.path('trees', id), { recursive: true, force: true });
      return false;
    }
    const known = { ...stored, bootId: this.#options.bootId };
    // An image may need it: at a power cut its facts are the old ones or these.
    replaceDurably(this.#options.path('trees', id, 'meta.json'), metaText(known));
    return true;
  }

  /** Images find their layers by their digests: one that leads nowhere, for another tree of it is gone, leads here. */
  #lead(id: string, diffID: DiffID): void {
    const pointer = this.#diffFile(diffID);
    if (readIfThere(pointer)?.startsWith(id) === true || this.#leadsTo(pointer) !== 'nowhere')
      return;
    replaceDurably(pointer, id, this.#options.path('tmp'));
  }
}

/** A wrong one could not be told from a right one by the tree: its own digest stands behind it. */
function withCheck(diffID: DiffID): string {
  return `${diffID} ${digestOf(diffID)}`;
}

function checkedDigest(text = ''): DiffID | undefined {
  const [diffID = ''] = text.split(' ');
  return isDigest(diffID) && text === withCheck(diffID) ? diffID : undefined;
}
