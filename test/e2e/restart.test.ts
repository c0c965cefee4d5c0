import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { until } from '../helpers/network-world.js';
import { dockerBeside } from '../helpers/docker-beside.js';
import { processesOf } from '../helpers/processes.js';
import { type Outcome, staveWorld } from '../helpers/stave.js';

/** Restart policies: without a daemon, a container's monitor sees to it. */
describe('restart policies', () => {
  const world = staveWorld();
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  });
  after(async () => {
    for (const id of world.ok('ps', '-aq').stdout.split('\n').filter(Boolean))
      world.run('rm', '-f', id);
    await until('no process', () => processesOf(world.root).length === 0);
    world[Symbol.dispose]();
  });
  const inspect = (name: string, format: string): string =>
    world.ok('inspect', '-f', format, name).stdout.trim();
  const status = (name: string): string => inspect(name, '{{.State.Status}} {{.State.ExitCode}}');
  const count = (name: string): number => Number(inspect(name, '{{.RestartCount}}'));
  const start = (name: string, policy: string, script: string): string =>
    world.ok('run', '-d', '--name', name, '--restart', policy, 'bb', 'sh', '-c', script).stdout;

  test('on-failure:2: three runs, then it is over; run itself ends with the first', async () => {
    const script = 'echo run; exit 3';
    const args = ['--name', 'fails', '--restart', 'on-failure:2', 'bb', 'sh', '-c', script];
    const { status: code, stdout } = world.run('run', ...args);
    assert.deepEqual([code, stdout], [3, 'run\n']);
    await until('two restarts', () => status('fails') === 'exited 3');
    assert.equal(world.ok('logs', 'fails').stdout, 'run\nrun\nrun\n');
    assert.equal(inspect('fails', '{{.RestartCount}} {{.State.Restarting}}'), '2 false');
    assert.equal(inspect('fails', '{{json .HostConfig.RestartPolicy}}'), ON_FAILURE);
    world.ok('start', 'fails');
    await until('two more', () => world.ok('logs', 'fails').stdout.length === 6 * 4);
    await until('the end', () => status('fails') === 'exited 3');
    world.ok('rm', 'fails');
  });
  const ON_FAILURE = '{"Name":"on-failure","MaximumRetryCount":2}';

  test('on-failure is not for who ended well', () => {
    world.ok('run', '--name', 'well', '--restart', 'on-failure', 'bb', 'true');
    assert.equal(inspect('well', '{{.State.Status}} {{.RestartCount}}'), 'exited 0');
    world.ok('rm', 'well');
  });

  test('always: also after exit 0; stop ends it, in the pause too', async () => {
    const id = start('ever', 'always', 'exit 0').trim();
    // Of seconds: what follows is within it.
    await until('a long pause', () => count('ever') >= 6 && status('ever') === 'restarting 0');
    assert.match(world.ok('ps').stdout, /Restarting \(0\) .* ever$/m);
    const refused = (outcome: Outcome, wanted: string): void => {
      assert.equal(outcome.status, 1);
      assert.match(outcome.stderr, new RegExp(`^ERROR: ${wanted.replace('ID', id)}`));
    };
    const restarting = 'Container ID is restarting, wait until the container is running';
    refused(world.run('exec', 'ever', 'true'), restarting);
    refused(world.run('pause', 'ever'), restarting);
    refused(world.run('rm', 'ever'), 'You cannot remove a restarting container ID. Stop');
    assert.equal(world.ok('wait', 'ever').stdout, '0\n');
    world.ok('start', 'ever');
    world.ok('stop', 'ever');
    assert.equal(status('ever'), 'exited 0');
    assert.deepEqual(processesOf(id), []);
    world.ok('rm', 'ever');
  });

  test('stop and kill of one that runs are the end; another signal is none', async () => {
    const script = 'trap "exit 4" HUP; trap "exit 5" TERM; echo up; while :; do sleep 0.1; done';
    start('term', 'unless-stopped', script);
    const ups = (): number => world.ok('logs', 'term').stdout.split('up\n').length - 1;
    await until('the trap', () => ups() === 1);
    world.ok('kill', '-s', 'HUP', 'term');
    await until('a restart', () => count('term') === 1 && ups() === 2);
    world.ok('stop', 'term');
    assert.equal(status('term'), 'exited 5');
    world.ok('start', 'term');
    assert.equal(count('term'), 0);
    world.ok('kill', 'term');
    world.ok('wait', 'term');
    assert.equal(status('term'), 'exited 137');
    world.ok('rm', 'term');
  });

  test('kill -9 of the monitor, and of who waits to start it: what is said is true', async () => {
    const id = start('pause', 'always', 'exit 7').trim();
    await until('a long pause', () => count('pause') >= 5 && status('pause') === 'restarting 7');
    for (const pid of processesOf(id)) process.kill(pid, 'SIGKILL');
    await until('the end', () => status('pause') === 'exited 7');
    assert.match(world.run('exec', 'pause', 'true').stderr, /is not running/);
    // What docker's daemon does when the machine starts.
    start('other', 'unless-stopped', 'sleep 600');
    world.ok('stop', '-t', '0', 'other');
    assert.equal(world.ok('start', '--restart-policy').stdout, 'pause\n');
    await until('a restart', () => count('pause') >= 1);
    world.ok('rm', '-f', 'pause', 'other');
  });

  test('who copies into it meanwhile delays a restart, and does not take it away', async () => {
    const id = start('copied', 'always', 'exit 1').trim();
    await until('a long pause', () => count('copied') >= 6 && status('copied') === 'restarting 1');
    const stave = join(process.cwd(), 'bin/stave');
    const copy = spawn(stave, ['cp', '-', 'copied:/'], { env: world.env, stdio: 'pipe' });
    const left = new Promise((resolve) => copy.once('exit', resolve));
    const before = count('copied');
    await until('its turn', () => processesOf(id).some((pid) => isStarting(pid)));
    // Longer than a start waits for who only looks.
    for (let i = 0; i < 8; i++) assert.match(status('copied'), /restarting/);
    copy.stdin.end(Buffer.alloc(1024));
    assert.equal(await left, 0);
    await until('a restart', () => count('copied') > before);
    world.ok('rm', '-f', 'copied');
  });

  test('update gives a container that runs a policy, and takes it', async () => {
    world.ok('run', '-d', '--name', 'given', 'bb', 'sh', '-c', 'sleep 600');
    world.ok('update', '--restart', 'always', 'given');
    const pid = inspect('given', '{{.State.Pid}}');
    process.kill(Number(pid), 'SIGKILL');
    await until('a restart', () => count('given') === 1 && status('given') === 'running 0');
    world.ok('update', '--restart', 'no', 'given');
    process.kill(Number(inspect('given', '{{.State.Pid}}')), 'SIGKILL');
    await until('the end', () => status('given') === 'exited 137');
    world.ok('rm', 'given');
  });

  test('with limits and a volume: the next life has them, too', async () => {
    const args = ['-m', '32m', '-v', 'kept:/data', '--restart', 'on-failure:1'];
    const script = 'echo x >> /data/f; echo y >> /f; wc -l < /data/f; wc -l < /f; exit 1';
    world.run('run', '--name', 'rich', ...args, 'bb', 'sh', '-c', script);
    await until('the end', () => status('rich') === 'exited 1' && count('rich') === 1);
    assert.equal(world.ok('logs', 'rich').stdout, '1\n1\n2\n2\n');
    world.ok('rm', 'rich');
  });
});

