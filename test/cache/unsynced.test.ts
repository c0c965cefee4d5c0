import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, mock, test } from 'node:test';
import { Unsynced } from '../../src/cache/unsynced.js';
import { digestOf } from '../../src/model/digest.js';
import { sys } from '../../src/sys/sys.js';
import { addLayer, quiet, testStore } from '../helpers/test-store.js';

describe('trees that a power cut could take away', () => {
  const root = mkdtempSync(join(tmpdir(), 'stave-unsynced-'));
  const path = (...parts: string[]): string => join(root, ...parts);
  const [one, two, three] = ['1', '2', '3'].map((digit) => digit.repeat(32));
  assert.ok(one !== undefined && two !== undefined && three !== undefined);
  const there = (): string[] => readdirSync(path('unsynced')).map((name) => name.slice(65)).sort(); // prettier-ignore
  for (const id of [one, two]) mkdirSync(path('trees', id), { recursive: true });
  writeFileSync(path('trees', one, 'meta.json'), '{}');
  after(() => {
    rmSync(root, { recursive: true });
  });

  test('a name that needs none of them waits for nothing', async () => {
    const unsynced = new Unsynced(path);
    unsynced.note(digestOf('one'), one);
    await unsynced.settle([digestOf('other')]);
    assert.deepEqual(there(), [one]);
    await unsynced.close();
  });

  test('another process syncs what it needs; a tree still without facts stays on the list, one that is gone does not', async () => {
    const maker = new Unsynced(path);
    maker.note(digestOf('two'), two);
    maker.note(digestOf('three'), three);
    const unsynced = new Unsynced(path);
    await unsynced.settle([digestOf('one')]);
    assert.deepEqual(there(), [two]);
    writeFileSync(path('trees', two, 'meta.json'), '{}');
    unsynced.begin();
    await Promise.all([unsynced.sync(), unsynced.sync()]);
    assert.deepEqual(there(), []);
    await Promise.all([maker.close(), unsynced.close()]);
  });

  test('a layer is on the list as soon as it can be found, and off it once it is settled', async () => {
    await using world = testStore();
    const layer = await addLayer(world.store, [], (upper) => {
      writeFileSync(join(upper, 'file'), 'text');
    });
    const { diffID } = await layer.meta(quiet);
    await world.store.unsynced.settle([diffID]);
    assert.deepEqual(readdirSync(world.store.path('unsynced')), []);
  });

  test('of a disk that fails, what was there before is kept, also under one more name, and what was written before', async () => {
    const unsynced = new Unsynced(path);
    for (const id of [two, three]) mkdirSync(path('trees', id), { recursive: true });
    const facts = (id: string): string => path('trees', id, 'meta.json');
    unsynced.note(digestOf('written'), three);
    writeFileSync(facts(three), '{}');
    await unsynced.sync();
    unsynced.note(digestOf('ours'), two);
    unsynced.noteName(digestOf('another name'), one);
    const failing = mock.method(sys(), 'syncfs', () => Promise.reject(new Error('EIO')));
    await assert.rejects(unsynced.sync(), /EIO/);
    failing.mock.restore();
    assert.deepEqual([one, two, three].map((id) => existsSync(facts(id))), [true, false, true]); // prettier-ignore
    await unsynced.close();
  });
});
