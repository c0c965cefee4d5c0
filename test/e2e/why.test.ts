import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { staveWorld } from '../helpers/stave.js';
import { assertChangesNamed } from '../helpers/why-mutations.js';

const CHANGES = 20;

/** A sample; 200 run in test/faults/why.test.ts. A failure tells the seed. */
test(`${String(CHANGES)} random single changes are each named, and nothing is when there is none`, (t) => {
  using world = staveWorld();
  const seed = Date.now() % 1_000_000;
  t.diagnostic(`seed ${String(seed)}`);
  assertChangesNamed(world, CHANGES, seed);
});

describe('the reason in plain output', () => {
  const world = staveWorld();
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  });
  after(() => {
    world[Symbol.dispose]();
  });

  test('another base is named as an input; one with the same result is cut off early', () => {
    const steps = (n: number): string =>
      `FROM bb\nRUN echo ${n} > /dev/null; echo same > /f\nRUN echo after\n`;
    const dir = join(world.dir, 'cutoff');
    mkdirSync(dir);
    const build = (text: string): string => {
      writeFileSync(join(dir, 'Dockerfile'), text);
      return world.ok('build', '--progress=plain', dir).stderr;
    };
    build(steps(1));
    const second = build(steps(2));
    assert.match(second, /\[2\/3\] RUN echo 2[^]*why: changed: instruction text/);
    assert.match(second, /\[3\/3\] RUN echo after\n#\d+ CACHED \(same result\)/);
    const other = build('FROM bb\nRUN echo 2 > /dev/null; echo different > /f\nRUN echo after\n');
    assert.match(other, /\[3\/3\] RUN echo after\n#\d+ why: input changed: \[2\/3\] RUN/);
  });
});
