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
  for (let round = 0; round < rounds(100); round++) results.push(await reboot(world, round));
  const extra = inOrder(results.map(({ first, then }) => first - then));
  // What the machine does besides: the same command twice, with nothing between.
  const noise = inOrder(results.map(({ then, again }) => Math.abs(again - then)));
  figure({
    area: 'Reboots and pids of others',
    what: 'simulated reboots while a container ran and a build was half-way',
    value: `${String(results.length)}: nothing by hand, 0 left, 0 strangers signalled; first command ${middle(extra)} slower (median; most ${most(extra)}); without a reboot two differ by ${middle(noise)} (most ${most(noise)})`,
    rows: ['S18'],
  });
});

function inOrder(values: readonly number[]): readonly number[] {
  return [...values].sort((a, b) => a - b);
}

function middle(values: readonly number[]): string {
  return inMs(values[Math.floor(values.length / 2)]);
}

function most(values: readonly number[]): string {
  return inMs(values.at(-1));
}

function inMs(value = 0): string {
  return `${value.toFixed(0)} ms`;
}
