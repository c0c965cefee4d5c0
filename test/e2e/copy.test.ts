import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { type Outcome, staveWorld } from '../helpers/stave.js';

/** Checked against docker 20.10 and its command line 28 on the same state. */
describe('cp and export', () => {
  const world = staveWorld();
  const here = (path = ''): string => join(world.dir, 'here', path);
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    mkdirSync(here('dir/sub'), { recursive: true });
    writeFileSync(here('f'), 'hi\n', { mode: 0o640 });
    chownSync(here('f'), 1000, 1001);
    writeFileSync(here('dir/sub/x'), 'x\n');
    symlinkSync('f', here('link'));
    const links = 'ln -s /dir /to-dir; ln -s nowhere /dangling; ln -s /../../out /out-link';
    const script = `mkdir /dir /plain; echo own > /own; ${links}; echo; sleep 1000`;
    world.ok('run', '-d', '--name', 'up', '-u', '0', 'bb', 'sh', '-c', script);
    while (world.ok('logs', 'up').stdout === '');
    world.ok('run', '--name', 'ended', 'bb', 'sh', '-c', 'echo own > /own; mkdir -p /dir');
    world.ok('create', '--name', 'fresh', '-u', '7:8', 'bb');
  });
  after(() => {
    world.run('rm', '-f', 'up');
    world[Symbol.dispose]();
  });
  const cp = (...args: string[]): void => {
    assert.deepEqual(world.run('cp', ...args), { status: 0, stdout: '', stderr: '' });
  };
  const refusal = (...args: string[]): string =>
    world.run('cp', ...args).stderr.split('\n')[0] ?? '';
  const inUp = (script: string): string => world.ok('exec', 'up', 'sh', '-c', script).stdout;
  const names = (path: string): string[] => {
    cp(path, here(`n${String(++copies)}`));
    return listed(here(`n${String(copies)}`));
  };
  let copies = 0;
  const listed = (dir: string): string[] =>
    readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort();

  test('a file: to a new name, over a file, into a directory; owner and mode stay', () => {
    cp(here('f'), 'up:/new');
    assert.match(inUp('ls -ln /new'), /^-rw-r----- +1 1000 +1001 +3 /);
    cp(here('dir/sub/x'), 'up:new');
    assert.equal(inUp('cat /new'), 'x\n');
    cp(here('f'), 'up:/plain');
    cp(here('f'), 'up:/plain/');
    cp(here('f'), 'up:/to-dir');
    assert.equal(inUp('cat /plain/f /dir/f'), 'hi\nhi\n');
    cp(here('f'), 'up:/dangling');
    assert.equal(inUp('cat /nowhere; readlink /dangling'), 'hi\nnowhere\n');
    cp(here('f'), 'up:/out-link');
    assert.equal(inUp('cat /out'), 'hi\n');
  });

  test('a directory: itself, its content (/.), into an old one, into a new one', () => {
    cp(here('dir'), 'up:/d1');
    cp(`${here('dir')}/.`, 'up:/d2');
    cp(here('dir'), 'up:/d2');
    cp(`${here('dir')}/.`, 'up:/d2/dir');
    const find = 'cd /; find d1 d2 | sort';
    assert.equal(
      inUp(find),
      'd1\nd1/sub\nd1/sub/x\nd2\nd2/dir\nd2/dir/sub\nd2/dir/sub/x\nd2/sub\nd2/sub/x\n',
    );
    assert.deepEqual(names('up:/d1'), ['sub', 'sub/x']);
    assert.deepEqual(names('up:/d2/.'), ['dir', 'dir/sub', 'dir/sub/x', 'sub', 'sub/x']);
    mkdirSync(here('old'));
    cp('up:/d1', here('old'));
    cp('up:/d1/.', here('old'));
    assert.deepEqual(listed(here('old')), ['d1', 'd1/sub', 'd1/sub/x', 'sub', 'sub/x']);
  });

  test('links: themselves, what they mean (-L), a directory by a slash', () => {
    cp(here('link'), 'up:/l1');
    cp('-L', here('link'), 'up:/l2');
    assert.equal(inUp('readlink /l1; cat /l2'), 'f\nhi\n');
    cp('up:/l1', here('l1'));
    assert.equal(readlinkSync(here('l1')), 'f');
    cp('-L', 'up:/to-dir', here('l3'));
    assert.deepEqual(listed(here('l3')), ['f']);
    cp('up:/to-dir/', here('l4'));
    assert.deepEqual(listed(here('l4')), ['f']);
    mkdirSync(here('into'));
    cp('-L', 'up:/to-dir', here('into'));
    assert.deepEqual(listed(here('into')), ['to-dir', 'to-dir/f']);
  });

  test('- is a tar, both ways', () => {
    const tar = (...args: string[]): string => {
      const copied = spawnSync('bin/stave', ['cp', ...args, '-'], { env: world.env });
      return spawnSync('tar', ['tf', '-'], { input: copied.stdout, encoding: 'utf8' }).stdout;
    };
    assert.equal(tar('up:/d1'), 'd1/\nd1/sub/\nd1/sub/x\n');
    assert.equal(tar('up:/d1/.'), './\n./sub/\n./sub/x\n');
    assert.equal(tar('up:/to-dir'), 'to-dir\n');
    assert.equal(tar('up:/to-dir/'), 'to-dir/\nto-dir/f\n');
    assert.equal(tar('-L', 'up:/to-dir'), 'dir/\ndir/f\n');
    assert.equal(tar('up:/etc/hosts'), 'hosts\n');
    const packed = spawnSync('tar', ['czf', '-', '-C', here(), 'f', 'dir']);
    const into = (path: string): Outcome => {
      const options = { env: world.env, input: packed.stdout, encoding: 'utf8' } as const;
      return spawnSync('bin/stave', ['cp', '-', path], options);
    };
    assert.equal(into('up:/plain').status, 0);
    assert.equal(inUp('cat /plain/dir/sub/x'), 'x\n');
    assert.match(into('up:/own').stderr, /^ERROR: destination "up:\/own" must be a directory\n/);
    assert.match(into('up:/none').stderr, /^ERROR: destination "up:\/none" must be a directory\n/);
  });

  test('stopped and created containers too; -a gives all to the container’s user', () => {
    cp(here('dir'), 'ended:/dir');
    cp('ended:/own', here('own'));
    assert.equal(readFileSync(here('own'), 'utf8'), 'own\n');
    assert.deepEqual(names('ended:/dir'), ['dir', 'dir/sub', 'dir/sub/x']);
    cp('-a', here('f'), 'fresh:/mine');
    cp('-a', 'fresh:/mine', here('mine'));
    const { uid, gid, mode } = lstatSync(here('mine'));
    assert.deepEqual([uid, gid, mode & 0o777], [7, 8, 0o640]);
    cp('fresh:/mine', here('mine'));
    assert.equal(lstatSync(here('mine')).uid, process.getuid?.());
    assert.equal(world.ok('diff', 'fresh').stdout, 'A /mine\n');
    assert.equal(world.ok('start', '-a', 'ended').status, 0);
  });

  test('what cannot be copied is said in docker’s words', () => {
    for (const [from, to, message] of [
      [here('f'), 'up:/none/', 'no such directory'],
      [here('f'), 'up:/no/such', 'Could not find the file /no in container up'],
      [here('dir'), 'up:/own', 'cannot copy directory'],
      [here('none'), 'up:/', `lstat ${here('none')}: no such file or directory`],
      ['up:/none', here('y'), 'Could not find the file /none in container up'],
      [
        'up:/proc/self/status',
        here('y'),
        'Could not find the file /proc/self/status in container up',
      ],
      ['up:/own', here('none/'), 'no such directory'],
      [
        'up:/own',
        here('none/such'),
        `invalid output path: directory "${here('none')}" does not exist`,
      ],
      ['up:/own/', here('y'), '/own/: not a directory'],
      ['up:/d1', here('f'), 'cannot copy directory'],
      ['up:/a', 'up:/b', 'copying between containers is not supported'],
      [here('f'), here('g'), 'must specify at least one container source'],
      ['up:', here('g'), 'path cannot be empty'],
      [here('f'), 'nobody:/', 'No such container: nobody'],
      [
        'up:/own',
        '/dev/null',
        'invalid output path: "/dev/null" must be a directory or a regular file: got a device',
      ],
    ] as const)
      assert.equal(refusal(from, to), `ERROR: ${message}`);
    inUp('mkdir -p /plain/f2; echo > /plain/dir2');
    mkdirSync(here('dir2'));
    assert.equal(
      refusal(here('dir2'), 'up:/plain'),
      'ERROR: cannot overwrite non-directory "dir2" with directory "dir2"',
    );
    assert.match(
      refusal(here('f'), 'up:/etc/hosts'),
      /^ERROR: cannot overwrite "hosts": something is mounted there/,
    );
  });

  test('a container that swaps directories for links under our hands leads nowhere', () => {
    const canary = join(world.dir, 'canary');
    mkdirSync(canary);
    writeFileSync(join(canary, 'secret'), 'secret\n', { mode: 0o600 });
    const swap = `mkdir -p /b/sub; while :; do ln -sfn ${canary} /a; rm /a; mkdir -p /a/sub; rm -rf /a; done`;
    world.ok('run', '-d', '--name', 'swap', 'bb', 'sh', '-c', swap);
    for (let i = 0; i < 5; i++) {
      world.run('cp', `${here('dir')}/.`, 'swap:/a');
      world.run('cp', here('f'), 'swap:/a/f');
      world.run('cp', '-L', 'swap:/a', here(`swapped${String(i)}`));
      const copied = here(`swapped${String(i)}`);
      const made = lstatSync(copied, { throwIfNoEntry: false });
      assert.ok(made?.isDirectory() !== true || !listed(copied).includes('secret'));
    }
    world.ok('rm', '-f', 'swap');
    assert.deepEqual(readdirSync(canary), ['secret']);
    assert.equal(lstatSync(join(canary, 'secret')).mode & 0o777, 0o600);
  });

  test('export: the whole filesystem, of a running and of a stopped one', () => {
    for (const name of ['up', 'ended']) {
      const file = here(`${name}.tar`);
      world.ok('export', '-o', file, name);
      const list = spawnSync('tar', ['tf', file], { encoding: 'utf8' }).stdout.split('\n');
      for (const path of ['bin/busybox', 'own', 'etc/hosts', 'proc/', 'dev/'])
        assert.ok(list.includes(path), `${name}: ${path}`);
      assert.ok(!list.some((path) => /^(proc|sys)\/./.test(path)), name);
    }
    const script = `bin/stave export up`;
    const onTerminal = spawnSync('script', ['-qec', script, '/dev/null'], {
      env: world.env,
      encoding: 'utf8',
    });
    assert.match(onTerminal.stdout, /cowardly refusing to save to a terminal/);
  });
});
