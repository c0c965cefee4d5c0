import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { claimedIds } from '../../src/cache/lease.js';
import { isLocked, lockFile, lockIfFree } from '../../src/cache/lock-file.js';
import { removeTree } from '../../src/cache/remove-tree.js';
import { openStore, type Store } from '../../src/cache/store.js';
import { sweep } from '../../src/cache/sweep.js';
import { metaText } from '../../src/cache/tree-meta.js';
import { takeTurn } from '../../src/cache/turn.js';
import { digestFromHex, digestOf } from '../../src/model/digest.js';
import { parseReference } from '../../src/model/reference.js';
import { sys } from '../../src/sys/sys.js';
import { collect, quiet, testStore } from '../helpers/test-store.js';

const WORKER = new URL('../helpers/store-worker.js', import.meta.url).pathname;

/** Starts the worker; resolves when it said its first line. */
async function worker(
  root: string,
  ...args: string[]
): Promise<{ child: ChildProcess; said: string[] }> {
  const child = spawn(process.execPath, [WORKER, root, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const said: string[] = [];
  let rest = '';
  await new Promise<void>((resolve, reject) => {
    child.once('exit', () => {
      reject(new Error('the worker ended'));
    });
    child.stdout.on('data', (data: Buffer) => {
      const lines = (rest + data.toString()).split('\n');
      rest = lines.pop() ?? '';
      said.push(...lines);
      resolve();
    });
  });
  return { child, said };
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await gone;
}

function reopen(store: Store): Store {
  return openStore({ root: store.root, now: () => new Date() });
}

function assertClean(store: Store): void {
  for (const name of ['leases', 'tmp', 'trash', 'locks']) {
    assert.deepEqual(readdirSync(store.path(name)), [], name);
  }
}

/** On a busy machine it may take more than one start's patience. */
function reopenUntilClean(store: Store): void {
  reopen(store);
  for (let tries = 0; tries < 20 && readdirSync(store.path('trash')).length > 0; tries++)
    reopen(store);
  assertClean(store);
}

test('what a killed process left goes with the next open; what a live one has stays', async () => {
  await using world = testStore();
  const { store } = world;
  const live = await worker(store.root, 'hold', 'one');
  const dead = await worker(store.root, 'hold', 'two');
  assert.equal(readdirSync(store.path('leases')).length, 2);
  await kill(dead.child);
  reopen(store);
  const [id = ''] = readdirSync(store.path('leases'));
  assert.equal(readdirSync(store.path('leases')).length, 1);
  assert.ok(existsSync(store.path('tmp', id, 'live')));
  await kill(live.child);
  reopen(store);
  assertClean(store);
});

test('a live process whose lease file somebody removed keeps what it has, until it ends', async () => {
  await using world = testStore();
  const { store } = world;
  const live = await worker(store.root, 'hold', 'one');
  const [id = ''] = readdirSync(store.path('leases'));
  unlinkSync(store.path('leases', id));
  reopen(store);
  assert.ok(existsSync(store.path('tmp', id, 'live')));
  await kill(live.child);
  reopen(store);
  assertClean(store);
});

test('who goes on after the lease file was removed says anew what it claims, and ends in order', async () => {
  await using world = testStore();
  const { store } = world;
  const [one, two] = ['a'.repeat(32), 'b'.repeat(32)];
  const lease = await store.lease();
  lease.claim([one]);
  unlinkSync(store.path('leases', lease.id));
  lease.claim([two]);
  const claimed = claimedIds(store.path('leases'));
  assert.ok(claimed.has(one) && claimed.has(two));
  unlinkSync(store.path('leases', lease.id));
  await lease[Symbol.asyncDispose]();
  assertClean(store);
});

test('who held a lock whose file was removed lets the next one’s be', async (t) => {
  await using world = testStore();
  const file = world.store.path('locks/one');
  const { signal } = new AbortController();
  const first = await takeTurn(file, signal);
  unlinkSync(file);
  t.mock.method(performance, 'now', () => Infinity);
  first.progress();
  t.mock.restoreAll();
  const second = await lockFile(file, signal, () => undefined);
  await first[Symbol.asyncDispose]();
  assert.ok(isLocked(file));
  unlinkSync(file);
  await second[Symbol.asyncDispose]();
  const third = lockIfFree(file);
  unlinkSync(file);
  third?.[Symbol.dispose]();
  assertClean(world.store);
});

test('a waiter gets the lock of a killed holder', async () => {
  await using world = testStore();
  const { store } = world;
  const { child } = await worker(store.root, 'hold', 'held');
  const killed: Promise<void>[] = [];
  const lock = await store.records.lock(digestOf('held'), quiet, () => {
    killed.push(kill(child));
  });
  assert.equal(killed.length, 1);
  await lock[Symbol.asyncDispose]();
  await Promise.all(killed);
});

test('kill -9 at random moments: everything said to be there is there and whole', async () => {
  await using world = testStore();
  const { store } = world;
  let next = 0;
  for (let round = 0; round < 12; round++) {
    const { child, said } = await worker(store.root, String(next));
    await delay(Math.random() * 60);
    await kill(child);
    const after = reopen(store);
    assertClean(after);
    for (const number of said) {
      const image = after.images.find(`image-${number}`);
      const [layer] = image.document.layers;
      assert.ok(layer);
      assert.equal((await collect(after.blobs.open(layer, quiet))).length, layer.size);
    }
    for (const name of readdirSync(after.path('blobs/sha256'))) {
      const bytes = readFileSync(after.path('blobs/sha256', name));
      assert.equal(digestOf(bytes), `sha256:${name}`, 'a name in blobs/ is always whole');
    }
    const latest = after.images.resolve(parseReference('latest'));
    assert.ok(latest && after.blobs.hasSync(latest.digest));
    next = Number(said.at(-1)) + 1;
  }
  const names = readdirSync(store.path('refs')).filter((name) => name.endsWith('.tmp'));
  for (const name of names) utimesSync(store.path('refs', name), 0, 0);
  reopen(store);
  assert.deepEqual(
    readdirSync(store.path('refs')).filter((name) => name.endsWith('.tmp')),
    [],
  );
});

test('a temporary ref of a live process is left alone', async () => {
  await using world = testStore();
  writeFileSync(world.store.path('refs/x.0123.tmp'), '');
  reopen(world.store);
  assert.ok(existsSync(world.store.path('refs/x.0123.tmp')));
});

test('what has a time that is yet to come, of a clock that was set back, goes as well', async () => {
  await using world = testStore();
  const { store } = world;
  const [ref, part] = [store.path('refs/x.0123.tmp'), store.path('partial', 'ab'.repeat(32))];
  const years = Date.now() / 1000 + 4 * 31_536_000;
  for (const file of [ref, part]) {
    writeFileSync(file, '');
    reopen(store);
    assert.ok(existsSync(file), 'just made');
    utimesSync(file, years, years);
    reopen(store);
    assert.ok(!existsSync(file));
  }
});

test('what is mounted below a dead process directory is not deleted through', async () => {
  await using world = testStore();
  const { store } = world;
  const outside = join(world.dir, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'precious'), 'mine');
  const target = store.path('tmp/0123/a b/root');
  mkdirSync(target, { recursive: true });
  sys().bindMount(outside, target);
  reopen(store);
  assertClean(store);
  assert.equal(readFileSync(join(outside, 'precious'), 'utf8'), 'mine');
  assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(store.root));
});

