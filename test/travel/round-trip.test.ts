import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CacheMounts } from '../../src/cache/cache-mounts.js';
import { hexOf } from '../../src/model/digest.js';
import { exportMounts } from '../../src/travel/export-mounts.js';
import { importMounts } from '../../src/travel/import-mounts.js';
import { blobsOf, one, readExport } from '../../src/travel/mount-manifest.js';
import type { WritablePlace } from '../../src/travel/place.js';
import { noise, treeLines } from '../helpers/cache-mount.js';
import { quiet } from '../helpers/test-store.js';

/** A place in memory that counts; what no manifest names is gone at once, as after a registry's collection. */
class MemoryPlace implements WritablePlace {
  readonly name = 'memory';
  readonly blobs = new Map<string, Buffer>();
  written = 0;
  #manifest: Buffer | undefined;

  manifest = () => Promise.resolve(this.#manifest);
  has: WritablePlace['has'] = ({ digest }) => Promise.resolve(this.blobs.has(hexOf(digest)));
  open: WritablePlace['open'] = ({ digest }) => one(this.blobs.get(hexOf(digest)) ?? Buffer.of());
  put: WritablePlace['put'] = (bytes, { digest }) => {
    if (!this.blobs.has(hexOf(digest))) this.written += bytes.length;
    this.blobs.set(hexOf(digest), bytes);
    return Promise.resolve();
  };
  publish: WritablePlace['publish'] = (manifest) => {
    this.#manifest = manifest;
    const named = new Set((blobsOf(manifest) ?? []).map(({ digest }) => hexOf(digest)));
    for (const hex of this.blobs.keys()) if (!named.has(hex)) this.blobs.delete(hex);
    return Promise.resolve();
  };

  size(): number {
    return [...this.blobs.values()].reduce((sum, { length }) => sum + length, 0);
  }
}

class Machine {
  readonly dir: string;
  readonly mounts: CacheMounts;
  #clock = 0;

  constructor(home: string, name: string) {
    this.dir = join(home, name);
    for (const each of ['mounts', 'trash', 'tmp'])
      mkdirSync(join(this.dir, each), { recursive: true });
    this.mounts = new CacheMounts({
      mounts: join(this.dir, 'mounts'),
      trash: join(this.dir, 'trash'),
      temporary: this.temporary,
      now: () => new Date(1_800_000_000_000 + this.#clock++ * 1000),
    });
  }

  readonly temporary = (): Promise<string> => Promise.resolve(join(this.dir, 'tmp'));

  /** A step that uses a mount. */
  async use(id: string, work: (path: string) => void): Promise<void> {
    const request = { namespace: '', id, base: '', sharing: 'locked' } as const;
    await using held = await this.mounts.acquire(request, quiet.signal, () => undefined);
    work(held.path);
  }

  async send(place: MemoryPlace, more: { keepOthers?: boolean } = {}): Promise<number> {
    place.written = 0;
    const keys = this.mounts.list().map(({ key }) => key);
    const input = { mounts: this.mounts, keys, onWait: () => undefined, ...more };
    await exportMounts(input, place, quiet);
    return place.written;
  }

  async fetch(place: MemoryPlace): Promise<readonly string[]> {
    const index = await readExport(place, quiet);
    assert.ok(index);
    const outcomes = await importMounts(
      index,
      place,
      {
        mounts: this.mounts,
        temporary: this.temporary,
        wanted: () => true,
        keeps: () => false,
        onWait: () => undefined,
      },
      quiet,
    );
    return outcomes.map(({ id, outcome }) => `${outcome} ${id}`);
  }

  async lines(id: string): Promise<string[]> {
    let lines: string[] = [];
    await this.use(id, (path) => (lines = treeLines(path)));
    return lines;
  }
}

async function inHome(work: (home: string) => Promise<void>): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'stave-travel-'));
  try {
    await work(home);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

const FILES = 150;
const ROUNDS = 60;

test('one percent changes sixty times: each moves little, nothing piles up, and all comes back', () =>
  inHome(async (home) => {
    const [here, place] = [new Machine(home, 'here'), new MemoryPlace()];
    let seed = 0;
    const write = (path: string, i: number): void => {
      // Half of them two bytes larger than the one before, so that what is deduplicated moves.
      writeFileSync(join(path, `f${String(i)}`), noise(++seed, 30_000 + (seed % 7) * 5000));
    };
    await here.use('m', (path) => {
      for (let i = 0; i < FILES; i++) write(path, i);
      writeFileSync(join(path, 'twice'), noise(1, 35_000));
    });
    const first = await here.send(place);
    let most = 0;
    for (let round = 0; round < ROUNDS; round++) {
      await here.use('m', (path) => {
        for (let i = 0; i < 2; i++) write(path, (round * 37 + i * 101) % FILES);
      });
      const moved = await here.send(place);
      most = Math.max(most, place.blobs.size);
      assert.ok(
        moved <= first * 0.05,
        `round ${String(round)}: ${String(moved)} of ${String(first)}`,
      );
    }
    assert.ok(place.size() < first * 1.5, `${String(place.size())} kept for ${String(first)}`);
    assert.ok(most < 100, `${String(most)} blobs`);
    const there = new Machine(home, 'there');
    assert.deepEqual(await there.fetch(place), ['imported m']);
    assert.deepEqual(await there.lines('m'), await here.lines('m'));
  }));

test('with keepOthers: what is elsewhere stays, what is newer here goes, what lost a part is left out', () =>
  inHome(async (home) => {
    const [one, two, place] = [
      new Machine(home, 'one'),
      new Machine(home, 'two'),
      new MemoryPlace(),
    ];
    const fill = (seed: number) => (path: string) => {
      writeFileSync(join(path, 'f'), noise(seed, 500_000));
    };
    await one.use('a', fill(1));
    await one.use('b', fill(2));
    await one.send(place);
    const lines = await one.lines('a');
    // The second machine knows only b, and used it earlier than the first did.
    await two.use('b', fill(3));
    await two.send(place, { keepOthers: true });
    const third = new Machine(home, 'third');
    assert.deepEqual([...(await third.fetch(place))].sort(), ['imported a', 'imported b']);
    assert.deepEqual(await third.lines('a'), lines);
    assert.deepEqual(await third.lines('b'), await one.lines('b'));
    for (let i = 0; i < 5; i++) await two.use('b', fill(3));
    await two.send(place, { keepOthers: true });
    await third.fetch(place);
    assert.deepEqual(await third.lines('b'), await two.lines('b'));
    // Without it the export is what this machine has.
    await two.send(place);
    const fourth = new Machine(home, 'fourth');
    assert.deepEqual(await fourth.fetch(place), ['imported b']);
    await one.send(place);
    const packs = [...place.blobs].filter(([, { length }]) => length > 200_000).map(([hex]) => hex);
    for (const hex of packs) place.blobs.delete(hex);
    await two.send(place, { keepOthers: true });
    const fifth = new Machine(home, 'fifth');
    assert.deepEqual(
      await fifth.fetch(place),
      ['imported b'],
      'a is not promised without its bytes',
    );
  }));