function isStarting(pid: number): boolean {
  try {
    return readFileSync(`/proc/${String(pid)}/cmdline`, 'latin1').endsWith('\0now\0');
  } catch {
    return false; // It ended meanwhile.
  }
}

/** Of processes of this machine whose command line names something. */
describe("restart policies are docker's", () => {
  const world = staveWorld();
  const docker = dockerBeside(world);

  const POLICIES = ['no', 'always', 'unless-stopped', 'on-failure', 'on-failure:0'].concat([
    ...['on-failure:3', 'x', 'on-failure:-1', 'on-failure:x', 'always:3'],
    ...['unless-stopped:1', 'no:2'],
  ]);
  for (const policy of POLICIES) {
    test(policy, () => {
      const args = ['--network', 'none', '--name', `p-${String(POLICIES.indexOf(policy))}`];
      const ours = world.run('create', ...args, '--restart', policy, 'bb', 'true');
      const theirs = attempt(() =>
        docker.run('create', ...args, '--restart', policy, 'bb', 'true'),
      );
      assert.equal(ours.status !== 0, theirs instanceof Error, ours.stderr);
      if (theirs instanceof Error) {
        // Newer dockers say more before it.
        const [, message = ''] = /^ERROR: (?:.*: )?(.*)$/m.exec(ours.stderr) ?? [];
        assert.ok(theirs.message.includes(message), `${ours.stderr} ${theirs.message}`);
        return;
      }
      const format = '{{json .HostConfig.RestartPolicy}}';
      const ask = ['inspect', '-f', format, args[3] ?? ''];
      assert.equal(world.ok(...ask).stdout, docker.run(...ask));
    });
  }

  test('--rm contradicts it; what inspect tells after the last restart', async () => {
    const wrong = ['create', '--rm', '--restart', 'always', 'bb', 'true'];
    const message = 'conflicting options: cannot specify both --restart and --rm';
    assert.match(world.run(...wrong).stderr, new RegExp(`^ERROR: ${message}`));
    assert.ok(attempt(() => docker.run(...wrong)) instanceof Error);
    const args = ['-d', '--network', 'none', '--name', 'last', '--restart', 'on-failure:2'];
    const run = ['run', ...args, 'bb', 'sh', '-c', 'exit 9'];
    world.ok(...run);
    docker.run(...run);
    const format =
      '{{with .State}}{{.Status}} {{.Running}} {{.Restarting}} {{.Dead}} {{.Pid}} {{.ExitCode}}{{end}} {{.RestartCount}}';
    const ask = ['inspect', '-f', format, 'last'];
    await until('the end', () => docker.run(...ask).startsWith('exited'));
    await until('ours', () => world.ok(...ask).stdout.startsWith('exited'));
    assert.equal(world.ok(...ask).stdout, docker.run(...ask));
  });
});

function attempt(work: () => string): string | Error {
  try {
    return work();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
