import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openStore, type Store } from '../../src/cache/store.js';
import { storeRoot } from '../../src/cache/store-root.js';
import { BuildError } from '../../src/model/error.js';
import { addLayer, quiet, testStore } from '../helpers/test-store.js';

function temporary(): { dir: string } & Disposable {
  const dir = mkdtempSync(join(tmpdir(), 'stave-store-'));
  return {
    dir,
    [Symbol.dispose]: () => {
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function open(root: string): Store {
  return openStore({ root, now: () => new Date(0) });
}

const roots: readonly [NodeJS.ProcessEnv, number, string][] = [
  [{ STAVE_ROOT: '/x' }, 0, '/x'],
  [{ STAVE_ROOT: '/x', XDG_DATA_HOME: '/d' }, 7, '/x'],
  [{ STAVE_ROOT: '' }, 0, '/var/lib/stave'],
  [{ XDG_DATA_HOME: '/d' }, 0, '/var/lib/stave'],
  [{ XDG_DATA_HOME: '/d' }, 7, '/d/stave'],
  [{ XDG_DATA_HOME: '' }, 7, '/home/u/.local/share/stave'],
  [{}, 7, '/home/u/.local/share/stave'],
];
for (const [env, uid, expected] of roots) {
  test(`root of ${JSON.stringify(env)} for uid ${String(uid)} is ${expected}`, () => {
    assert.equal(storeRoot(env, uid, '/home/u'), expected);
  });
}

test('a store is made with its version, for its owner only', () => {
  using world = temporary();
  const root = join(world.dir, 'deep/store');
  open(root);
  assert.equal(readFileSync(join(root, 'version'), 'utf8'), '1');
  for (const name of ['.', ...readdirSync(root)]) {
    assert.equal(statSync(join(root, name)).mode & 0o077, 0, name);
  }
  const before = readdirSync(root);
  open(root);
  assert.deepEqual(readdirSync(root), before);
});

test('an empty directory becomes a store, one cut short while being made too', () => {
  using world = temporary();
  chmodSync(world.dir, 0o755);
  mkdirSync(join(world.dir, 'blobs'));
  mkdirSync(join(world.dir, 'lost+found'));
  writeFileSync(join(world.dir, 'version.0123abcd.tmp'), '');
  open(world.dir);
  assert.equal(statSync(world.dir).mode & 0o777, 0o700);
});

test('a store whose directory was opened to others is closed again', () => {
  using world = temporary();
  open(world.dir);
  chmodSync(world.dir, 0o755);
  open(world.dir);
  assert.equal(statSync(world.dir).mode & 0o777, 0o700);
});

test('a directory of ours that went missing is made again', () => {
  using world = temporary();
  open(world.dir);
  rmSync(join(world.dir, 'trash'), { recursive: true });
  open(world.dir);
  assert.ok(statSync(join(world.dir, 'trash')).isDirectory());
});

const refused: readonly [string, (root: string) => void, RegExp][] = [
  [
    'a newer version',
    (root) => {
      mkdirSync(root);
      writeFileSync(join(root, 'version'), '2\n');
    },
    /has version 2/,
  ],
  [
    'an unknown version',
    (root) => {
      mkdirSync(root);
      writeFileSync(join(root, 'version'), 'x');
    },
    /unknown version "x"/,
  ],
  [
    'a file',
    (root) => {
      writeFileSync(root, '');
    },
    /is not a directory/,
  ],
  [
    'a symlink',
    (root) => {
      mkdirSync(`${root}.real`);
      symlinkSync(`${root}.real`, root);
    },
    /is not a directory/,
  ],
  [
    'a directory of somebody',
    (root) => {
      mkdirSync(root);
      writeFileSync(join(root, 'thesis.tex'), '');
    },
    /holds "thesis.tex"/,
  ],
  [
    'a directory of another user',
    (root) => {
      mkdirSync(root);
      chownSync(root, 12345, 0);
    },
    /belongs to uid 12345/,
  ],
];
for (const [name, prepare, message] of refused) {
  test(`refused and left untouched: ${name}`, () => {
    using world = temporary();
    const root = join(world.dir, 'store');
    prepare(root);
    const before = readdirSync(world.dir, { recursive: true });
    assert.throws(
      () => open(root),
      (error) =>
        error instanceof BuildError && error.code === 'store' && message.test(error.message),
    );
    assert.deepEqual(readdirSync(world.dir, { recursive: true }), before);
  });
}

test('the lease is one per store, taken at first need, and goes with it', async () => {
  await using world = testStore();
  const { store } = world;
  assert.deepEqual(readdirSync(store.path('leases')), []);
  const lease = await store.lease();
  assert.equal(await store.lease(), lease);
  assert.equal(statSync(lease.dir).mode & 0o777, 0o700);
  assert.deepEqual(readdirSync(store.path('leases')), [lease.id]);
  await store[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  for (const name of ['leases', 'tmp', 'trash'])
    assert.deepEqual(readdirSync(store.path(name)), []);
});

test('what a layer is with its times cut is known, and computed anew when what is known of it was damaged', async () => {
  await using world = testStore();
  const { store } = world;
  const layer = await addLayer(store, [], (upper) => {
    writeFileSync(join(upper, 'file'), 'text');
  });
  const { diffID } = await store.clamped(layer, 1, quiet);
  const file = store.path('trees', layer.id, 'epoch-1');
  const known = readFileSync(file, 'latin1');
  for (const [from, to] of [
    ['sha256:', 'sha256:'],
    [diffID.slice(0, 20), `${diffID.slice(0, 19)}${diffID.at(19) === '0' ? '1' : '0'}`],
    [known, diffID],
    [known, ''],
  ] as const) {
    writeFileSync(file, known.replace(from, to));
    assert.equal((await store.clamped(layer, 1, quiet)).diffID, diffID);
  }
});
