import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { type StaveWorld, staveWorld } from '../helpers/stave.js';
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
  let saved: string | undefined;
  /** Of the base, for another store. */
  const archive = (): string => {
    if (saved !== undefined) return saved;
    saved = join(world.dir, 'base.tar');
    world.ok('save', '-o', saved, 'bb');
    return saved;
  };

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

  const STEPS = ['FROM bb', 'RUN echo one > /one', 'RUN echo two > /two'];
  const changed = [...STEPS.slice(0, 2), 'RUN echo other > /two'].join('\n');
  /** Of the step that was changed. */
  const reason = (on: StaveWorld, dir: string, ...args: string[]): string => {
    const { stderr } = on.ok('build', '--progress=plain', ...args, dir);
    return /\[3\/3\] RUN echo other[^\n]*\n#\d+ (.*)/.exec(stderr)?.[1] ?? stderr;
  };
  const checkout = (name: string, text = STEPS.join('\n')): string => {
    const dir = join(world.dir, name);
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'Dockerfile'), text);
    return dir;
  };
  const changedTo = (text: string): string => changed.replace('other', text);
  const whyTo = (text: string): string =>
    `why: changed: instruction text (/bin/sh -c echo two > /two -> /bin/sh -c echo ${text} > /two)`;

  test('another clone of a repository, an image of the same name, another directory of that name', () => {
    using own = staveWorld();
    own.ok('load', '-q', '-i', archive());
    const clone = (name: string, text?: string): string => {
      const dir = checkout(name, text);
      mkdirSync(join(dir, '.git'));
      const config = '[remote "origin"]\n\turl = https://user:token@example.com/app.git\n';
      writeFileSync(join(dir, '.git/config'), config);
      return dir;
    };
    for (const [first, second, ...tag] of [
      [clone('clone-1'), clone('clone-2', changed)],
      [checkout('by-tag-1'), checkout('by-tag-2', changedTo('other again')), '-t'],
      [checkout('jobs/1/app'), checkout('jobs/2/app', changedTo('other, too'))],
    ] as const) {
      own.ok('build', '-q', '--no-cache', ...tag.flatMap((flag) => [flag, 'app:1']), first);
      const how = reason(own, second, ...tag.flatMap((flag) => [flag, 'app:2']));
      assert.match(
        how,
        /^why: changed: instruction text \(\/bin\/sh -c echo two > \/two -> \/bin\/sh -c echo other/,
      );
    }
    // Known by nothing, but for what is in it; another project is another.
    own.ok('build', '-q', '--no-cache', checkout('same-1'));
    assert.equal(reason(own, checkout('same-2', changedTo('other one'))), whyTo('other one'));
    const strange = checkout('strange', 'FROM bb\nRUN echo new > /new\nRUN echo other > /strange');
    assert.equal(reason(own, strange), 'why: never built');
  });

  test('Dockerfiles from stdin are told apart by their contexts and the names of their images', () => {
    const [one, two] = [checkout('stdin-one'), checkout('stdin-two')] as const;
    const build = (text: string, ...args: string[]): string => {
      const all = ['build', '--progress=plain', '-f', '-', ...args];
      const { env } = world;
      const input = `FROM bb\n${text}\n`;
      const { stderr } = spawnSync('bin/stave', all, { env, input, encoding: 'utf8' });
      return /\[2\/2\] RUN [^\n]*\n#\d+ (.*)/.exec(stderr)?.[1] ?? stderr;
    };
    const changedFrom = (before: string, now: string): string =>
      `why: changed: instruction text (/bin/sh -c ${before} -> /bin/sh -c ${now})`;
    assert.match(build('RUN echo a1', one), /never built/);
    assert.match(build('RUN echo b1', two), /never built/);
    assert.equal(build('RUN echo a2', one), changedFrom('echo a1', 'echo a2'));
    assert.equal(build('RUN echo b2', two), changedFrom('echo b1', 'echo b2'));
    // Who begins to name what had no name goes on from it; another image of the same context is another.
    assert.equal(build('RUN echo a3', '-t', 'x:1', one), changedFrom('echo a2', 'echo a3'));
    assert.equal(build('RUN echo a4', '-t', 'x:2', one), changedFrom('echo a3', 'echo a4'));
  });

  test('a machine that has the files elsewhere is told by the cache of another', () => {
    const cache = `dest=${join(world.dir, 'why-cache')}`;
    world.ok('build', '-q', '--cache-to', `type=local,mode=max,${cache}`, checkout('here'));
    using other = staveWorld();
    other.ok('load', '-q', '-i', archive());
    const from = `type=local,${cache.replace('dest', 'src')}`;
    assert.equal(reason(other, checkout('there', changed), '--cache-from', from), whyTo('other'));
  });

  test('what is compared with is what a build used last, though it was cached then', () => {
    const dir = checkout('back');
    const to = (text: string): string => reason(world, checkout('back', changedTo(text)));
    world.ok('build', '-q', dir);
    assert.equal(to('other b'), whyTo('other b'));
    world.ok('build', '-q', checkout('back'));
    assert.equal(to('other c'), whyTo('other c'));
  });
});
