import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { hexOf, digestOf } from '../../src/model/digest.js';
import type { PlaceRecord, StepRecord } from '../../src/model/op.js';
import { quiet, testStore } from '../helpers/test-store.js';

const key = digestOf('key');
const op = digestOf('op');
const record: StepRecord = { result: '["layer"]', digest: digestOf('tree'), created: 'now' };
const definitionFile = join('records/definition', hexOf(key).slice(0, 2), hexOf(key).slice(2));

test('what is put is found, by definition and by content', async () => {
  await using world = testStore();
  const { records } = world.store;
  assert.equal(await records.byDefinition(key), undefined);
  assert.equal(await records.hasContent(op), false);
  await records.putDefinition(key, record);
  await records.putContent(op, key, record);
  assert.deepEqual(await records.byDefinition(key), record);
  assert.deepEqual(await records.byContent(op, key), record);
  assert.equal(await records.byContent(key, key), undefined);
  assert.equal(await records.hasContent(op), true);
  const later = { ...record, created: 'later' };
  await records.putDefinition(key, later);
  assert.deepEqual(await records.byDefinition(key), later, 'the last writer wins');
});

test('places: the first that has a record', async () => {
  await using world = testStore();
  const { records } = world.store;
  const place: PlaceRecord = {
    key,
    parts: [{ name: 'user', digest: op, shown: 'root' }],
    inputs: [op],
  };
  const [a, b, c] = ['a', 'b', 'c'].map(digestOf);
  assert.ok(a && b && c);
  assert.equal(await records.lastAt([a, b]), undefined);
  await records.putPlace([b, c], place);
  assert.deepEqual(await records.lastAt([a, b]), place);
  assert.deepEqual(await records.lastAt([c]), place);
});

test('lists are held once each', async () => {
  await using world = testStore();
  const { records } = world.store;
  const list = [{ path: 'a', facts: { mode: '644', content: 'x' } }];
  const digest = await records.putList(list);
  assert.equal(await records.putList(list), digest);
  assert.deepEqual(await records.getList(digest), list);
  assert.equal(await records.getList(key), undefined);
});

const damages: readonly [string, (path: string) => void][] = [
  [
    'torn',
    (path) => {
      writeFileSync(path, readFileSync(path).subarray(0, 90));
    },
  ],
  [
    'empty',
    (path) => {
      writeFileSync(path, '');
    },
  ],
  [
    'flipped',
    (path) => {
      writeFileSync(path, readFileSync(path, 'utf8').replace('now', 'nov'));
    },
  ],
  [
    'a directory',
    (path) => {
      rmSync(path);
      mkdirSync(path);
    },
  ],
  [
    'below a file',
    (path) => {
      rmSync(dirname(path), { recursive: true });
      writeFileSync(dirname(path), '');
    },
  ],
];
for (const [name, damage] of damages) {
  test(`a record that is ${name} is a miss, not an error`, async () => {
    await using world = testStore();
    const { records } = world.store;
    await records.putDefinition(key, record);
    damage(world.store.path(definitionFile));
    assert.equal(await records.byDefinition(key), undefined);
  });
}

test('a lock keeps others out until it is given back, and says once that it waits', async () => {
  await using world = testStore();
  const { records } = world.store;
  let waits = 0;
  const wait = (): void => {
    waits++;
  };
  const order: string[] = [];
  const first = await records.lock(key, quiet, wait);
  const other = await records.lock(op, quiet, wait);
  assert.equal(waits, 0, 'keys do not share locks');
  let tell = (): void => undefined;
  const said = new Promise<void>((resolve) => (tell = resolve));
  const second = records
    .lock(key, quiet, () => {
      wait();
      tell();
    })
    .then((lock) => {
      order.push('second has it');
      return lock;
    });
  await said;
  order.push('first leaves');
  await first[Symbol.asyncDispose]();
  await (await second)[Symbol.asyncDispose]();
  await first[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
  assert.deepEqual(order, ['first leaves', 'second has it']);
  assert.equal(waits, 1);
  assert.deepEqual(readdirSync(world.store.path('locks')), [], 'no lock files pile up');
});

test('many want one lock; one has it at a time', async () => {
  await using world = testStore();
  const { records } = world.store;
  let inside = 0;
  let most = 0;
  let turns = 0;
  const work = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) {
      await using _lock = await records.lock(key, quiet, () => undefined);
      most = Math.max(most, ++inside);
      await Promise.resolve();
      inside--;
      turns++;
    }
  };
  await Promise.all([work(), work(), work(), work()]);
  assert.deepEqual([most, turns], [1, 20]);
});

test('waiting for a lock can be given up', async () => {
  await using world = testStore();
  const { records } = world.store;
  await using _lock = await records.lock(key, quiet, () => undefined);
  const controller = new AbortController();
  const reason = new Error('stopped');
  const scope = { signal: controller.signal, emit: () => undefined };
  const waiting = records.lock(key, scope, () => {
    controller.abort(reason);
  });
  await assert.rejects(waiting, reason);
});
