import { test } from 'node:test';
import { figure, rounds } from '../helpers/figure.js';
import { assertKeysDiffer } from '../property/differing-keys.js';

/** PAINS 7; a sample runs in test/property. */
test('pairs of steps that differ in one thing have different keys', async () => {
  const seed = Date.now() % 1_000_000;
  const pairs = rounds(100_000);
  const steps = await assertKeysDiffer(seed, pairs);
  figure({
    area: 'Never a wrong hit',
    what: 'pairs of steps that differ in one input',
    value: `${String(pairs)} pairs, ${String(steps)} different steps, 0 equal keys (seed ${String(seed)})`,
  });
});
