import { chmodSync, existsSync, lstatSync, readdirSync, readFileSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { BuildError } from '../model/error.js';
import type { Records } from '../model/op.js';
import type { Scope } from '../model/scope.js';
import { type DiffID, hexOf } from '../model/digest.js';
import type { Layer, LayerMeta, Snapshotter } from '../model/stores.js';
import { hasCode } from '../model/has-code.js';
import { makeDeep } from '../sys/make-deep.js';
import { createBlobStore, type DiskBlobStore } from './blob-store.js';
import { type Builds, createBuilds } from './builds.js';
import { CacheMounts } from './cache-mounts.js';
import { noSpace, replaceDurably } from './durable.js';
import { type Chores, createChores } from './chores.js';
import { type Claims, createClaims } from './claims.js';
import { createImageStore, type ImageStore } from './image-store.js';
import { type Lease, takeLease } from './lease.js';
import { createRecords } from './records.js';
import { fillReserve } from './reserve.js';
import { unpackedBytes } from './room.js';
import { createSourceRecords, type SourceRecords } from './source-records.js';
import { createSnapshotter } from './snapshotter.js';
import { hostPlatform } from '../sys/host-platform.js';
import { markTopDirectory } from '../sys/top-directory.js';
import { emptyTrash, needsSweep, sweep, type SweepDirectories } from './sweep.js';
import { takeTurn } from './turn.js';
import { TreeStore, type WrittenLayer } from './tree-store.js';
import { Unsynced } from './unsynced.js';
import { leaseOf } from './lease-of.js';

export interface Store extends AsyncDisposable {
  readonly root: string;
  readonly path: (...parts: string[]) => string;
  readonly blobs: DiskBlobStore;
  readonly images: ImageStore;
  readonly records: Records;
  readonly sources: SourceRecords;
  readonly snapshots: Snapshotter;
  readonly mounts: CacheMounts;
  readonly builds: Builds;
  /** The tree a layer's tar can be written from, if there is one. */
  readonly treeOf: (diffID: DiffID) => Promise<WrittenLayer | undefined>;
  /** What is known of a layer that is unpacked or was built. */
  readonly layerFacts: (diffID: DiffID) => LayerMeta | undefined;
  /** A layer's facts when none of its times is later than an epoch in seconds. */
  readonly clamped: (layer: Layer, epoch: number, scope: Scope) => Promise<LayerMeta>;
  readonly chores: Chores;
  /** Of trees and blobs, by id. */
  readonly claims: Claims;
  /** Trees that are not on the disk yet. */
  readonly unsynced: Unsynced;
  /** This process' lease, taken at first need. */
  readonly lease: () => Promise<Lease>;
  /** Its directory: on the store's file system, and swept when we are killed. */
  readonly leaseDir: () => string;
}

export interface StoreOptions {
  readonly root: string;
  readonly now: () => Date;
  /** Told of each directory that a dead process left, while it is still there. */
  readonly onDead?: (dir: string) => void;
}

const VERSION = 1;
const OUR_NAMES =
  /^(blobs|builds|refs|trees|containers|records|contexts|networks|leases|locks|mounts|partial|reserve|tmp|trash|unsynced|userns|volumes|lost\+found|version\.[0-9a-f]+\.tmp)$/;
const DIRECTORIES = ['blobs/sha256', 'refs', 'trees', 'containers', 'records', 'contexts'].concat([
  'leases',
  'locks',
  'mounts',
  'partial',
  'tmp',
  'trash',
  'volumes',
]);

/**
 * Opens the store, making it if it is not there, and removes what dead processes left. Throws BuildError `store` when
 * it belongs to another user, is a symlink, or was written by a newer stave (then it is left untouched).
 */
export function openStore({ root, now, onDead }: StoreOptions): Store {
  ensureRoot(root);
  const path = (...parts: string[]): string => join(root, ...parts);
  const directories = directoriesOf(path);
  const chores = createChores();
  if (leftovers(root, directories)) clean({ ...directories, ...(onDead && { onDead }) }, chores);
  const unsynced = new Unsynced(path);
  let held: Lease | undefined;
  const take = (): Lease => {
    if (held !== undefined) return held;
    unsynced.watch();
    held = leaseOf(root, takeLease(directories));
    claims.settle(held);
    return held;
  };
  const lease = (): Promise<Lease> => Promise.resolve(take());
  const isHeld = (): boolean => held !== undefined;
  const claims = createClaims(take, isHeld, (id) =>
    existsSync(id.length === 32 ? path('trees', id) : path('blobs/sha256', id)),
  );
  const leaseDir = (): string => take().dir;
  const temporary = (): Promise<string> => Promise.resolve(leaseDir());
  const { claim } = claims;
  const passing = path('tmp');
  const blobs = createBlobStore(path('blobs/sha256'), temporary, claim, path('partial'));
  const trees = new TreeStore({ path, bootId: bootId(), now, claim, unsynced });
  return {
    root,
    path,
    blobs,
    images: createImageStore(path('refs'), blobs, {
      ...{ now, platform: hostPlatform(), temporary: leaseDir },
    }),
    records: createRecords({ directory: path('records'), locks: path('locks'), passing }),
    sources: createSourceRecords(path('records'), passing),
    snapshots: createSnapshotter(trees, {
      temporary,
      claim,
      later: chores.add,
      unpackTurn: (diffID, signal) => takeTurn(path('locks', `unpack-${hexOf(diffID)}`), signal),
      unpackedBytes: ({ digest, size }) => unpackedBytes(blobs.path(digest), size),
    }),
    mounts: new CacheMounts({ mounts: path('mounts'), trash: path('trash'), temporary, now }),
    builds: createBuilds(path),
    treeOf: (diffID) => trees.written(diffID),
    layerFacts: (diffID) => trees.facts(diffID),
    clamped: (layer, epoch, scope) => trees.clamped(layer, epoch, scope),
    unsynced,
    lease,
    leaseDir,
    claims,
    chores,
    async [Symbol.asyncDispose]() {
      const mine = held;
      held = undefined;
      await unsynced.close().finally(() => mine?.[Symbol.asyncDispose]());
    },
  };
}

function directoriesOf(path: Store['path']): SweepDirectories {
  return {
    leases: path('leases'),
    tmp: path('tmp'),
    trees: path('trees'),
    trash: path('trash'),
    locks: path('locks'),
    partial: path('partial'),
    refs: path('refs'),
  };
}

/** What the start has no time for is a chore. */
function clean(directories: SweepDirectories, chores: Chores): void {
  sweep(directories);
  chores.add(() => {
    emptyTrash(directories.trash);
  });
}

/** Somebody may have removed an empty directory of ours; it is made again. */
function leftovers(root: string, directories: SweepDirectories): boolean {
  try {
    return needsSweep(directories);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    makeDirectories(root);
    return needsSweep(directories);
  }
}

function makeDirectories(root: string): void {
  for (const name of DIRECTORIES) makeDeep(join(root, name), 0o700);
  for (const name of UNRELATED) markTopDirectory(join(root, name));
  fillReserve(root);
}

/** What is in them is made by different commands at different times. */
const UNRELATED = ['tmp', 'containers', 'mounts', 'volumes'];

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function ensureRoot(root: string): void {
  const stat = statOf(root);
  if (stat?.isDirectory() === false) {
    throw storeError(`the store ${root} is not a directory`, OTHER_DIRECTORY);
  }
  const uid = process.getuid?.() ?? 0;
  if (stat !== undefined && stat.uid !== uid) {
    throw storeError(
      `the store ${root} belongs to uid ${String(stat.uid)}, not to uid ${String(uid)}`,
      'run as its owner, or set STAVE_ROOT to a directory of your own',
    );
  }
  const version = stat === undefined ? undefined : readVersion(root);
  if (version === undefined) create(root);
  else if (version !== String(VERSION)) throw otherVersion(root, version);
  // Images hold set-uid programs: nobody else may walk in.
  else if (stat !== undefined && (stat.mode & 0o077) !== 0) chmodSync(root, 0o700);
}

function statOf(root: string): Stats | undefined {
  try {
    return lstatSync(root, { throwIfNoEntry: false });
  } catch (error) {
    throw storeError(
      `the store ${root} cannot be opened: ${(error as Error).message}`,
      'set STAVE_ROOT to a directory you can write to',
    );
  }
}

const OTHER_DIRECTORY = 'set STAVE_ROOT to a directory of its own';

function otherVersion(root: string, version: string): BuildError {
  if (Number(version) > VERSION) {
    return storeError(
      `the store ${root} has version ${version}, this stave knows ${String(VERSION)}`,
      'use the newer stave, or set STAVE_ROOT to another directory',
    );
  }
  return storeError(
    `the store ${root} has an unknown version ${JSON.stringify(version)}`,
    OTHER_DIRECTORY,
  );
}

function readVersion(root: string): string | undefined {
  try {
    return readFileSync(join(root, 'version'), 'utf8').trim().slice(0, 40);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw storeError(
      `the store ${root} cannot be read: ${(error as Error).message}`,
      'run as its owner, or set STAVE_ROOT to a directory of your own',
    );
  }
}

/** The version comes last: a store without one is one whose making was cut short, or somebody's directory. */
function create(root: string): void {
  try {
    makeDeep(root, 0o700);
    const names = readdirSync(root);
    if (names.includes('version')) {
      ensureRoot(root); // Another made it meanwhile.
      return;
    }
    const foreign = names.find((name) => !OUR_NAMES.test(name));
    if (foreign !== undefined) {
      throw storeError(
        `${root} is not a store: it holds ${JSON.stringify(foreign)}`,
        OTHER_DIRECTORY,
      );
    }
    chmodSync(root, 0o700);
    makeDirectories(root);
    replaceDurably(join(root, 'version'), String(VERSION));
  } catch (error) {
    // ENOENT: what kernel filesystems say.
    if (!hasCode(error, 'EACCES', 'EROFS', 'EPERM', 'ENOTDIR', 'EEXIST', 'ENOENT'))
      throw noSpace(error, root);
    throw storeError(
      `the store ${root} cannot be made: ${(error as Error).message}`,
      'set STAVE_ROOT to a directory you can write to',
    );
  }
}

function storeError(message: string, hint: string): BuildError {
  return new BuildError('store', message, { hint });
}
