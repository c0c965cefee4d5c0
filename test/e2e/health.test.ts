import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { until } from '../helpers/network-world.js';
import { dockerBeside } from '../helpers/docker-beside.js';
import { lineOf, processesOf } from '../helpers/processes.js';
import { contextOf } from '../helpers/run-context.js';
import { staveWorld } from '../helpers/stave.js';

interface Health {
  readonly Status: string;
  readonly FailingStreak: number;
  readonly Log: readonly { readonly ExitCode: number; readonly Output: string }[];
}

const QUICK = ['--health-interval', '100ms'];

describe('health checks', () => {
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
  const health = (name: string): Health | undefined =>
    (JSON.parse(world.ok('inspect', '-f', '{{json .State}}', name).stdout) as { Health?: Health })
      .Health;
  const status = (name: string): string => health(name)?.Status ?? 'none';
  const run = (name: string, ...args: readonly string[]): void => {
    world.ok('run', '-d', '--name', name, ...QUICK, ...args);
  };

  test('starting, healthy, unhealthy and healthy again: in inspect, ps and its filter', async () => {
    run('hc', '--health-retries', '2', '--health-cmd', 'cat /well', 'bb', 'sleep', '600');
    assert.match(world.ok('ps').stdout, / \((health: starting|unhealthy)\) .*hc$/m);
    const heal = ['exec', 'hc', 'sh', '-c', 'echo fine > /well'];
    world.ok(...heal);
    await until('healthy', () => status('hc') === 'healthy');
    assert.match(world.ok('ps').stdout, /Up [\w ]+ \(healthy\) .*hc$/m);
    assert.equal(health('hc')?.Log.at(-1)?.Output, 'fine\n');
    world.ok('exec', 'hc', 'rm', '/well');
    await until('unhealthy', () => status('hc') === 'unhealthy');
    const { Log = [], FailingStreak = 0 } = health('hc') ?? {};
    assert.ok(FailingStreak >= 2 && Log.length <= 5);
    assert.equal(Log.at(-1)?.ExitCode, 1);
    assert.equal(Log.at(-1)?.Output, "cat: can't open '/well': No such file or directory\n");
    world.ok(...heal);
    await until('healthy', () => status('hc') === 'healthy');
    assert.equal(world.ok('ps', '-q', '-f', 'health=healthy').stdout.length, 13);
    assert.equal(world.ok('ps', '-q', '-f', 'health=none').stdout, '');
    world.ok('stop', '-t', '0', 'hc');
    assert.equal(status('hc'), 'unhealthy');
    assert.doesNotMatch(world.ok('ps', '-a').stdout, /healthy/);
    world.ok('start', 'hc');
    await until('healthy', () => status('hc') === 'healthy');
    world.ok('rm', '-f', 'hc');
  });

  test("the image's HEALTHCHECK: used, changed in part, left out", async () => {
    const lines = 'HEALTHCHECK --interval=100ms --retries=1 CMD ["test","-e","/nothing"]';
    world.ok('build', '-q', '-t', 'checked', contextOf(world, `FROM bb\n${lines}\n`));
    world.ok('run', '-d', '--name', 'img', 'checked', 'sleep', '600');
    await until('unhealthy', () => status('img') === 'unhealthy');
    const flags = ['--health-retries', '7', '--health-cmd', 'true'];
    world.ok('run', '-d', '--name', 'part', ...flags, 'checked', 'sleep', '600');
    await until('healthy', () => status('part') === 'healthy');
    const check = world.ok('inspect', '-f', '{{json .Config.Healthcheck}}', 'part').stdout;
    assert.deepEqual(JSON.parse(check), {
      ...{ Test: ['CMD-SHELL', 'true'], Interval: 1e8, Retries: 7 },
    });
    world.ok('run', '-d', '--name', 'without', '--no-healthcheck', 'checked', 'sleep', '600');
    assert.equal(health('without'), undefined);
    world.ok('rm', '-f', 'img', 'part', 'without');
  });

  test('a probe that takes too long is ended; one that cannot be run says why', async () => {
    run('slow', '--health-timeout', '150ms', '--health-cmd', 'echo begun; sleep 4321', 'bb', 'top');
    await until('a probe', () => (health('slow')?.Log.length ?? 0) > 0);
    const [first] = health('slow')?.Log ?? [];
    assert.equal(first?.ExitCode, -1);
    assert.match(first.Output, /^Health check exceeded timeout \(150ms\)/);
    world.ok('rm', '-f', 'slow');
    assert.deepEqual(processesOf('sleep\x004321'), []);
    const dockerfile = 'FROM bb\nHEALTHCHECK --interval=100ms CMD ["/no/such"]\n';
    world.ok('build', '-q', '-t', 'broken', contextOf(world, dockerfile));
    world.ok('run', '-d', '--name', 'missing', 'broken', 'top');
    await until('a probe', () => (health('missing')?.Log.length ?? 0) > 0);
    assert.match(health('missing')?.Log[0]?.Output ?? '', /\/no\/such/);
    world.ok('rm', '-f', 'missing');
  });

  test('it goes with its container, also when the monitor was killed', async () => {
    const long = ['--health-cmd', 'true', '--health-interval', '1h'];
    world.ok('run', '-d', '--name', 'long', ...long, 'bb', 'sleep', '600');
    const id = world.ok('inspect', '-f', '{{.Id}}', 'long').stdout.trim();
    assert.equal(status('long'), 'starting');
    world.ok('restart', '-t', '0', 'long');
    assert.equal(status('long'), 'starting');
    const monitor = readFileSync(join(world.root, 'containers', id, 'monitor.pid'), 'utf8');
    process.kill(Number(monitor), 'SIGKILL');
    world.ok('ps');
    await until('nobody is left', () => processesOf(id).length === 0);
    world.ok('rm', 'long');
  });

  test('kill -9 of the checker: nobody calls it healthy; a restart checks again', async () => {
    run('alone', '--health-cmd', 'true', 'bb', 'sleep', '600');
    await until('healthy', () => status('alone') === 'healthy');
    const id = world.ok('inspect', '-f', '{{.Id}}', 'alone').stdout.trim();
    process.kill(checkerOf(world.root, id), 'SIGKILL');
    // A busy machine ends it a moment after it was told to.
    await until('unhealthy', () => status('alone') === 'unhealthy');
    assert.match(health('alone')?.Log.at(-1)?.Output ?? '', /was killed/);
    world.ok('restart', '-t', '0', 'alone');
    await until('healthy', () => status('alone') === 'healthy');
    // Of the engine that probes: the next probe is another's.
    const probing = (): number[] => processesOf(`__probe\0${world.root}\0${id}`).filter(isNode);
    await until('a probe', () => probing().length > 0);
    for (const pid of probing()) tryKill(pid);
    world.ok('exec', 'alone', 'true');
    await until('healthy', () => status('alone') === 'healthy');
    world.ok('rm', '-f', 'alone');
  });
});