test('any tree a container can make is removed', async () => {
  await using world = testStore();
  const { store } = world;
  const dead = store.path('tmp/0123');
  mkdirSync(join(dead, 'work/work'), { recursive: true });
  chmodSync(join(dead, 'work/work'), 0);
  writeFileSync(Buffer.concat([Buffer.from(`${dead}/`), Buffer.from([0xff, 0xe9])]), '');
  sys().mknod(join(dead, 'device'), 0o020600, 0, 0);
  const name = 'd'.repeat(200);
  const made = spawnSync('sh', [
    '-c',
    `cd '${dead}' && for i in $(seq 60); do mkdir ${name} && cd -P ./${name}; done; : > file`,
  ]);
  assert.equal(made.status, 0);
  reopenUntilClean(store);
});

test('as nobody in particular, too: directories without permissions are opened', () => {
  const script = `
    import { removeTree } from ${JSON.stringify(new URL('../../src/cache/remove-tree.js', import.meta.url).pathname)};
    import { mkdirSync, mkdtempSync, chmodSync, existsSync } from 'node:fs';
    const dir = mkdtempSync('/tmp/stave-remove-');
    mkdirSync(dir + '/x/work', { recursive: true });
    chmodSync(dir + '/x/work', 0);
    chmodSync(dir + '/x', 0);
    const done = removeTree(dir, () => false);
    process.exit(done && !existsSync(dir) ? 0 : 1);`;
  const ran = spawnSync(
    'setpriv',
    ['--reuid=65534', '--regid=65534', '--clear-groups'].concat([
      process.execPath,
      '--input-type=module',
      '-e',
      script,
    ]),
    { encoding: 'utf8' },
  );
  assert.equal(ran.status, 0, ran.stderr);
});

