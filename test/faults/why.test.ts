import { test } from 'node:test';
import { figure, rounds } from '../helpers/figure.js';
import { staveWorld } from '../helpers/stave.js';
import { assertChangesNamed } from '../helpers/why-mutations.js';

/** PAINS 1; a sample runs in test/e2e/why.test.ts. */
test('random single changes are each named by the first step that runs', () => {
  using world = staveWorld();
  const seed = Date.now() % 1_000_000;
  const count = rounds(200);
  const counts = assertChangesNamed(world, count, seed);
  figure({
    area: 'Why',
    what: 'random single changes, each named by the first step that runs',
    value: `${String(count)} changes of ${String(counts.size)} kinds, 0 wrong, 0 vague (seed ${String(seed)})`,
  });
});
