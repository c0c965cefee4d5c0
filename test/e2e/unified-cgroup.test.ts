import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { type Outcome, staveWorld } from '../helpers/stave.js';

/**
 * A machine with cgroup 2 alone: in a mount namespace of its own the second hierarchy of this one covers the others. It
 * has no controllers of memory and the like, but devices, freezing and names are cgroup 2's. With runc: crun needs
 * CAP_SYS_RESOURCE to load the program that guards devices, which not every machine gives its root.
 */
const UNIFIED = 'umount -l /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup; exec "$@"';

describe('cgroup 2 alone', () => {
  const world = staveWorld();
  const stave = (...args: string[]): Outcome => {
    const argv = ['--mount', '--propagation', 'private', 'sh', '-ec', UNIFIED, 'sh', 'bin/stave'];
    const run = spawnSync('unshare', [...argv, ...args], { env: world.env, encoding: 'utf8' });
    return { status: run.status, stdout: run.stdout, stderr: run.stderr };
  };
  const ok = (...args: string[]): string => {
    const { status, stdout, stderr } = stave(...args);
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const groups = (): string => ok('run', '--rm', '-v', '/sys/fs/cgroup:/c', 'bb', 'ls', '/c/stave');
  before(() => {
    ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  });
  after(() => {
    stave('rm', '-f', 'still', 'failing');
    world[Symbol.dispose]();
  });

  test('a device that is given is the only one that can be opened; the cgroup goes', () => {
    const script =
      'cat /proc/self/cgroup | tail -1; mknod /dev/own c 1 11; mknod /dev/loop b 7 0; for f in /dev/fuse /dev/own /dev/loop; do (: < $f) && echo opened $f; done; true';
    const device = ['--runtime=runc', '--device=/dev/fuse'];
    const said = ok('run', '--rm', ...device, 'bb', 'sh', '-c', script);
    const [, id = ''] = /^0::\/stave\/([0-9a-f]{64})\nopened \/dev\/fuse\n$/.exec(said) ?? [];
    assert.notEqual(id, '', said);
    assert.ok(!groups().includes(id));
  });

  test('pause stops all of it, and unpause lets it go on', () => {
    const loop = 'while :; do echo x >> /ticks; done';
    const args = ['--runtime=runc', '--device=/dev/fuse', '--name', 'still'];
    const id = ok('run', '-d', ...args, 'bb', 'sh', '-c', `(${loop}) & ${loop}`).trim();
    assert.ok(groups().includes(id));
    ok('pause', 'still');
    const size = (): number => ok('cp', 'still:/ticks', '-').length;
    const before_ = size();
    assert.equal(size(), before_);
    ok('unpause', 'still');
    while (size() === before_);
    ok('rm', '-f', 'still');
    assert.ok(!groups().includes(id));
  });

  test('a namespace of its own shows it as the root', () => {
    const args = ['run', '--rm', '--runtime=runc', '--cgroupns=private', 'bb'];
    assert.match(ok(...args, 'tail', '-1', '/proc/self/cgroup'), /^0::\/\n$/);
  });

  test('a start that fails leaves no cgroup', () => {
    const args = [
      '--runtime=runc',
      '--device=/dev/fuse',
      '--network=none',
      '--sysctl=net.ipv4.nothing=1',
    ];
    const id = ok('create', '--name', 'failing', ...args, 'bb', 'true').trim();
    assert.notEqual(stave('start', 'failing').status, 0);
    assert.ok(!groups().includes(id));
  });

  test('limits without their controllers are dropped, and said so; doctor says so too', () => {
    const { status, stderr } = stave('run', '--rm', '--memory=50m', 'bb', 'true');
    assert.equal(status, 0, stderr);
    assert.match(stderr, /does not support memory limit capabilities/);
    assert.match(stave('doctor').stdout, /^cgroups +v2: limits are not enforced$/m);
  });
});
