import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { randomBytes } from 'node:crypto';
import { busyboxContext } from '../helpers/busybox.js';
import { dockerPeer } from '../helpers/peers.js';
import { staveWorld } from '../helpers/stave.js';

const MB = 1_000_000;

describe('system df, info, version', () => {
  const world = staveWorld();
  before(() => {
    world.ok('build', '-q', '-t', 'base', busyboxContext(world.dir));
    const at = join(world.dir, 'app');
    mkdirSync(at);
    for (let i = 0; i < 40; i++)
      writeFileSync(join(at, `file${String(i)}`), randomBytes(100_000 + i * 10_000));
    const lines = ['FROM base AS tool', 'RUN head -c 4000000 /dev/urandom > /tool', 'FROM base'];
    const more = [
      'COPY file* /files/',
      'COPY --from=tool /tool /tool',
      'RUN --mount=type=cache,target=/c head -c 3000000 /dev/zero > /c/f',
    ];
    writeFileSync(join(at, 'Dockerfile'), [...lines, ...more].join('\n'));
    world.ok('build', '-q', '-t', 'app', at);
    world.ok('save', '-o', join(world.dir, 'app.tar'), 'app');
    const fill = 'head -c 5000000 /dev/urandom > /v/f; head -c 2000000 /dev/urandom > /own';
    world.ok('run', '--network=none', '--name', 'one', '-v', 'vol1:/v', 'app', 'sh', '-c', fill);
    world.ok('tag', 'app', 'other:1');
  });
  after(() => {
    world[Symbol.dispose]();
  });

  test('the sizes of system df add up to what du says of the store, within 1 %', () => {
    const text = world.ok('system', 'df', '-v', '--format', 'json').stdout;
    assert.match(
      text,
      /^\{"Images":\[.*\],"Containers":\[.*\],"Volumes":\[.*\],"BuildCache":\[.*\]\}\n$/,
    );
    const table = world.ok('system', 'df', '--format', '{{.Type}}|{{.Size}}').stdout;
    const sum = [...table.matchAll(/\|([\d.]+)(B|kB|MB)$/gm)].reduce(
      (bytes, [, n, unit]) => bytes + Number(n) * { B: 1, kB: 1000, MB }[unit as 'B'],
      0,
    );
    const du = Number(
      execFileSync('du', ['-sB1', world.root], { encoding: 'utf8' }).split('\t')[0],
    );
    assert.ok(Math.abs(sum - du) < du / 100, `system df ${String(sum)}, du ${String(du)}`);
  });

  test('kinds: what is active, what could go', () => {
    const rows = world.ok('system', 'df').stdout.split('\n');
    assert.match(rows[0]!, /^TYPE {12}TOTAL {5}ACTIVE {4}SIZE +RECLAIMABLE$/);
    assert.match(rows[1]!, /^Images +2 +1 +\d+\.\d+MB +\d+(\.\d+)?k?B \(0%\)$/);
    assert.match(rows[2]!, /^Containers +1 +0 +2MB +2MB \(100%\)$/);
    assert.match(rows[3]!, /^Local Volumes +1 +1 +5MB +0B \(0%\)$/);
    assert.match(rows[4]!, /^Build Cache +\d+ +0 +\d+(\.\d+)?MB +\d+(\.\d+)?MB$/);
    const line = world.ok('system', 'df', '--format', 'json').stdout.split('\n')[1]!;
    assert.equal(
      line,
      '{"Active":"0","Reclaimable":"2MB (100%)","Size":"2MB","TotalCount":"1","Type":"Containers"}',
    );
  });

  test('headers and keys are those of the docker command line on a daemon of its own', async () => {
    await using docker = await dockerPeer(world.dir);
    const headers = (text: string): string[] =>
      text
        .split('\n')
        .filter((line) => /^([A-Z]+ ?)+( {2,}|$)|usage:/.test(line))
        .map((line) => line.replace(/ +/g, ' ').trim());
    const verbose = ['system', 'df', '-v'];
    const masked = (text: string): string[] =>
      headers(text)
        .filter((line) => /^[A-Z]{4}|usage:/.test(line))
        .map((line) => line.replace(/[\d.]+k?M?B$/, 'SIZE'));
    assert.deepEqual(
      masked(world.ok(...verbose).stdout).filter((line) => /usage:|NAME|ID|REPOSITORY/.test(line)),
      masked(docker.run(...verbose)).filter((line) => /usage:|NAME|ID|REPOSITORY/.test(line)),
    );
    const plain = (text: string): string => text.split('\n')[0]!;
    assert.equal(
      plain(world.ok('system', 'df').stdout).replace(/ +/g, ' '),
      plain(docker.run('system', 'df')).replace(/ +/g, ' '),
    );
    const kinds = (text: string): string[] =>
      text.split('\n').map((line) => line.split(/ {2,}/)[0]!);
    assert.deepEqual(
      kinds(world.ok('system', 'df').stdout).filter(Boolean),
      kinds(docker.run('system', 'df')).filter(Boolean),
    );
    for (const command of ['info', 'version']) {
      const theirs = new Set(shapeOf(JSON.parse(docker.run(command, '--format', '{{json .}}'))));
      const ours = shapeOf(JSON.parse(world.ok(command, '--format', '{{json .}}').stdout));
      const known = ours.filter((key) => !/Runtimes\.|Details|ClientInfo/.test(key));
      assert.deepEqual(
        known.filter((key) => !theirs.has(key)),
        [],
        command,
      );
    }
    const words = (text: string): string[] =>
      [...text.matchAll(/^( *[A-Z][\w /.]*):/gm)].map(([, word]) => word!.replace(/^ +/, ''));
    const theirWords = new Set(['Version', ...words(docker.run('info'))]); // Newer ones say theirs.
    assert.deepEqual(
      words(world.ok('info').stdout).filter((word) => !theirWords.has(word)),
      [],
    );
  });

  test('version: a line, docker’s blocks, a template', () => {
    assert.match(world.ok('--version').stdout, /^stave version \d+\.\d+\.\d+\n$/);
    assert.match(
      world.ok('version').stdout,
      /^Client:\n Version: +\S+\n OS\/Arch: +linux\/\S+\n Context: +default\n\nServer:\n Engine:\n {2}Version: +\S+\n/,
    );
    assert.match(
      world.ok('version', '-f', '{{.Server.Version}} {{.Client.Os}}').stdout,
      /^\d+\.\d+\.\d+ linux\n$/,
    );
    assert.match(
      world.ok('info', '-f', '{{.Containers}} {{.Images}} {{.DockerRootDir}}').stdout,
      new RegExp(`^1 2 ${world.root}\n$`),
    );
    const alone = '{{.Swarm.LocalNodeState}} {{.IndexServerAddress}} {{.Warnings}} {{len .ID}}';
    assert.equal(
      world.ok('info', '-f', alone).stdout,
      'inactive https://index.docker.io/v1/ [] 48\n',
    );
    assert.match(world.run('info', '-f', '{{.Nope}}').stderr, /can't evaluate field Nope/);
  });

  test('formats of docker’s config.json, where no flag says another', () => {
    const file = join(world.dir, 'home/.docker/config.json');
    mkdirSync(join(world.dir, 'home/.docker'));
    const formats = { psFormat: '{{.Names}}!', volumesFormat: '{{.Name}}!' };
    writeFileSync(file, JSON.stringify({ ...formats, networksFormat: '{{.Name}}!' }));
    assert.equal(world.ok('ps', '-a').stdout, 'one!\n');
    assert.match(world.ok('ps', '-aq').stdout, /^\w{12}\n$/);
    assert.equal(world.ok('volume', 'ls').stdout, 'vol1!\n');
    assert.equal(world.ok('volume', 'ls', '-q').stdout, 'vol1\n');
    assert.match(world.ok('network', 'ls').stdout, /^bridge!$/m);
    writeFileSync(file, '{');
    assert.match(world.ok('ps', '-a').stdout, /^CONTAINER ID/, 'a broken one says nothing');
    rmSync(file);
  });

  test('flags before the command, and what docker has that is not here: each works or says why not', () => {
    const version = world.ok('--version').stdout;
    const directory = join(world.dir, 'elsewhere');
    mkdirSync(directory);
    writeFileSync(join(directory, 'config.json'), '{"imagesFormat": "mine"}');
    for (const [args, out] of [
      [['-v'], version],
      [['-D', '--version'], version],
      [['--debug=false', '--log-level=warn', '-v'], version],
      [['-l', 'debug', '-c', 'default', '--context=default', '-v'], version],
      [['--config', directory, 'images', 'base'], 'mine\n'],
      [['help', 'tag'], world.ok('tag', '--help').stdout],
      [['help', 'volume'], world.ok('volume').stdout],
    ] as const)
      assert.equal(world.ok(...args).stdout, out, args.join(' '));
    for (const [line, status, message] of [
      ['-H tcp://127.0.0.1:1 ps', 1, '-H is not supported: there is no daemon to connect to'],
      ['--tlscacert=x ps', 1, '--tlscacert is not supported: there is no daemon to connect to'],
      ['--tlsverify ps', 1, '--tlsverify is not supported: there is no daemon to connect to'],
      ['-c far ps', 1, 'context "far": context not found: there is no daemon to connect to'],
      ['-l loud ps', 125, 'Unable to parse logging level: loud'],
      ['--conifg x ps', 125, 'unknown flag: --conifg'],
      ['--config', 125, 'flag needs an argument: --config'],
      ['ps --bogus', 125, 'unknown flag: --bogus'],
      ['version -f {{', 64, 'template parsing error: unclosed action'],
      [
        'events -f bogus',
        1,
        'invalid argument "bogus" for "-f, --filter" flag: bad format of filter (expected name=value)',
      ],
      ['bogus', 1, 'unknown command: stave bogus'],
      ['store check --format x', 1, 'invalid --format "x"'],
      ['help bogus', 1, 'unknown help topic: bogus'],
      ['swarm init', 1, 'stave swarm is not supported: swarm mode is not supported'],
      [
        'volume update v',
        1,
        'stave volume update is not supported: only volumes of a swarm can be updated',
      ],
      [
        'context use x',
        1,
        'stave context use is not supported: there is no daemon to have contexts of',
      ],
      ['buildx du', 1, 'stave buildx du is not supported: it is part of another command'],
      ['trust sign x', 1, 'stave trust is not supported: content trust is not supported'],
      [
        'volume ls -f dangling=x',
        1,
        `invalid value for filter 'dangling', must be "true" (or "1"), or "false" (or "0")`,
      ],
      ['volume create a b', 1, "'stave volume create' requires at most 1 argument"],
      [
        'volume create --name a b',
        1,
        'conflicting options: cannot specify a volume-name through both --name and as a positional arg',
      ],
      ...['system df', 'system prune', 'image prune', 'builder prune', 'volume ls', 'load']
        .concat(['volume prune', 'version', 'system info', 'system events', 'store check'])
        .map((name) => [`${name} x`, 1, `'stave ${name}' accepts no arguments`] as const),
    ] as const) {
      const outcome = world.run(...line.split(' '));
      assert.equal(outcome.stderr.split('\n')[0], `ERROR: ${message}`);
      assert.equal(outcome.status, status, line);
      if (!/events|dangling/.test(line)) assert.match(outcome.stderr, /\n\nhint: ./, line);
    }
    // Of a group the words under it are compared, not its own name.
    for (const [line, hint] of [
      ['store bogus', 'stave store --help lists the commands'],
      ['cache exprt', 'did you mean stave cache export?'],
    ] as const)
      assert.equal(
        world.run(...line.split(' ')).stderr,
        `ERROR: unknown command: stave ${line}\n\nhint: ${hint}\n`,
      );
    assert.equal(world.ok('events', '--since', '0', '--until', '1').stdout, '');
  });
});

/** Paths of a document's fields. */
function shapeOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [path];
  return Object.entries(value).flatMap(([key, inner]) => shapeOf(inner, `${path}.${key}`));
}
