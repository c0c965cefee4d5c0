import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { staveWorld } from '../helpers/stave.js';
import { openTerminal } from '../helpers/terminal.js';

describe('smaller flags of containers', { timeout: 300_000 }, () => {
  const world = staveWorld();
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  });
  after(() => {
    for (const id of world.ok('ps', '-aq').stdout.split('\n').filter(Boolean))
      world.run('rm', '-f', id);
    world[Symbol.dispose]();
  });

  const BOTH = ['bb', 'sh', '-c', 'echo out; echo err >&2; exit 3'];
  const ATTACHED: readonly (readonly [flags: readonly string[], out: string, err: string])[] = [
    [[], 'out\n', 'err\n'],
    [['-a', 'stdout'], 'out\n', ''],
    [['--attach', 'STDERR'], '', 'err\n'],
    [['-a', 'stdin'], '', ''],
    [['-a', 'stdout', '-a', 'stderr'], 'out\n', 'err\n'],
  ];
  for (const [flags, out, err] of ATTACHED) {
    test(`run ${flags.join(' ')}`, () => {
      const { status, stdout, stderr } = world.run('run', '--rm', ...flags, ...BOTH);
      assert.deepEqual([status, stdout, stderr], [3, out, err]);
    });
  }

  test('what cannot be attached, linked or logged is said', () => {
    const wrong = (...args: string[]): string =>
      world.run('run', ...args, 'bb', 'true').stderr.split('\n')[0] ?? '';
    assert.match(wrong('-a', 'x'), /valid streams are STDIN, STDOUT and STDERR$/);
    assert.match(wrong('-d', '-a', 'stdout'), /cannot specify both --attach and --detach$/);
    assert.match(wrong('--link', 'x'), /--link is not supported: .*see stave network create$/);
    assert.match(wrong('--log-opt', 'max-file=3'), /max-file=3 is not supported$/);
    assert.match(wrong('--log-opt', 'max-size=x'), /invalid value for max-size: "x"$/);
    assert.match(wrong('--log-opt', 'tag=x'), /unknown log opt 'tag' for json-file log driver$/);
  });

  test('a log that is longer than max-size begins anew', () => {
    const script = 'i=0; while [ $i -lt 3000 ]; do echo line-$i; i=$((i+1)); done';
    const args = ['--name', 'long', '--log-opt', 'max-size=20k', '--log-opt', 'max-file=1'];
    world.ok('run', ...args, 'bb', 'sh', '-c', script);
    const { stdout } = world.ok('logs', 'long');
    assert.match(stdout, /line-2999\n$/);
    assert.ok(stdout.length < 20_480, String(stdout.length));
    const format = '{{json .HostConfig.LogConfig.Config}}';
    const config = world.ok('inspect', '-f', format, 'long').stdout;
    assert.deepEqual(JSON.parse(config), { 'max-file': '1', 'max-size': '20k' });
    world.ok('rm', 'long');
  });

  test('exec -it gets the size of the terminal, and each new one', async () => {
    world.ok('run', '-d', '--name', 'sized', 'bb', 'sleep', '600');
    const size = { cols: 91, rows: 27 };
    const terminal = openTerminal('bin/stave', ['exec', '-it', 'sized', 'sh'], world.env, size);
    await terminal.until(/# /);
    terminal.type('stty size\n');
    await terminal.until(/27 91/);
    terminal.resize(101, 33);
    terminal.type('until stty size | grep 101; do sleep 0.05; done\n');
    await terminal.until(/33 101/);
    terminal.type('exit 4\n');
    assert.equal(await terminal.exit, 4);
    world.ok('rm', '-f', 'sized');
  });

  test('cp sees the volumes of a container that does not run, and fills a new one', () => {
    const file = join(world.dir, 'given');
    const back = join(world.dir, 'back');
    writeFileSync(file, 'given\n');
    const bind = join(world.dir, 'bound');
    world.ok(
      'create',
      '--name',
      'still',
      '-v',
      'kept:/data',
      '-v',
      `${bind}:/b`,
      'bb',
      'cat',
      '/data/given',
    );
    world.ok('cp', file, 'still:/data/');
    world.ok('cp', file, 'still:/b/x');
    assert.equal(readFileSync(join(bind, 'x'), 'utf8'), 'given\n');
    assert.equal(world.ok('start', '-a', 'still').stdout, 'given\n');
    const write = ['run', '--rm', '-v', 'kept:/v', 'bb', 'sh', '-c', 'echo new > /v/given'];
    world.ok(...write);
    world.ok('cp', 'still:/data/given', back);
    assert.equal(readFileSync(back, 'utf8'), 'new\n');
    world.ok('create', '--name', 'guarded', '-v', 'kept:/data:ro', 'bb', 'true');
    assert.match(world.run('cp', file, 'guarded:/data/x').stderr, /^ERROR: .*(read-only|EROFS)/i);
    world.ok('rm', 'still', 'guarded');
  });
});
