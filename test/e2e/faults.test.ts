import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { crowd } from '../helpers/faults/crowd.js';
import { cutsAfterExit } from '../helpers/faults/cuts-after-exit.js';
import { cutOnce, cutWorld } from '../helpers/faults/power-cuts.js';
import { reboot } from '../helpers/faults/reboot.js';
import { SCENARIOS } from '../helpers/faults/scenarios.js';
import { type Fault, prepare, sweep } from '../helpers/faults/sweep.js';
import { sweepWorld, type SweepWorld } from '../helpers/faults/sweep-world.js';

/** Short samples of what `npm run test:faults` does at length (docs/reliability.md). */
describe('faults, a sample', () => {
  let place: SweepWorld;
  before(async () => {
    place = await sweepWorld();
  });
  after(() => place[Symbol.asyncDispose]());

  test('calls of a build that is killed, or whose disk is full', async () => {
    const build = SCENARIOS.find(({ name }) => name === 'build');
    assert.ok(build);
    await using benches = await prepare(build, place, 1);
    for (const fault of ['kill', 'ENOSPC'] satisfies Fault[]) {
      const offset = Math.floor(Math.random() * 300);
      const { tried, failures } = await sweep(build, benches, place.tracer, { fault, stride: 300, offset }); // prettier-ignore
      assert.ok(tried > 0);
      assert.deepEqual(failures, []);
    }
  });

  test('8 builds at once on one store, twice', async () => {
    for (const round of [0, 1]) await crowd(place.world, round, 8);
  });

  test('12 commands at once make one store', async () => {
    for (const root of ['one', 'two', 'three'].map((name) => join(place.dir, `made-${name}`))) {
      const more = { STAVE_ROOT: root };
      const made = await Promise.all(
        Array.from({ length: 12 }, () => place.world.start(['images'], more)),
      );
      for (const { status, stderr } of made) assert.equal(status, 0, stderr);
    }
  });

  test('a power cut in the middle of a build', async () => {
    const { wrong } = await cutOnce(await cutWorld(place), 0, Math.random());
    assert.deepEqual(wrong, []);
  });

  test('a power cut right after a build', async () => {
    const sort = { kind: 'ext4', options: 'commit=300,noauto_da_alloc' } as const;
    assert.deepEqual(await cutsAfterExit(place, sort, 1), []);
  });

  test('a reboot while a container ran and a build was half-way', async () => {
    await reboot(place.world, 0);
  });
});
