import { join } from 'node:path';
import { test } from 'node:test';
import { writeContexts } from '../helpers/faults/scenarios.js';
import { staveWorld } from '../helpers/stave.js';
import { runSequences } from './edit-sequences.js';

test('20 random sequences of edits: the warm build is the one without cache', async () => {
  using world = staveWorld();
  writeContexts(world.dir);
  world.ok('build', '-q', '-t', 'bb', join(world.dir, 'busybox-context'));
  const first = Date.now() % 1_000_000;
  await runSequences(world, { first, count: 20, parallel: 2 });
});
