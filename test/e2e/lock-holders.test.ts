import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { startRunning } from '../helpers/faults/holders.js';
import { leftovers } from '../helpers/faults/leftovers.js';
import { staveWorld } from '../helpers/stave.js';

/** RELIABILITY R30: who holds a lock is stopped, goes on, or dies. */
describe('a build that holds the lock of a step', () => {
  const world = staveWorld();
  const context = join(world.dir, 'slow');
  const gate = join(world.dir, 'gate');
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    mkdirSync(context);
    mkdirSync(gate);
  });
  after(() => {
    world[Symbol.dispose]();
  });
  /** The step runs until the test opens the gate, which a cache mount is. */
  const write = (marker: string): void => {
    const run = `echo "runs ${marker}" && cat /proc/sys/kernel/random/uuid > /uuid && sleep 1`;
    writeFileSync(join(context, 'Dockerfile'), `FROM bb\nRUN ${run}\n`);
  };
  const build = (tag: string): string[] => ['build', '--progress=plain', '-t', tag, context];
  const uuid = (tag: string): string =>
    world.ok('run', '--rm', '--network=none', tag, 'cat', '/uuid').stdout;

  test('stopped: others say that they wait, and others’ steps go on; continued: all is right', async () => {
    write('stopped');
    const holder = startRunning(world, build('one'));
    await holder.says(/runs stopped\n/);
    holder.signal('SIGSTOP');
    const waiting = startRunning(world, build('two'));
    await waiting.says(/waiting for another stave that runs the same step/);
    const other = join(world.dir, 'other');
    mkdirSync(other);
    writeFileSync(join(other, 'Dockerfile'), 'FROM bb\nRUN echo other\n');
    world.ok('build', '-q', '-t', 'other', other);
    world.ok('images');
    world.ok('system', 'df');
    world.ok('builder', 'prune', '-f');
    holder.signal('SIGCONT');
    assert.equal(await holder.ended, 0, holder.text());
    assert.equal(await waiting.ended, 0, waiting.text());
    assert.equal(uuid('one'), uuid('two'), 'the step ran once');
    assert.deepEqual(leftovers(world.root), []);
  });

  test('killed, also while it is stopped: who waits runs the step', async () => {
    for (const signals of [['SIGKILL'], ['SIGSTOP', 'SIGKILL']] as const) {
      write(`killed by ${signals.join(' and ')}`);
      const holder = startRunning(world, build('one'));
      await holder.says(/runs killed by [A-Z ]+and SIGKILL\n|runs killed by SIGKILL\n/);
      const waiting = startRunning(world, build('two'));
      await waiting.says(/waiting for another stave that runs the same step/);
      for (const signal of signals) holder.signal(signal);
      assert.equal(await waiting.ended, 0, waiting.text());
      assert.match(uuid('two'), /^[0-9a-f-]{36}\n$/);
      world.ok('images');
      assert.deepEqual(leftovers(world.root), []);
    }
  });
});

/** RELIABILITY R31. */
describe('the store is moved', () => {
  const world = staveWorld();
  const context = join(world.dir, 'context');
  const moved = join(world.dir, 'moved');
  const there = { STAVE_ROOT: moved };
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    mkdirSync(context);
    writeFileSync(join(context, 'Dockerfile'), 'FROM bb\nRUN echo made > /made\n');
    world.ok('build', '-q', '-t', 'app', context);
    world.ok('create', '--name=box', '--network=none', '-v=vol:/vol', 'app', 'cat', '/made');
  });
  after(() => {
    world[Symbol.dispose]();
  });

  test('under a build: it says so, and leaves nothing at either place', async () => {
    const slow = join(world.dir, 'slow');
    mkdirSync(slow);
    writeFileSync(join(slow, 'Dockerfile'), 'FROM bb\nRUN echo runs; cat; sleep 1\n');
    const build = startRunning(world, ['build', '--progress=plain', slow]);
    await build.says(/\d runs\n/);
    renameSync(world.root, moved);
    assert.equal(await build.ended, 1, build.text());
    assert.match(
      build.text(),
      /\nERROR: .*the store \S+ was moved or removed while it was used\n[^]*hint: run the command again, with STAVE_ROOT where the store is now\n$/,
    );
    assert.doesNotMatch(build.text(), /suppressed|defect/);
    assert.ok(!readdirSync(world.dir).includes('store'));
  });

  test('there it is the same: builds are cached, images and containers run', async () => {
    const stave = async (...args: string[]): Promise<string> => {
      const { status, stdout, stderr } = await world.start(args, there);
      assert.equal(status, 0, stderr);
      return stdout + stderr;
    };
    assert.match(await stave('build', '--progress=plain', context), /all 2 steps cached/);
    assert.equal(await stave('run', '--rm', '--network=none', 'app', 'cat', '/made'), 'made\n');
    assert.equal(await stave('start', '-a', 'box'), 'made\n');
    await stave('rm', 'box');
    await stave('store', 'check', '--full');
    assert.deepEqual(leftovers(moved), []);
  });
});
