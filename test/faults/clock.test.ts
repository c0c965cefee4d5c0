import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { leftovers } from '../helpers/faults/leftovers.js';
import { must } from '../helpers/faults/run.js';
import { figure } from '../helpers/figure.js';
import { runProgram } from '../helpers/run-program.js';
import { staveWorld } from '../helpers/stave.js';

const YEAR = 31_536_000;
const now = Date.now() / 1000;
const JUMPS: readonly (readonly [name: string, seconds: number])[] = [
  ['ten years back', -10 * YEAR],
  ['to 1970', 1000 - now],
  ['to 19 January 2038', 2 ** 31 - now - 1],
  ['fifty years ahead', 50 * YEAR],
  ['to 2106', 2 ** 32 - now - 1],
];

/** RELIABILITY R29: the wall clock is set, before and in the middle of a build, and set right again. */
describe('the clock jumps', () => {
  const world = staveWorld();
  const shim = join(world.dir, 'clock-jump.so');
  const context = join(world.dir, 'context');
  before(() => {
    runProgram('gcc', '-O2', '-shared', '-fPIC', '-o', shim, 'test/helpers/faults/clock-jump.c', '-ldl'); // prettier-ignore
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    mkdirSync(context);
    writeFileSync(join(context, 'file'), 'file');
    writeFileSync(join(context, 'Dockerfile'), 'FROM bb\nCOPY file /file\nRUN cat /file > /copy\n');
  });
  after(() => {
    world[Symbol.dispose]();
  });
  const env = { ...world.env, SOURCE_DATE_EPOCH: '1' };
  const at = (seconds: number, after: number) => ({ ...env, LD_PRELOAD: shim, CLOCK_JUMP: `${String(Math.round(seconds))} ${String(after)}` }); // prettier-ignore
  /** The clock is asked so often in a build of two steps, about. */
  const MOMENTS = [0, 5, 15, 25, 35, 50, 80];

  for (const [name, seconds] of JUMPS) {
    test(name, async () => {
      const clean = await must('bin/stave', ['build', '-q', '--no-cache', '-t', 'app', context], env); // prettier-ignore
      for (const moment of MOMENTS) {
        const jumped = at(seconds, moment);
        const args = ['build', '--no-cache', '--progress=plain', '-t', 'app', context];
        const { stderr } = await said(args, jumped);
        assert.doesNotMatch(stderr, /DONE -|in -|\d{6,}\.\ds/, `after ${String(moment)}`);
        assert.equal(await must('bin/stave', ['images', '-q', '--no-trunc', 'app'], env), clean);
      }
      const whole = at(seconds, 0);
      await must('bin/stave', ['build', '-q', '-t', 'app', context], whole);
      await must('bin/stave', ['run', '--rm', '--network=none', 'app', 'cat', '/copy'], whole);
      await must('bin/stave', ['builder', 'prune', '-f'], whole);
      const id = await must('bin/stave', ['build', '-q', '-t', 'last', context], env);
      assert.equal(id, clean);
      const json = await must('bin/stave', ['history', 'ls', '--format', '{{.Ref}} {{.Duration}} {{.CreatedAt}}'], env); // prettier-ignore
      assert.doesNotMatch(json, / -/);
      const last = await must('bin/stave', ['history', 'inspect'], env);
      assert.match(last, /last/);
      await must('bin/stave', ['builder', 'prune', '-a', '-f'], env);
      await must('bin/stave', ['store', 'check', '--full'], env);
      assert.deepEqual(leftovers(world.root), []);
      figure({
        area: 'The clock jumps',
        what: name,
        value: `${String(MOMENTS.length)} moments of a build: the same image, no negative time, prune and run go on`,
      });
    });
  }
});

async function said(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ readonly stderr: string }> {
  const stderr = await must('sh', ['-c', 'exec bin/stave "$@" 2>&1', 'sh', ...args], env);
  return { stderr };
}
