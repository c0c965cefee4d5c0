import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { leftovers } from '../helpers/faults/leftovers.js';
import { must } from '../helpers/faults/run.js';
import { figure, rounds } from '../helpers/figure.js';
import { mountsOf } from '../helpers/mounts.js';
import { staveWorld } from '../helpers/stave.js';

/** A program that builds again and again through the API, with steps new each fourth time, and says what it holds. */
const PROGRAM = `
import { readdirSync, writeFileSync } from 'node:fs';
import { build } from ${JSON.stringify(join(process.cwd(), 'dist/index.mjs'))};
const [context, count] = [process.argv[2], Number(process.argv[3])];
const held = () => {
  const { rss, heapUsed, external } = process.memoryUsage();
  return { fds: readdirSync('/proc/self/fd').length, kb: rss / 1024, used: (heapUsed + external) / 1024 };
};
const all = [];
for (let i = 0; i < count; i++) {
  if (i % 4 === 0) writeFileSync(context + '/file', 'round ' + i);
  await build({ context, tags: ['flat'] }).result;
  for (let n = 0; n < 2; n++) globalThis.gc();
  all.push(held());
}
process.stdout.write(JSON.stringify(all));
`;

/**
 * V8 doubles the space of young objects in two or three steps, any time from the first builds to the two-thousandth, by
 * 0.3 to 0.6 MB of memory each. They end at a limit and are nothing that builds gather: the space is its smallest here.
 */
const FLAGS = ['--expose-gc', '--max-semi-space-size=1'];

/** RELIABILITY S23, R43: what a program that builds for days must not gather. */
test('many builds in one process: nothing is kept', async () => {
  using world = staveWorld();
  world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  const context = join(world.dir, 'flat');
  mkdirSync(context);
  writeFileSync(join(context, 'Dockerfile'), 'FROM bb\nCOPY file /file\nRUN cat /file > /copy\n');
  writeFileSync(join(world.dir, 'program.mjs'), PROGRAM);
  const count = rounds(2000);
  const text = await must(process.execPath, [...FLAGS, join(world.dir, 'program.mjs'), context, String(count)], world.env, count * 2000); // prettier-ignore
  const held = JSON.parse(text) as { fds: number; kb: number; used: number }[];
  // The first half warms up: modules, code, the heap's size.
  const settled = held.slice(Math.ceil(held.length / 2));
  const [first, last] = [settled[0], settled.at(-1)];
  assert.ok(first !== undefined && last !== undefined);
  assert.equal(last.fds, first.fds, 'descriptors');
  assert.deepEqual(mountsOf(world.dir), [], 'mounts');
  assert.deepEqual(leftovers(world.root), []);
  const [resident, used] = [slope(settled.map(({ kb }) => kb)), slope(settled.map((each) => each.used))]; // prettier-ignore
  figure({
    area: 'Nothing gathers',
    what: 'builds by one process through the API',
    value: `${String(count)}: 0 descriptors, 0 mounts, 0 temporary files more; over the last half ${resident.toFixed(2)} kB of memory a build, ${used.toFixed(2)} kB of it in use`,
    rows: ['S23'],
  });
});

/** Least squares over the rounds. */
function slope(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  let [above, below] = [0, 0];
  for (const [i, value] of values.entries()) {
    above += (i - middle) * (value - mean);
    below += (i - middle) ** 2;
  }
  return below === 0 ? 0 : above / below;
}
