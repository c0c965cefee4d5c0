import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { staveWorld } from '../helpers/stave.js';

describe('what a build reuses', () => {
  const world = staveWorld();
  const context = join(world.dir, 'context');
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  });
  after(() => {
    world[Symbol.dispose]();
  });

  /** A fresh context of these files. */
  function write(files: Readonly<Record<string, string>>): void {
    rmSync(context, { recursive: true, force: true });
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(context, name, '..'), { recursive: true });
      writeFileSync(join(context, name), text);
    }
  }

  const build = (...args: string[]): string => world.ok('build', '-q', ...args, context).stdout;
  const STAMP = 'RUN cat /proc/sys/kernel/random/uuid > /stamp\n';

  test('the same input is the same image, whatever the times of its files (testReproducibleIDs)', () => {
    write({ Dockerfile: `FROM bb\nCOPY a b /x/\n${STAMP}`, a: 'a', b: 'b' });
    const first = build();
    utimesSync(join(context, 'a'), 1e9, 1e9);
    assert.equal(build(), first);
    writeFileSync(join(context, 'b'), 'changed');
    assert.notEqual(build(), first);
  });

  test('a file no pattern matches does not count (testCopyWildcardCache)', () => {
    write({
      Dockerfile: `FROM bb\nCOPY foo* files/bar* /x/\n${STAMP}`,
      foo1: '1',
      'files/bar1': '2',
      other: '3',
    });
    const first = build();
    writeFileSync(join(context, 'other'), 'changed');
    writeFileSync(join(context, 'files/new'), 'new');
    assert.equal(build(), first);
    writeFileSync(join(context, 'foo2'), 'new');
    assert.notEqual(build(), first);
  });

  test('a renamed match does (testWildcardRenameCache)', () => {
    write({ Dockerfile: `FROM bb\nCOPY foo* /x/\n${STAMP}`, foo1: 'same' });
    const first = build();
    renameSync(join(context, 'foo1'), join(context, 'foo2'));
    assert.notEqual(build(), first);
  });

  test('a directory that became a file (testContextChangeDirToFile)', () => {
    write({ Dockerfile: 'FROM bb\nCOPY foo /x\n', 'foo/bar': 'in a directory' });
    const first = build();
    rmSync(join(context, 'foo'), { recursive: true });
    writeFileSync(join(context, 'foo'), 'a file');
    assert.notEqual(build('-t', 'changed'), first);
    assert.equal(world.ok('run', '--rm', 'changed', 'cat', '/x').stdout, 'a file');
  });

  test('a second build leaves no tree behind (testNoSnapshotLeak)', () => {
    write({ Dockerfile: `FROM bb AS one\n${STAMP}FROM bb\nCOPY --from=one /stamp /\n` });
    build();
    const trees = readdirSync(join(world.root, 'trees')).length;
    build();
    assert.equal(readdirSync(join(world.root, 'trees')).length, trees);
  });
});
