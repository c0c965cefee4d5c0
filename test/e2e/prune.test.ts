import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { staveWorld } from '../helpers/stave.js';

/** Checked against docker 20.10 and its command line 28 on the same state. */
describe('ps and prune', () => {
  const world = staveWorld();
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    const script = 'echo hi > /f; echo; sleep 1000';
    world.ok('run', '-d', '--name', 'up', '-l', 'k=v', '-l', 'a=b', 'bb', 'sh', '-c', script);
    world.run('run', '--name', 'failed', 'bb', 'sh', '-c', 'echo "a b"; exit 3');
    world.ok('create', '--name', 'fresh', 'bb', 'echo', 'it"s');
    while (world.ok('logs', 'up').stdout === '');
  });
  after(() => {
    world.run('rm', '-f', 'up');
    world[Symbol.dispose]();
  });
  const names = (...args: string[]): string =>
    world
      .ok('ps', '--format', '{{.Names}}', ...args)
      .stdout.trim()
      .replaceAll('\n', ' ');
  const refusal = (...args: string[]): string => world.run(...args).stderr.split('\n')[0] ?? '';
  const trees = (): number =>
    readdirSync(join(world.root, 'trees')).filter((name) => name !== 'by-diff').length;
  const answer = (input: string, ...args: string[]): string =>
    spawnSync('bin/stave', args, { env: world.env, encoding: 'utf8', input }).stdout;

  test('ps: sizes, the newest, what is cut, labels, raw', () => {
    const table = world.ok('ps', '-as').stdout.split('\n');
    assert.match(table[0] ?? '', /NAMES +SIZE$/);
    assert.match(table[1] ?? '', /"echo it\\"s" .* Created .* fresh +0B \(virtual [\d.]+MB\)$/);
    assert.match(table[2] ?? '', /"sh -c 'echo \\"a b\\"; …" .* Exited \(3\) /);
    assert.match(table[3] ?? '', /"sh -c 'echo hi > \/f…" .* up +3B \(virtual [\d.]+MB\)$/);
    assert.equal(names('-l'), 'fresh');
    assert.equal(names('-n', '2'), 'fresh failed');
    assert.equal(names('-n', '0'), 'up');
    assert.equal(
      world.ok('ps', '-f', 'name=up', '--format', '{{.Label "k"}}|{{.Labels}}|{{.LocalVolumes}}')
        .stdout,
      'v|a=b,k=v|0\n',
    );
    assert.equal(
      world.ok('ps', '--format', 'table {{.Label "k"}}\t{{.Names}}').stdout,
      'k         NAMES\nv         up\n',
    );
    const raw = world.ok('ps', '--format', 'raw').stdout;
    assert.match(raw, /^container_id: \w{12}\nimage: bb\ncommand: "sh .*\nports:\n\n$/s);
    const [rw = '', root = ''] = world
      .ok('inspect', '-s', '-f', '{{.SizeRw}} {{.SizeRootFs}}', 'up')
      .stdout.split(' ');
    assert.equal(rw, '3');
    assert.ok(Number(root) > 1_000_000);
  });

  test('ps: every filter', () => {
    for (const [filter, found] of [
      ['name=a', 'failed'],
      ['name=^up$', 'up'],
      ['status=created', 'fresh'],
      ['exited=3', 'failed'],
      ['exited=0', ''],
      ['label=k', 'up'],
      ['label=k=w', ''],
      ['ancestor=bb', 'fresh failed up'],
      ['ancestor=none', ''],
      ['before=fresh', 'failed up'],
      ['since=up', 'fresh failed'],
      ['network=none', ''],
      ['volume=x', ''],
      ['publish=80', ''],
      ['expose=80/tcp', ''],
      ['health=none', 'fresh failed up'],
      ['is-task=false', 'fresh failed up'],
      ['id=zz', ''],
    ] as const)
      assert.equal(names('-a', '-f', filter), found, filter);
    for (const [filter, message] of [
      ['bogus=1', "invalid filter 'bogus'"],
      ['status=bogus', "invalid filter 'status=bogus'"],
      ['exited=x', "invalid filter 'exited=x'"],
      ['health=bad', "invalid filter 'health=bad'"],
      ['before=nobody', 'No such container: nobody'],
    ] as const)
      assert.equal(refusal('ps', '-f', filter), `ERROR: ${message}`);
    assert.match(refusal('ps', '-f', 'x'), /bad format of filter \(expected name=value\)$/);
    assert.match(refusal('ps', '-q', '--format', 'x'), /^WARNING: Ignoring custom format/);
  });

  test('container prune asks; removes what does not run, by filters', () => {
    const question =
      'WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] ';
    assert.equal(answer('n\n', 'container', 'prune'), question);
    assert.equal(answer('', 'container', 'prune'), question);
    assert.equal(
      answer('y\n', 'container', 'prune', '--filter', 'label=k'),
      `${question}Total reclaimed space: 0B\n`,
    );
    assert.equal(
      world.ok('container', 'prune', '-f', '--filter', 'until=1h').stdout,
      'Total reclaimed space: 0B\n',
    );
    assert.equal(
      refusal('container', 'prune', '-f', '--filter', 'bogus=1'),
      "ERROR: invalid filter 'bogus'",
    );
    const ids = world.ok('ps', '-aq', '--no-trunc').stdout.split('\n').slice(0, 2).join('\n');
    assert.equal(
      world.ok('container', 'prune', '-f').stdout,
      `Deleted Containers:\n${ids}\n\nTotal reclaimed space: 0B\n`,
    );
    assert.equal(names('-a'), 'up');
  });

  test('image prune, rmi and builder prune: what goes, what stays, what is freed', () => {
    const at = join(world.dir, 'app');
    mkdirSync(at);
    writeFileSync(join(at, 'Dockerfile'), 'FROM bb\nRUN echo one > /one\nRUN echo two > /two\n');
    world.ok('build', '-q', '-t', 'app', at);
    assert.equal(world.ok('image', 'prune', '-f').stdout, 'Total reclaimed space: 0B\n');
    const id = world.ok('inspect', '-f', '{{.Id}}', 'app').stdout;
    const base = trees();
    assert.match(
      answer('y\n', 'image', 'prune', '-a', '--filter', 'label!=keep'),
      new RegExp(
        `all images without at least one container associated to them\\.\n.*Deleted Images:\nuntagged: app:latest\ndeleted: ${id}\nTotal reclaimed space: `,
      ),
    );
    assert.equal(world.ok('images', '-q').stdout.split('\n').length, 2);
    assert.equal(trees(), base, 'what a build made is its cache');
    const { stdout } = world.ok('builder', 'prune', '-f');
    assert.match(stdout, /^Deleted build cache objects:\n([0-9a-f]+\n)+\nTotal reclaimed space: /);
    assert.equal(trees(), base - 2);
    assert.equal(world.ok('exec', 'up', 'cat', '/f').stdout, 'hi\n');
    world.ok('build', '-q', '-t', 'app', at);
    assert.equal(world.ok('run', '--rm', 'app', 'cat', '/one', '/two').stdout, 'one\ntwo\n');
  });

  test('a build that runs keeps its cache', async () => {
    const at = join(world.dir, 'slow');
    mkdirSync(at);
    writeFileSync(
      join(at, 'Dockerfile'),
      'FROM bb\nRUN echo first > /first\nRUN echo up; exec sleep 1000\n',
    );
    const build = spawn('bin/stave', ['build', '--progress=plain', at], { env: world.env });
    let text = '';
    build.stderr.on('data', (data: Buffer) => (text += data.toString()));
    while (!/ up$/m.test(text)) await new Promise((resolve) => build.stderr.once('data', resolve));
    const before = trees();
    world.ok('builder', 'prune', '-f', '-a');
    assert.equal(trees(), before);
    const inUse = world.ok(
      'system',
      'df',
      '-v',
      '--format',
      '{{range .BuildCache}}{{.InUse}} {{end}}',
    );
    assert.match(inUse.stdout, /^true /);
    build.kill('SIGTERM');
    await new Promise((resolve) => build.once('close', resolve));
  });

  test('system prune names what it removes, and removes it', () => {
    assert.equal(
      answer('n\n', 'system', 'prune', '--filter', 'until=1h'),
      'WARNING! This will remove:\n  - all stopped containers\n  - all networks not used by at least one container\n  - all dangling images\n  - unused build cache\n\n  Items to be pruned will be filtered with:\n  - until=1h\n\nAre you sure you want to continue? [y/N] ',
    );
    world.ok('create', 'bb');
    const { stdout } = world.ok('system', 'prune', '-f', '-a');
    assert.match(stdout, /^Deleted Containers:\n\w{64}\n\nDeleted Images:\nuntagged: app:latest\n/);
    assert.match(stdout, /\nTotal reclaimed space: \S+\n$/);
    assert.equal(names('-a'), 'up');
    assert.equal(world.ok('images', '--format', '{{.Repository}}').stdout, 'bb\n');
  });
});
