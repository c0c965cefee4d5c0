import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../fuzz/random.js';
import {
  besideFlips,
  flipOnce,
  flipWorld,
  kindOf,
  storeFiles,
} from '../helpers/faults/bit-flips.js';
import { quickSweepWorld } from '../helpers/faults/sweep-world.js';
import { figure, rounds } from '../helpers/figure.js';

/** RELIABILITY R24, S17; test/e2e/store-check.test.ts has each kind of file once. */
test('a bit flips in a file of the store: nothing wrong is used, everything is mended', async () => {
  await using place = await quickSweepWorld();
  const world = await flipWorld(place.dir, place.env);
  const seed = Date.now() % 1_000_000;
  const random = new Random(seed);
  const all = shuffled(storeFiles(world.base), random);
  const waiting = all.slice(0, rounds(all.length));
  const wrong: string[] = [];
  let [flips, alone] = [0, 0];
  const kinds = new Set(waiting.map(kindOf));
  const work = async (name: string): Promise<void> => {
    const beside = besideFlips(world, name);
    for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
      const outcome = await flipOnce(beside, path, random);
      for (const each of outcome.wrong) process.stderr.write(`${each}\n`);
      wrong.push(...outcome.wrong);
      flips++;
      if (outcome.alone) alone++;
    }
  };
  await Promise.all(['one', 'two'].map(work));
  assert.deepEqual(wrong, [], `seed ${String(seed)}`);
  figure({
    area: 'Bit flips',
    what: 'one bit of each file of a store flipped while the machine was down',
    value: `${String(flips)} of ${String(all.length)} files, of ${String(kinds.size)} kinds: 0 wrong images, ${String(alone)} mended by the next build alone, the rest by the repair that its error names (seed ${String(seed)})`,
    rows: ['S17'],
  });
});

function shuffled<T>(values: readonly T[], random: Random): T[] {
  const order = new Map(values.map((value) => [value, random.int(1 << 30)]));
  return [...values].sort((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0));
}
