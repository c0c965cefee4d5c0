import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { SCENARIOS } from '../helpers/faults/scenarios.js';
import { type Fault, FAULTS, prepare, sweep } from '../helpers/faults/sweep.js';
import { quickSweepWorld, type SweepWorld } from '../helpers/faults/sweep-world.js';
import { figure, share } from '../helpers/figure.js';

/** What the issue names takes every call; a quota and a disk gone read-only are met where a full one is, so a part of them. */
const PART: Readonly<Partial<Record<Fault, number>>> = { EDQUOT: 8, EROFS: 8 };
const PARALLEL = 2;

/** RELIABILITY R1, R8, R9, R11, R21, R39: a fault at every write-class call (a sample runs in test/e2e). */
describe('a fault at every write-class call', () => {
  let place: SweepWorld;
  before(async () => {
    place = await quickSweepWorld();
  });
  after(() => place[Symbol.asyncDispose]());
  const only = process.env['ONLY']?.split(',');
  const faults = process.env['ONLY_FAULTS']?.split(',');

  for (const scenario of SCENARIOS.filter(({ name }) => only?.includes(name) !== false)) {
    test(scenario.name, async () => {
      await using benches = await prepare(scenario, place, PARALLEL);
      const failures: string[] = [];
      for (const fault of FAULTS.filter((each) => faults?.includes(each) !== false)) {
        const stride = Math.max(1, Math.round((PART[fault] ?? 1) / share()));
        const offset = Math.floor(Date.now() / 86_400_000);
        const found = await sweep(scenario, benches, place.tracer, { fault, stride, offset });
        failures.push(...found.failures);
        figure({
          area: 'A fault at every write-class call',
          what: `${fault} of ${scenario.name}`,
          value: `${String(found.tried)} of ${String(found.calls)} calls tried, ${String(found.failures.length)} wrong`,
          rows: [fault === 'kill' ? 'S1' : 'S16'],
        });
      }
      assert.deepEqual(failures, []);
    });
  }
});
