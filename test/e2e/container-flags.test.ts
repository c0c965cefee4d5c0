import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { staveWorld } from '../helpers/stave.js';
import { openTerminal } from '../helpers/terminal.js';

/** What it says on both streams. */
function stave(env: NodeJS.ProcessEnv, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('bin/stave', args, { env, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout + stderr;
}

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

  test("proxies of docker's config.json: what is given on the command line counts more", () => {
    const config = join(world.dir, 'docker-config');
    mkdirSync(config);
    const proxies = { default: { httpProxy: 'http://one:3128', noProxy: 'two' } };
    writeFileSync(join(config, 'config.json'), JSON.stringify({ proxies }));
    const env = { ...world.env, DOCKER_CONFIG: config };
    const variables = (...args: string[]): string[] =>
      stave(env, ...args).match(/^\w+_proxy=.*$/gim) ?? [];
    const expected = [
      'HTTP_PROXY=mine',
      'NO_PROXY=two',
      'http_proxy=http://one:3128',
      'no_proxy=two',
    ];
    assert.deepEqual(
      variables('run', '--rm', '-e', 'HTTP_PROXY=mine', 'bb', 'env').sort(),
      expected,
    );
    const file = join(world.dir, 'Dockerfile.proxies');
    writeFileSync(file, 'FROM bb\nRUN env\n');
    const build = ['build', '--progress=plain', '--no-cache', '-f', file, world.dir];
    const seen = stave(env, ...build, '--build-arg', 'HTTP_PROXY=mine').match(/\w+_proxy=\S+/gi);
    // A step has one value in both cases.
    const both = ['HTTP_PROXY=mine', 'NO_PROXY=two', 'http_proxy=mine', 'no_proxy=two'];
    assert.deepEqual([...new Set(seen)].sort(), both);
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

  // Flags that cannot be read have docker's code 125 with every command, arguments too few or too many have 1.
  const REFUSED: readonly (readonly [line: string, code: number, message: RegExp])[] = [
    ['create --nosuch bb', 125, /^ERROR: unknown flag: --nosuch$/m],
    ['rm -Z x', 125, /^ERROR: unknown shorthand flag: 'Z' in -Z$/m],
    ['ps -n x', 125, /"x" for "-n, --last" flag: strconv.ParseInt: parsing "x": invalid syntax$/m],
    ['ps -a=x', 125, /"x" for "-a, --all" flag: strconv.ParseBool: parsing "x": invalid syntax$/m],
    ['ps -f x', 125, /"x" for "-f, --filter" flag: bad format of filter \(expected name=value\)$/m],
    ['stop -t x y', 125, /"x" for "-t, --timeout" flag: strconv.ParseInt: /],
    ['update -m x y', 125, /"x" for "-m, --memory" flag: invalid size: 'x'$/m],
    ['create --cpus x bb', 125, /"x" for "--cpus" flag: failed to parse x as a rational number$/m],
    [
      'create --mount x bb',
      125,
      /"x" for "--mount" flag: invalid field 'x' must be a key=value pair/,
    ],
    ['create --dns x bb', 125, /"x" for "--dns" flag: IP address is not correctly formatted: x$/m],
    ['create --stop-signal x bb', 1, /^ERROR: invalid signal: x$/m],
    [
      'create --uts host --hostname x bb',
      1,
      /^ERROR: conflicting options: hostname and the UTS mode$/m,
    ],
    ['run -d -a stdout bb', 1, /cannot specify both --attach and --detach$/m],
    ['start -a x y', 1, /^ERROR: you cannot start and attach multiple containers at once$/m],
    ['container logs x y', 1, /^ERROR: 'stave container logs' requires 1 argument$/m],
    ['port x 1 2', 1, /^ERROR: 'stave port' requires at least 1 and at most 2 arguments$/m],
    ['container prune x', 1, /^ERROR: 'stave container prune' accepts no arguments$/m],
    ['exec x', 1, /^ERROR: 'stave exec' requires at least 2 arguments$/m],
    ['logs --since x y', 1, /^ERROR: invalid value for "since": failed to parse value/],
    ['inspect -f {{ y', 64, /^ERROR: template parsing error: /],
    ['rm --link x', 1, /^ERROR: --link is not supported: there are no links/],
  ];
  for (const [line, code, message] of REFUSED) {
    test(`${line}: ${String(code)}`, () => {
      const { status, stderr } = world.run(...line.split(' '));
      assert.equal(status, code, stderr);
      assert.match(stderr, message);
    });
  }

  test('--env-file is for the container, and not for what runs us', () => {
    const file = join(world.dir, 'env');
    writeFileSync(file, 'NODE_OPTIONS=--nosuch\n');
    const { stdout } = world.ok('run', '--rm', '--env-file', file, 'bb', 'env');
    assert.match(stdout, /^NODE_OPTIONS=--nosuch$/m);
    const { stderr, status } = world.run('run', '--env-file', '/no/such', 'bb', 'env');
    assert.match(stderr, /^ERROR: --env-file: open \/no\/such: no such file or directory$/m);
    assert.equal(status, 125);
  });

  test('exec: a user or directory that is not there is 126, a program 127', () => {
    world.ok('run', '-d', '--name', 'up', 'bb', 'sleep', '600');
    const failed = (...args: string[]): [number | null, string] => {
      const { status, stderr } = world.run('exec', ...args);
      return [status, /^ERROR: .*$/m.exec(stderr)?.[0] ?? stderr];
    };
    const user = 'ERROR: unable to find user nosuch: no matching entries in passwd file';
    assert.deepEqual(failed('-u', 'nosuch', 'up', 'true'), [126, user]);
    const directory = 'ERROR: exec: chdir to cwd ("/no"): no such file or directory';
    assert.deepEqual(failed('-w', '/no', 'up', 'pwd'), [126, directory]);
    const program = 'ERROR: exec: "nosuch": executable file not found in $PATH';
    assert.deepEqual(failed('up', 'nosuch'), [127, program]);
    world.ok('rm', '-f', 'up');
  });

  test('a row of ps is JSON as Go has it, and its image has a platform', () => {
    world.ok('create', '--name', 'row', 'bb', 'echo', '<&>');
    const row = (format: string): string =>
      world.ok('ps', '-a', '-f', 'name=row', '--format', format).stdout;
    assert.match(row('json'), /"Command":"\\"echo \\u003c\\u0026\\u003e\\""/);
    assert.match(row('{{json .}}'), /"Command":"\\"echo \\u003c\\u0026\\u003e\\""/);
    assert.match(row('json'), /"Size":"0B"/);
    assert.match(row('{{json .}}'), /"Size":"0B \(virtual /);
    assert.match(row('{{.Platform}}'), /^linux\/\w+\n$/);
    assert.match(world.ok('ps', '-as', '--format', 'raw').stdout, /^size: 0B \(virtual /m);
    world.ok('rm', 'row');
  });

  test('a change of commit that is wrong is said without a place', () => {
    world.ok('create', '--name', 'base', 'bb');
    const said = (change: string): string =>
      world.run('commit', '-c', change, 'base').stderr.split('\n')[0] ?? '';
    assert.equal(said('ENV'), 'ERROR: ENV requires at least one argument');
    assert.equal(said(''), 'ERROR: file with no instructions');
    world.ok('rm', 'base');
  });

  test('the start of several ids is said to be that, by inspect, too', () => {
    const ids: string[] = [];
    const starts = (): (string | undefined)[] => ids.map((id) => id[0]);
    while (new Set(starts()).size === ids.length) ids.push(world.ok('create', 'bb').stdout.trim());
    const start = ids.at(-1)?.[0] ?? '';
    for (const command of ['inspect', 'rm', 'logs']) {
      const { status, stderr } = world.run(command, start);
      assert.equal(status, 1);
      assert.match(stderr, /^ERROR: \w is the start of \d+ container ids$/m);
    }
    world.ok('rm', ...ids);
  });

  test('a name of nothing is no name; the answer to a question may be a file', () => {
    world.ok('rm', world.ok('create', '--name', '', 'bb').stdout.trim());
    const asked = spawnSync('bin/stave', ['container', 'prune'], {
      env: world.env,
      encoding: 'utf8',
      stdio: [openSync('/dev/null', 'r'), 'pipe', 'pipe'],
    });
    assert.deepEqual([asked.status, asked.stderr], [0, '']);
  });

  test('logs: a tail of no number is all, details come after the time', () => {
    world.ok('run', '--name', 'told', 'bb', 'sh', '-c', 'echo one; echo two');
    for (const tail of ['x', '-1', '1.5', 'all'])
      assert.equal(world.ok('logs', `--tail=${tail}`, 'told').stdout, 'one\ntwo\n');
    assert.equal(world.ok('logs', '--details', 'told').stdout, ' one\n two\n');
    assert.match(world.ok('logs', '-t', '--details', '-n', '1', 'told').stdout, /^\S+Z  two\n$/);
    assert.match(
      world.run('logs', '--since', 'x', 'told').stderr,
      /^ERROR: invalid value for "since": failed to parse value as time or duration: "x"$/m,
    );
    world.ok('rm', 'told');
  });

  test('a container can be stopped as systemd is', () => {
    const script = 'trap "exit 7" RTMIN+3; while :; do sleep 0.05; done';
    const run = ['run', '-d', '--stop-signal', 'SIGRTMIN+3', '--name', 'real', 'bb'];
    world.ok(...run, 'sh', '-c', script.replace('RTMIN+3', '37'));
    world.ok('stop', 'real');
    assert.equal(world.ok('inspect', '-f', '{{.State.ExitCode}}', 'real').stdout, '7\n');
    world.ok('rm', 'real');
  });

  test('a template finds what docker has besides, and nil where there is nothing', () => {
    world.ok('create', '--name', 'shown', '-e', 'A=b', 'bb');
    const format = '{{.ID}} {{.SizeRw}} {{if .State.Health}}x{{else}}no{{end}} {{.Config.User}}';
    const id = world.ok('inspect', '-f', '{{.Id}}', 'shown').stdout.trim();
    assert.equal(world.ok('inspect', '-f', format, 'shown').stdout, `${id} <nil> no \n`);
    assert.match(world.ok('inspect', '-f', '{{.Config.Env}}', 'shown').stdout, /^\[A=b PATH=/);
    world.ok('rm', 'shown');
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
