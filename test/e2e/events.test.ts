import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { until } from '../helpers/network-world.js';
import { dockerBeside } from '../helpers/docker-beside.js';
import { staveWorld } from '../helpers/stave.js';
import { openTerminal, type Terminal } from '../helpers/terminal.js';

interface Message {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly time: number;
}

describe('events', () => {
  const world = staveWorld();
  const followers: ChildProcess[] = [];
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  });
  after(() => {
    for (const follower of followers) follower.kill('SIGKILL');
    for (const id of world.ok('ps', '-aq').stdout.split('\n').filter(Boolean))
      world.run('rm', '-f', id);
    world[Symbol.dispose]();
  });
  /** `stave events` in the background: what it printed so far. */
  const follow = async (...args: readonly string[]): Promise<() => string> => {
    const stave = join(process.cwd(), 'bin/stave');
    const child = spawn(stave, ['events', ...args], { env: world.env, stdio: 'pipe' });
    followers.push(child);
    let text = '';
    child.stdout.on('data', (data: Buffer) => (text += data.toString()));
    // It is there when it shows what happens.
    for (let i = 0; text === ''; i++) {
      world.ok('volume', 'create', `probe-${String(followers.length)}-${String(i)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return () => text;
  };
  const short = (text: string): string[] =>
    text
      .split('\n')
      .map((line) => line.split(' ').slice(1, 3).join(' '))
      .filter((line) => line !== '' && !line.startsWith('volume'));

  test('live: as it happens, ends nobody looks at, a kill of the monitor, a removal', async () => {
    const shown = await follow('--filter', 'type=container', '--filter', 'type=volume');
    world.ok('run', '-d', '--name', 'quick', 'bb', 'true');
    await until('its end', () => shown().includes('container die'));
    assert.deepEqual(short(shown()), ['container create', 'container start', 'container die']);
    assert.match(
      shown(),
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|[+-]\d\d:\d\d) container die [0-9a-f]{64} \(execDuration=0, exitCode=0, image=bb, name=quick\)$/m,
    );
    world.ok('rm', 'quick');
    await until('its removal', () => shown().includes('container destroy'));
    world.ok('run', '-d', '--rm', '--name', 'orphan', 'bb', 'sleep', '600');
    const pid = world.ok('inspect', '-f', '{{.Id}}', 'orphan').stdout.trim();
    const monitor = world.ok('inspect', '-f', '{{.State.Pid}}', 'orphan').stdout.trim();
    process.kill(Number(monitor), 'SIGKILL');
    await until('the end of both', () => shown().includes(`destroy ${pid}`));
    const line = new RegExp(`container die ${pid} \\(.*exitCode=137`);
    assert.match(shown(), line);
  });

  test('restarts and health are told', async () => {
    const shown = await follow('--format', '{{.Type}} {{.Action}} {{.Actor.Attributes.name}}');
    const args = ['--restart', 'on-failure:1', '--health-cmd', 'true', '--health-interval', '50ms'];
    world.ok('run', '-d', '--name', 'ill', ...args, 'bb', 'sh', '-c', 'sleep 2; exit 1');
    await until('two ends', () => shown().split('container die ill').length === 3);
    assert.match(shown(), /^container health_status: healthy ill$/m);
    assert.equal(shown().split('container start ill').length, 3);
    world.ok('rm', '-f', 'ill');
  });

  test('--since, --until, filters, json', () => {
    const from = new Date().toISOString();
    world.ok('run', '--name', 'past', '-l', 'a=b', 'bb', 'true');
    world.ok('rm', 'past');
    world.ok('tag', 'bb', 'other:1');
    world.ok('rmi', 'other:1');
    const past = (...args: string[]): string =>
      world.ok('events', '--since', from, '--until', '0s', ...args).stdout;
    assert.deepEqual(short(past()), [
      ...['container create', 'container attach', 'network connect', 'container start'],
      ...['container die', 'network disconnect', 'container destroy', 'image tag', 'image untag'],
    ]);
    assert.deepEqual(short(past('-f', 'event=die', '-f', 'event=tag')), [
      'container die',
      'image tag',
    ]);
    assert.deepEqual(short(past('-f', 'container=past', '-f', 'label=a=b')).length, 5);
    assert.deepEqual(short(past('-f', 'image=other')), ['image tag']);
    assert.deepEqual(past('-f', 'label=a=c'), '');
    const [first = ''] = past('--format', 'json').split('\n');
    const message = JSON.parse(first) as Message;
    assert.deepEqual(message.Actor.Attributes, { a: 'b', image: 'bb', name: 'past' });
    assert.equal(past('--format', '{{json .}}').split('\n')[0], first);
    assert.equal(world.ok('events', '--since', '0s', '--until', '0s').stdout, '');
    assert.match(world.run('events', '--since', 'x').stderr, /^ERROR: invalid value for "since"/);
    assert.match(world.run('events', '-f', 'x=y').stderr, /^ERROR: invalid filter 'x'/);
  });

  test('the journal is bounded, and two who write at once lose nothing', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `many-${String(i)}`);
    await Promise.all(names.map((name) => world.start(['volume', 'create', name])));
    const { stdout } = world.ok('events', '--until', '0s', '--format', '{{.Actor.ID}}');
    assert.deepEqual(
      names.filter((name) => !stdout.split('\n').includes(name)),
      [],
    );
    assert.ok(statSync(join(world.root, 'events/journal')).size < 2 << 20);
  });
});

describe("events are docker's", () => {
  const world = staveWorld();
  const docker = dockerBeside(world);

  const STEPS: readonly (readonly string[])[] = [
    ['run', '--network', 'none', '--name', 'one', '-l', 'a=b', 'bb', 'true'],
    ['start', 'one'],
    ['run', '--rm', '--network', 'host', '--name', 'none', 'bb', 'true'],
    ['wait', 'one'],
    ['rename', 'one', 'two'],
    ['rm', 'two'],
    ['run', '-d', '--network', 'none', '--name', 'three', '-v', 'vol:/x', 'bb', 'sleep', '600'],
    ['exec', 'three', 'sh', '-c', 'exit 0'],
    ['exec', 'three', 'true'],
    ['pause', 'three'],
    ['unpause', 'three'],
    ['kill', '-s', 'HUP', 'three'],
    ['update', '--pids-limit', '50', 'three'],
    ['export', '-o', 'FILE', 'three'],
    ['cp', 'three:/bin/busybox', 'FILE'],
    ['cp', 'FILE', 'three:/y'],
    ['top', 'three'],
    ['stop', '-t', '0', 'three'],
    ['start', 'three'],
    ['restart', '-t', '0', 'three'],
    ['rm', '-f', 'three'],
    ['tag', 'bb', 'bb:2'],
    ['rmi', 'bb:2'],
    ['volume', 'rm', 'vol'],
    ['container', 'prune', '-f'],
    ['volume', 'prune', '-f'],
    ['network', 'prune', '-f'],
  ];
  test('the same things are told, with the same attributes', () => {
    const from = new Date().toISOString();
    for (const step of STEPS) {
      world.ok(...step.map((word) => word.replace('FILE', join(world.dir, 'ours'))));
      docker.run(...step.map((word) => word.replace('FILE', join(world.dir, 'theirs'))));
    }
    // docker cuts off what was in the second of a past `until`.
    const until = String(Math.ceil(Date.now() / 1000) + 1);
    const ask = ['events', '--since', from, '--until', until, '--format', '{{json .}}'];
    const [ours, theirs] = [world.ok(...ask).stdout, docker.run(...ask)].map(told);
    assert.deepEqual(ours, theirs);
  });

  test('terminals: sizes, coming and going', async () => {
    const from = new Date().toISOString();
    await onTerminals('bin/stave', world.env);
    await onTerminals('docker', { ...process.env, DOCKER_HOST: docker.host() });
    const until = String(Math.ceil(Date.now() / 1000) + 1);
    const ask = ['events', '--since', from, '--until', until, '--format', '{{json .}}'];
    const [ours, theirs] = [world.ok(...ask).stdout, docker.run(...ask)].map(told);
    // docker's client passes SIGWINCH on, which a terminal tells its programs itself.
    assert.deepEqual(
      ours,
      theirs?.filter((line) => !line.includes('"signal":"28"')),
    );
    for (const run of [world.ok, docker.run]) run('rm', '-f', 'screen');
  });
});

/** On a terminal, which docker's client tells of as a signal, too. */
async function onTerminals(program: string, env: NodeJS.ProcessEnv): Promise<void> {
  const open = (...args: string[]): Terminal => openTerminal(program, args, env);
  const named = ['--network', 'none', '--name', 'screen', 'bb'];
  const run = open('run', '-it', ...named, 'sh', '-c', 'while sleep 0.1; do stty size; done');
  await run.until(/24 80\r\n/);
  run.resize(99, 33);
  await run.until(/33 99\r\n/);
  run.type('\x10\x11');
  await run.exit;
  const attach = openTerminal(program, ['attach', 'screen'], env, { cols: 40, rows: 20 });
  await attach.until(/20 40\r\n/);
  attach.type('\x10\x11');
  await attach.exit;
  const exec = open('exec', '-it', 'screen', 'sh', '-c', 'while sleep 0.1; do stty size; done');
  await exec.until(/24 80\r\n/);
  exec.type('\x10\x11');
  await exec.exit;
}

/** In an order that does not depend on who was quicker, without ids. */
function told(text: string): string[] {
  return (
    text
      .split('\n')
      .filter(Boolean)
      .map((line) => {
        const { Type, Action, Actor } = JSON.parse(line) as Message;
        // Newer dockers have it.
        const { execDuration: _, ...attributes } = Actor.Attributes;
        return `${Type} ${Action} ${JSON.stringify(attributes)}`.replace(/[0-9a-f]{64}/g, 'ID');
      })
      // docker mounts volumes for cp and export, too.
      .filter((line) => !/^volume (un)?mount/.test(line))
      .sort()
  );
}
