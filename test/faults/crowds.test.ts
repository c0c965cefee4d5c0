import { join } from 'node:path';
import { test } from 'node:test';
import { crowd } from '../helpers/faults/crowd.js';
import { writeContexts } from '../helpers/faults/scenarios.js';
import { storm } from '../helpers/faults/storm.js';
import { figure, rounds } from '../helpers/figure.js';
import { runProgram } from '../helpers/run-program.js';
import { staveWorld } from '../helpers/stave.js';

/** RELIABILITY R13 to R15; samples run in test/e2e. */
test('32 builds at once on one store, again and again', async () => {
  using world = staveWorld();
  writeContexts(world.dir);
  world.ok('build', '-q', '-t', 'bb', join(world.dir, 'busybox-context'));
  const times = rounds(20);
  for (let round = 0; round < times; round++) await crowd(world, round, 32);
  figure({
    area: 'Many at once',
    what: '32 builds at once on one store',
    value: `${String(times)} rounds, ${String(times * 32)} builds: 0 failed, each shared step ran once, 0 left`,
    rows: ['S5'],
  });
});

test('builds while images are removed, everything is pruned and counted', async () => {
  using world = staveWorld();
  writeContexts(world.dir);
  world.ok('build', '-q', '-t', 'bb', '-o', `type=oci,dest=${join(world.dir, 'bb.tar')}`, join(world.dir, 'busybox-context')); // prettier-ignore
  runProgram(
    'sh',
    '-c',
    `mkdir ${world.dir}/base && tar -xf ${world.dir}/bb.tar -C ${world.dir}/base`,
  );
  const { builds, others } = await storm(world, Math.max(5, 0.9 * rounds(100)));
  figure({
    area: 'Many at once',
    what: 'storm of build, run, rmi, prune, df, ps',
    value: `${String(builds)} builds, ${String(others)} other commands: 0 failed, 0 wrong, 0 left`,
    rows: ['S6'],
  });
});
