import { join } from 'node:path';
import { test } from 'node:test';
import { writeContexts } from '../helpers/faults/scenarios.js';
import { figure, rounds } from '../helpers/figure.js';
import { staveWorld } from '../helpers/stave.js';
import { runSequences } from '../property/edit-sequences.js';

/** PAINS 7; a sample runs in test/property. */
test('random sequences of edits: the warm build is the one without cache', async () => {
  using world = staveWorld();
  writeContexts(world.dir);
  world.ok('build', '-q', '-t', 'bb', join(world.dir, 'busybox-context'));
  const first = Date.now() % 1_000_000;
  const count = rounds(300);
  await runSequences(world, { first, count, parallel: 2 });
  figure({
    area: 'Never a wrong hit',
    what: 'sequences of 5 edits, each followed by a build',
    value: `${String(count)} sequences, 0 trees other than those of --no-cache (seeds from ${String(first)})`,
  });
});
