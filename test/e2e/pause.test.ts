import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { staveWorld } from '../helpers/stave.js';

/** Containers looked at while they run, and stopped where they are. */
describe('pause, top and stats', () => {
  const world = staveWorld();
  const LOOP = 'while :; do sleep 0.1; done';
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    world.ok('run', '-d', '--name', 'loop', 'bb', 'sh', '-c', LOOP);
  });
  after(() => {
    world.run('rm', '-f', 'loop');
    world[Symbol.dispose]();
  });
  const status = (): string => world.ok('ps', '-a', '--format', '{{.Status}}').stdout.trim();
  const refusal = (...args: string[]): string => {
    const { status: code, stderr } = world.run(...args);
    assert.notEqual(code, 0);
    return (stderr.split('\n')[0] ?? '').replace(/[0-9a-f]{64}/, 'ID');
  };

  test('pause stops every process; what cannot be done meanwhile is said in docker’s words', () => {
    const pid = world.ok('inspect', '-f', '{{.State.Pid}}', 'loop').stdout.trim();
    assert.equal(world.ok('pause', 'loop').stdout, 'loop\n');
    assert.match(status(), /^Up .* \(Paused\)$/);
    assert.match(
      world.ok('inspect', '-f', '{{.State.Status}} {{.State.Running}} {{.State.Paused}}', 'loop')
        .stdout,
      /^paused true true$/m,
    );
    // T: stopped by a signal; D: by the freezer of a cgroup.
    assert.match(readFileSync(`/proc/${pid}/stat`, 'utf8'), /\) [TD] /);
    assert.equal(
      refusal('exec', 'loop', 'true'),
      'ERROR: Container loop is paused, unpause the container before exec',
    );
    assert.equal(
      refusal('attach', 'loop'),
      'ERROR: You cannot attach to a paused container, unpause it first',
    );
    assert.equal(
      refusal('start', 'loop'),
      'ERROR: cannot start a paused container, try unpause instead',
    );
    assert.equal(
      refusal('rm', 'loop'),
      'ERROR: cannot remove container "/loop": container is paused and must be unpaused first',
    );
    assert.equal(refusal('pause', 'loop'), 'ERROR: container ID is already paused');
    assert.equal(world.ok('unpause', 'loop').stdout, 'loop\n');
    assert.doesNotMatch(status(), /Paused/);
    assert.equal(refusal('unpause', 'loop'), 'ERROR: Container ID is not paused');
    assert.equal(world.ok('exec', 'loop', 'echo', 'on').stdout, 'on\n');
  });

  test('top shows ps of its processes, with any of its options', () => {
    // ps sorts by pid: where those have wrapped around, the shell is not the first.
    const [head = '', ...all] = world.ok('top', 'loop').stdout.split('\n');
    const first = all.find((line) => line.includes('while')) ?? '';
    assert.match(head, /^UID {17}PID {17}PPID {16}C {19}STIME {15}TTY {17}TIME {16}CMD$/);
    assert.match(first, /^root {16}\d+ +\d+ .* sh -c while :; do sleep 0\.1; done$/);
    const [title = '', ...rows] = world.ok('top', 'loop', '-o', 'pid,comm').stdout.split('\n');
    assert.equal(title, 'PID                 COMMAND');
    assert.ok(
      rows.some((row) => /^\d+ +sh$/.test(row)),
      rows.join('\n'),
    );
    assert.equal(
      refusal('top', 'loop', '-o', 'comm'),
      "ERROR: Couldn't find PID field in ps output",
    );
    assert.equal(
      refusal('top', 'loop', '-o', 'pid,comm=PID'),
      'ERROR: specifying "pid,comm=PID" is not allowed',
    );
    assert.match(refusal('top', 'loop', 'nonsense'), /^ERROR: ps: error: unknown user-defined/);
  });

  test('stats: docker’s columns, in a table, as JSON and by a template', () => {
    const table = world.ok('stats', '--no-stream').stdout.split('\n');
    assert.match(
      table[0] ?? '',
      /^CONTAINER ID {3}NAME {6}CPU % {5}MEM USAGE \/ LIMIT {3,}MEM % {5}NET I\/O {3}BLOCK I\/O {3,}PIDS$/,
    );
    assert.match(
      table[1] ?? '',
      /^[0-9a-f]{12} {3}loop {6}\d+\.\d\d% +[\d.]+[KM]iB \/ [\d.]+[GM]iB +\d\.\d\d% +0B \/ 0B .* [1-9]$/,
    );
    const [json = ''] = world.ok('stats', '--no-stream', '--format', 'json').stdout.split('\n');
    assert.deepEqual(Object.keys(JSON.parse(json) as object), [
      'BlockIO',
      'CPUPerc',
      'Container',
      'ID',
      'MemPerc',
      'MemUsage',
      'Name',
      'NetIO',
      'PIDs',
    ]);
    assert.equal(refusal('stats', '--no-stream', 'nobody'), 'ERROR: No such container: nobody');
  });

  test('stop ends a paused one: its signal arrives; then it is neither paused nor topped', () => {
    world.ok('pause', 'loop');
    world.ok('kill', 'loop');
    assert.equal(world.ok('wait', 'loop').stdout, '137\n');
    assert.match(status(), /^Exited \(137\)/);
    assert.equal(refusal('pause', 'loop'), 'ERROR: container ID is not running');
    assert.equal(refusal('top', 'loop'), 'ERROR: container ID is not running');
    assert.equal(
      world.ok('stats', '--no-stream', '--format', '{{.MemUsage}} {{.PIDs}}', 'loop').stdout,
      '0B / 0B 0\n',
    );
  });
});
