import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { staveWorld } from '../helpers/stave.js';

/** Containers that outlive the command that started them, each under a monitor of its own. */
describe('containers in the background', () => {
  const world = staveWorld();
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  });
  after(() => {
    for (const id of world.ok('ps', '-aq').stdout.split('\n').filter(Boolean))
      world.run('rm', '-f', id);
    world[Symbol.dispose]();
  });
  const status = (name: string): string =>
    world.ok('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', name).stdout.trim();

  test('what fails is said of each, in the words and with the codes of docker', () => {
    world.ok('create', '--name', 'there', 'bb', 'true');
    const said = (...args: string[]): readonly [number | null, string, string] => {
      const { status, stdout, stderr } = world.run(...args);
      return [status, stdout, stderr.replace(/\nhint: .*\n\n?/g, '')];
    };
    const none = (name: string): string => `ERROR: No such container: ${name}\n`;
    const notStarted = `${none('no1')}${none('no2')}Error: failed to start containers: no1, no2\n`;
    assert.deepEqual(said('start', 'no1', 'there', 'no2'), [1, 'there\n', notStarted]);
    assert.deepEqual(said('rm', 'no1', 'no2'), [1, '', none('no1') + none('no2')]);
    assert.deepEqual(said('rm', '-f', 'no1', 'no2'), [0, '', none('no1') + none('no2')]);
    const failed = (name: string): string => `Error: failed to rename container named ${name}\n`;
    assert.deepEqual(said('rename', 'no1', 'no2'), [1, '', none('no1') + failed('no1')]);
    const same = 'ERROR: Renaming a container with the same name as its current name\n';
    assert.deepEqual(said('rename', 'there', 'there'), [1, '', same + failed('there')]);
    assert.match(
      said('kill', 'no1')[2],
      /^ERROR: cannot kill container: no1: No such container: no1/,
    );
    world.ok('wait', 'there');
    world.ok('rm', 'there');
  });

  test('exec -d does not wait for what it starts', () => {
    world.ok('run', '-d', '--name', 'apart', 'bb', 'sleep', '1000');
    for (const more of [[], ['-i'], ['-t']]) {
      const { stdout, stderr } = world.ok('exec', '-d', ...more, 'apart', 'sleep', '2000');
      assert.equal(stdout, '');
      assert.equal(stderr, '');
    }
    assert.equal(world.ok('top', 'apart').stdout.match(/sleep 2000/g)?.length, 3);
    world.ok('rm', '-f', 'apart');
  });

  test('exec with variables of a file, and with every capability', () => {
    world.ok('run', '-d', '--name', 'plain', 'bb', 'sleep', '1000');
    const file = join(world.dir, 'variables');
    writeFileSync(file, '# said\nA=of the file\nB=of the file\n');
    const given = ['--env-file', file, '-e', 'B=of the flag'];
    const said = world.ok('exec', ...given, 'plain', 'sh', '-c', 'echo $A, $B').stdout;
    assert.equal(said, 'of the file, of the flag\n');
    const bounding = (...flags: string[]): string =>
      world.ok('exec', ...flags, 'plain', 'grep', 'CapBnd', '/proc/self/status').stdout;
    assert.match(bounding(), /00000000a80425fb/);
    const [all] = /CapBnd:.*\n/.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    assert.equal(bounding('--privileged'), all);
    world.ok('rm', '-f', 'plain');
  });

  test('run -d prints the id; exec, logs, stop, start, wait, rm', () => {
    const script =
      'trap "echo stopping; exit 3" TERM; echo out; echo err >&2; while :; do sleep 0.05; done';
    const id = world.ok('run', '-d', '--name', 'd1', 'bb', 'sh', '-c', script).stdout;
    assert.match(id, /^[0-9a-f]{64}\n$/);
    assert.match(world.ok('ps').stdout, /Up (Less than a second|\d+ seconds?) .*d1$/m);
    assert.equal(
      world.ok('exec', '-e', 'X=y', '-w', '/bin', 'd1', 'sh', '-c', 'echo $X; pwd').stdout,
      'y\n/bin\n',
    );
    assert.equal(world.run('exec', 'd1', 'sh', '-c', 'exit 9').status, 9);
    assert.equal(world.run('exec', 'd1', 'nosuch').status, 127);
    assert.equal(world.ok('stop', 'd1').stdout, 'd1\n');
    assert.equal(status('d1'), 'exited 3');
    assert.equal(world.ok('logs', 'd1').stdout, 'out\nstopping\n');
    assert.equal(world.ok('logs', 'd1').stderr, 'err\n');
    assert.match(world.run('exec', 'd1', 'true').stderr, /container [0-9a-f]{64} is not running/);
    assert.equal(world.ok('start', 'd1').stdout, 'd1\n');
    assert.equal(status('d1'), 'running 0');
    assert.match(world.run('rm', 'd1').stderr, /container is running/);
    world.ok('kill', 'd1');
    assert.equal(world.ok('wait', 'd1').stdout, '137\n');
    assert.equal(world.ok('logs', '--tail', '1', 'd1').stderr, 'err\n');
    world.ok('rm', 'd1');
  });

  test('create, rename, start -a; a second start has the same files and a longer log', () => {
    world.ok('create', '--name', 'old', 'bb', 'sh', '-c', 'echo x >> /f; wc -l < /f');
    assert.equal(status('old'), 'created 0');
    world.ok('rename', 'old', 'new');
    assert.equal(world.ok('start', '-a', 'new').stdout, '1\n');
    assert.equal(world.ok('start', '-a', 'new').stdout, '2\n');
    assert.equal(world.ok('logs', 'new').stdout, '1\n2\n');
    assert.match(world.ok('logs', '-t', 'new').stdout, /^\d{4}-\d\d-\d\dT[\d:.]+Z 1\n/);
    world.ok('rm', 'new');
  });

  test('-d --rm removes itself; kill -9 of its monitor is seen as exit 137', () => {
    world.ok('run', '-d', '--rm', '--name', 'gone', 'bb', 'true');
    while (world.ok('ps', '-a').stdout.includes('gone'));
    world.ok('run', '-d', '--name', 'orphan', 'bb', 'sleep', '1000');
    const pid = Number(world.ok('inspect', '-f', '{{.State.Pid}}', 'orphan').stdout);
    process.kill(monitorOf(pid), 'SIGKILL');
    while (status('orphan') !== 'exited 137');
    while (isAlive(pid));
    world.ok('rm', 'orphan');
  });

  test('logs -f goes on until the end', async () => {
    world.ok('run', '-d', '--name', 'talk', 'bb', 'sh', '-c', 'echo one; sleep 0.3; echo two');
    assert.equal((await world.start(['logs', '-f', 'talk'])).stdout, 'one\ntwo\n');
    world.ok('rm', 'talk');
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The parent of a container's first process is its monitor. */
function monitorOf(pid: number): number {
  const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}