test('sweeping is bounded, and goes on at the next start', async () => {
  await using world = testStore();
  const { store } = world;
  for (let i = 0; i < 20; i++)
    mkdirSync(store.path('tmp', `dead${String(i)}`, 'x'), { recursive: true });
  const directories = {
    leases: store.path('leases'),
    tmp: store.path('tmp'),
    trees: store.path('trees'),
    trash: store.path('trash'),
    locks: store.path('locks'),
    partial: store.path('partial'),
    refs: store.path('refs'),
  };
  let asked = 0;
  sweep(directories, () => ++asked > 10);
  assert.deepEqual(readdirSync(store.path('tmp')), [], 'all is in the trash at once');
  const left = readdirSync(store.path('trash')).length;
  assert.ok(left > 0 && left < 20, String(left));
  reopenUntilClean(store);
});

test('what the start did not get to goes while a step runs', async () => {
  await using world = testStore();
  mkdirSync(world.store.path('tmp/dead'));
  const { root, path } = world.store;
  await using store = openStore({ root, now: () => new Date() });
  assertClean(world.store);
  mkdirSync(path('trash/rest/x'), { recursive: true });
  store.chores.run();
  assertClean(world.store);
});

test('removing what is not there, or a file, is no error', async () => {
  await using world = testStore();
  assert.equal(
    removeTree(join(world.dir, 'none'), () => false),
    true,
  );
  writeFileSync(join(world.dir, 'file'), '');
  assert.equal(
    removeTree(join(world.dir, 'file'), () => false),
    true,
  );
  assert.ok(!existsSync(join(world.dir, 'file')));
});

test('a tree that never got its facts goes with the lease of who made it', async () => {
  await using world = testStore();
  const { store } = world;
  const [mine, theirs] = ['a'.repeat(32), 'b'.repeat(32)];
  for (const id of [mine, theirs]) mkdirSync(store.path('trees', id, 'fs'), { recursive: true });
  writeFileSync(store.path('leases/0123'), `made-${theirs}\n`);
  const lease = await store.lease();
  lease.claim([`made-${mine}`]);
  reopen(store);
  assert.deepEqual(
    readdirSync(store.path('trees')),
    [mine],
    'a dead one’s is swept, a live one’s not',
  );
  await lease[Symbol.asyncDispose]();
  assert.deepEqual(readdirSync(store.path('trees')), []);
  assertClean(store);
});

test('a tree whose maker was killed before its digest led to it is led to', async () => {
  await using world = testStore();
  const { store } = world;
  const [lost, other, taken] = ['a'.repeat(32), 'b'.repeat(32), 'c'.repeat(32)];
  const [one, two] = ['1'.repeat(64), '2'.repeat(64)];
  for (const [id, hex] of [
    [lost, one],
    [other, two],
  ] as const) {
    mkdirSync(store.path('trees', id, 'fs'), { recursive: true });
    const sizes = { tarBytes: 1024, fileBytes: 0, entries: 0 };
    const facts = { diffID: digestFromHex(hex), content: digestFromHex(two), ...sizes };
    const text = metaText({ ...facts, created: '2026-12-01T00:00:00Z', bootId: 'b' });
    writeFileSync(store.path('trees', id, 'meta.json'), text);
  }
  mkdirSync(store.path('trees/by-diff'));
  writeFileSync(store.path('trees/by-diff', two), taken);
  writeFileSync(store.path('leases/0123'), `${lost}\n${other}\n`);
  reopen(store);
  assert.equal(readFileSync(store.path('trees/by-diff', one), 'utf8'), lost);
  assert.equal(readFileSync(store.path('trees/by-diff', two), 'utf8'), taken);
  assertClean(store);
});

test('a record, a name and a context’s memory are made where a kill leaves nothing', async () => {
  await using world = testStore();
  const { store } = world;
  const places = ['records/definition', 'refs', 'contexts'];
  const args = ['-f', '-qq', '-e', 'trace=openat', process.execPath, WORKER, store.root, '0'];
  const watched = spawn('strace', args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let calls = '';
  watched.stderr.on('data', (data: Buffer) => (calls += data.toString()));
  await new Promise((resolve) => watched.stdout.once('data', resolve));
  const gone = new Promise((resolve) => watched.once('close', resolve));
  process.kill(-(watched.pid ?? 0), 'SIGKILL'); // Of its group: both.
  await gone;
  const made = [...calls.matchAll(/"([^"]+)", O_[A-Z|_]*O_CREAT/g)].map(([, path = '']) => path);
  assert.ok(made.some((path) => path.startsWith(store.path('tmp'))));
  const beside = made.filter((path) => places.some((place) => path.startsWith(store.path(place))));
  assert.deepEqual(beside, []);
});
