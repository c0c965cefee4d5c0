import { test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { reboot, type RebootResult } from '../helpers/faults/reboot.js';
import { figure, rounds } from '../helpers/figure.js';
import { staveWorld } from '../helpers/stave.js';

/** RELIABILITY R27, R28; one runs in test/e2e. */
test('reboots with stale leases, locks, temporary files, runtime state and pids', async () => {
  using world = staveWorld();
  world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  const results: RebootResult[] = [];
  for (let round = 0; round < rounds(20); round++) results.push(await reboot(world, round));
  const extra = results.map(({ first, then }) => first - then).sort((a, b) => a - b);
  const [median = 0, most = 0] = [extra[Math.floor(extra.length / 2)], extra.at(-1)];
  figure({
    area: 'Reboots and pids of others',
    what: 'simulated reboots while a container ran and a build was half-way',
    value: `${String(results.length)}: nothing by hand, 0 left, 0 strangers signalled; first command ${median.toFixed(0)} ms slower (median; most ${most.toFixed(0)} ms)`,
    rows: ['S18'],
  });
});