function checkerOf(root: string, id: string): number {
  return Number(readFileSync(join(root, 'containers', id, 'health/pid'), 'utf8'));
}

function isNode(pid: number): boolean {
  return lineOf(String(pid)).startsWith('node');
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}

/** Of processes of this machine whose command line holds something. */
describe("health checks are docker's", () => {
  const world = staveWorld();
  const docker = dockerBeside(world);

  const CASES: readonly (readonly string[])[] = [
    ['--health-cmd', 'echo x; exit 3', '--health-retries', '1'],
    ['--health-cmd', 'exit 0'],
    ['--health-cmd', 'head -c 5000 /dev/zero | tr "\\0" x'],
    ['--health-cmd', 'echo $HOME $(pwd) $X $(id -u)', '-e', 'X=y', '-w', '/bin', '-u', '7'],
    ['--health-cmd', 'exit 1', '--health-start-period', '1h', '--health-start-interval', '100ms'],
  ];
  const told = (peer: (...args: string[]) => string, name: string): unknown => {
    const text = peer('inspect', '-f', '{{json .State.Health}}', name);
    const { Status, FailingStreak, Log } = JSON.parse(text) as Health;
    return { Status, fails: FailingStreak > 0, code: Log[0]?.ExitCode, output: Log[0]?.Output };
  };
  for (const [index, flags] of CASES.entries()) {
    test(flags.join(' '), async () => {
      // docker 20 has no start interval, and there the usual one counts.
      const cut = flags.indexOf('--health-start-interval');
      const theirs = cut === -1 ? flags : flags.slice(0, cut);
      const name = `hd-${String(index)}`;
      const args = ['-d', '--network', 'none', '--name', name, ...QUICK];
      const ours = (...words: string[]): string => world.ok(...words).stdout;
      ours('run', ...args, ...flags, 'bb', 'sleep', '600');
      docker.run('run', ...args, ...theirs, 'bb', 'sleep', '600');
      const probed = (peer: (...words: string[]) => string): boolean =>
        peer('inspect', '-f', '{{len .State.Health.Log}}', name).trim() !== '0';
      await until('a probe of ours', () => probed(ours));
      await until("a probe of docker's", () => probed(docker.run));
      assert.deepEqual(told(ours, name), told(docker.run, name));
      world.ok('rm', '-f', name);
      docker.run('rm', '-f', name);
    });
  }

  test('one that does not run, and one that is paused, is unhealthy', async () => {
    const args = ['-d', '--network', 'none', '--name', 'still', ...QUICK, '--health-cmd', 'true'];
    world.ok('run', ...args, 'bb', 'sleep', '600');
    docker.run('run', ...args, 'bb', 'sleep', '600');
    const both = (): string[] =>
      [(...words: string[]) => world.ok(...words).stdout, docker.run].map((peer) =>
        peer('inspect', '-f', '{{.State.Health.Status}}', 'still').trim(),
      );
    await until('healthy', () => both().join(' ') === 'healthy healthy');
    world.ok('pause', 'still');
    docker.run('pause', 'still');
    assert.deepEqual(both(), ['unhealthy', 'unhealthy']);
    world.ok('unpause', 'still');
    docker.run('unpause', 'still');
    world.ok('stop', '-t', '0', 'still');
    docker.run('stop', '-t', '0', 'still');
    assert.deepEqual(both(), ['unhealthy', 'unhealthy']);
  });
});
