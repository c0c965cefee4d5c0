import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { ordinaryWorld } from '../helpers/ordinary-user.js';
import { shownBy } from '../helpers/terminal.js';

/** The second rung: an ordinary user with subordinate ids. That images are the same as root's: epoch.test.ts. */
describe('rootless with subordinate ids', () => {
  const world = ordinaryWorld();
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  });
  after(() => {
    for (const id of world.run('ps', '-aq').stdout.split('\n').filter(Boolean))
      world.run('rm', '-f', id);
    world[Symbol.dispose]();
  });

  test('the store is in the home of the user, who can remove it', () => {
    assert.ok(existsSync(join(world.dir, 'data/stave/version')));
    assert.ok(!world.ok('images').stdout.includes('/var/lib'));
  });

  test('a container is entered, signalled, looked at and removed by other commands', () => {
    world.ok('run', '-d', '--name', 'one', 'bb', 'sleep', '1000');
    world.ok(
      'run',
      '-d',
      '--name',
      'two',
      'bb',
      'sh',
      '-c',
      'trap "exit 7" USR1; while :; do sleep 0.1; done',
    );
    const script = 'echo x > /x; chown 1000:2000 /x; stat -c %u:%g /x; id -u';
    assert.equal(world.ok('exec', 'one', 'sh', '-c', script).stdout, '1000:2000\n0\n');
    assert.equal(world.ok('exec', '-u', '1000', 'two', 'id', '-u').stdout, '1000\n');
    assert.equal(world.ok('diff', 'one').stdout, 'A /x\n');
    world.ok('commit', 'one', 'with-x');
    assert.equal(
      world.ok('run', '--rm', 'with-x', 'stat', '-c', '%u:%g', '/x').stdout,
      '1000:2000\n',
    );
    world.ok('kill', '-s', 'USR1', 'two');
    assert.equal(world.ok('wait', 'two').stdout, '7\n');
    assert.equal(world.ok('rm', '-f', 'one', 'two').stdout, 'one\ntwo\n');
    assert.equal(world.ok('ps', '-aq').stdout, '');
    world.ok('rmi', 'with-x');
  });

  test('exec has a terminal of its own', async () => {
    world.ok('run', '-d', '--name', 'entered', 'bb', 'sleep', '1000');
    const [program, args] = world.command([
      'exec',
      '-it',
      'entered',
      'sh',
      '-c',
      'until stty size 2>/dev/null; do :; done; tty',
    ]);
    const shown = await shownBy(program, args, world.env, { cols: 91, rows: 31 });
    assert.deepEqual(shown, ['31 91', '/dev/pts/0', '[0]']);
    world.ok('rm', '-f', 'entered');
  });

  test('commands that begin at once share one user namespace', async () => {
    const names = ['c1', 'c2', 'c3', 'c4'];
    const started = await Promise.all(
      names.map((name) => world.start(['run', '-d', '--name', name, 'bb', 'sleep', '1000'])),
    );
    assert.deepEqual(
      started.map(({ status }) => status),
      [0, 0, 0, 0],
      started.map(({ stderr }) => stderr).join(),
    );
    const spaces = names.map(
      (name) => world.ok('exec', name, 'readlink', '/proc/self/ns/user').stdout,
    );
    assert.equal(new Set(spaces).size, 1);
    world.ok('rm', '-f', ...names);
  });

  test("a container has Docker's capabilities and filter, the user only its own ids", () => {
    const status = world.ok(
      'run',
      '--rm',
      'bb',
      'grep',
      '-E',
      '^(CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):',
      '/proc/self/status',
    ).stdout;
    const caps = '00000000a80425fb';
    assert.equal(
      status.replace(/\t/g, ''),
      `CapInh:0000000000000000\nCapPrm:${caps}\nCapEff:${caps}\nCapBnd:${caps}\nCapAmb:0000000000000000\nNoNewPrivs:0\nSeccomp:2\n`,
    );
    const seen = world.ok(
      'run',
      '--rm',
      'bb',
      'sh',
      '-c',
      'ls -A /sys/fs/cgroup; cat /proc/self/uid_map | tr -s " "',
    ).stdout;
    assert.equal(seen, ' 0 4242 1\n 1 300000 65535\n');
  });

  test('limits are said not to be enforced', () => {
    const context = join(world.dir, 'limits');
    mkdirSync(context);
    writeFileSync(join(context, 'Dockerfile'), 'FROM bb\nRUN true\n');
    const { stderr } = world.ok('build', '--progress=plain', '--memory', '64m', context);
    assert.match(stderr, /not enforced/);
  });

  test('an owner beyond the subordinate ids is refused, with the remedy', () => {
    const context = join(world.dir, 'owner');
    mkdirSync(context);
    writeFileSync(join(context, 'f'), '');
    writeFileSync(join(context, 'Dockerfile'), 'FROM bb\nCOPY --chown=70000 f /\n');
    const { status, stderr } = world.run('build', context);
    assert.equal(status, 1, stderr);
    assert.match(stderr, /70000/);
    assert.match(stderr, /\/etc\/subuid/);
  });

  test('what an ordinary user writes out is theirs', () => {
    const out = join(world.dir, 'out');
    const context = join(world.dir, 'export');
    mkdirSync(context);
    writeFileSync(join(context, 'f'), 'f');
    writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nCOPY --chown=1000 f /\n');
    world.ok('build', '-o', `type=local,dest=${out}`, context);
    assert.equal(readFileSync(join(out, 'f'), 'utf8'), 'f');
  });
});
