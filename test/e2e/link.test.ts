import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { staveWorld } from '../helpers/stave.js';

describe('COPY --link', () => {
  const world = staveWorld();
  const context = join(world.dir, 'context');
  const build = (dockerfile: string): string => {
    writeFileSync(join(context, 'Dockerfile'), dockerfile);
    return world.ok('build', '--progress=plain', '-t', 'linked', context).stderr;
  };
  /** How the step of a title ended: CACHED, or DONE after it ran. */
  const outcome = (log: string, title: string): string => {
    const number =
      log
        .split('\n')
        .find((line) => line.endsWith(title))
        ?.split(' ')[0] ?? '?';
    return /^#\d+ (CACHED|DONE)/m.exec(log.slice(log.indexOf(`${number} [`)))?.[1] ?? 'missing';
  };
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    mkdirSync(context);
    writeFileSync(join(context, 'file'), 'linked\n');
  });
  after(() => {
    world[Symbol.dispose]();
  });

  test('a change below does not run it again (testMergeOpCache)', () => {
    const dockerfile = (base: string): string =>
      `FROM bb\nRUN echo ${base} > /base\nCOPY --link file /to/\nCOPY file /plain/\n`;
    const first = build(dockerfile('one'));
    assert.equal(outcome(first, '] COPY --link file /to/'), 'DONE');
    const second = build(dockerfile('two'));
    assert.equal(outcome(second, '] COPY --link file /to/'), 'CACHED');
    assert.equal(outcome(second, '] COPY file /plain/'), 'DONE');
    const shown = world.ok('run', '--rm', 'linked', 'cat', '/base', '/to/file', '/plain/file');
    assert.equal(shown.stdout, 'two\nlinked\nlinked\n');
    assert.equal(outcome(build(dockerfile('two')), '] LINK COPY --link file /to/'), 'CACHED');
  });

  test('a changed file runs it again, and the same file from elsewhere does not', () => {
    build('FROM bb\nCOPY --link file /to/\n');
    mkdirSync(join(context, 'moved'), { recursive: true });
    writeFileSync(join(context, 'moved/file'), 'linked\n');
    const moved = build('FROM bb\nCOPY --link moved/file /to/\n');
    assert.equal(outcome(moved, '] COPY --link moved/file /to/'), 'CACHED');
    writeFileSync(join(context, 'moved/file'), 'changed\n');
    const changed = build('FROM bb\nCOPY --link moved/file /to/\n');
    assert.equal(outcome(changed, '] COPY --link moved/file /to/'), 'DONE');
  });
});
