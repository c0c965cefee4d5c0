import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { type Outcome, staveWorld } from '../helpers/stave.js';

describe('volumes', () => {
  const world = staveWorld();
  const host = join(world.dir, 'host');
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    const at = join(world.dir, 'image');
    mkdirSync(at);
    mkdirSync(host);
    writeFileSync(join(host, 'file'), 'of the machine\n');
    writeFileSync(
      join(at, 'Dockerfile'),
      'FROM bb\nRUN mkdir -p /data/sub && echo image > /data/f && ln /data/f /data/g && chown -R 5:6 /data && chmod 750 /data\nVOLUME /anon\n',
    );
    world.ok('build', '-q', '-t', 'vol', at);
    world.ok('build', '-q', '-t', 'evil', hostileContext(world.dir, host));
  });
  after(() => {
    world[Symbol.dispose]();
  });
  const run = (...args: string[]): Outcome => world.run('run', '--rm', '--network=none', ...args);
  const out = (...args: string[]): string =>
    world.ok('run', '--rm', '--network=none', ...args).stdout.trim();
  const sh = (...args: string[]): string => out(...args.slice(0, -1), 'sh', '-c', args.at(-1)!);
  const names = (): string[] =>
    world
      .ok('volume', 'ls', '-q')
      .stdout.split('\n')
      .filter((name) => name !== '');

  test('an empty volume takes over what the image has: content, owner, mode, hard links; once', () => {
    const look = 'stat -c "%a %u:%g" /data /data/f; stat -c %h /data/f; cat /data/f';
    assert.equal(sh('-v', 'copied:/data', 'vol', look), '750 5:6\n644 5:6\n2\nimage');
    assert.equal(sh('-v', 'copied:/data', 'vol', 'echo new > /data/f; rm /data/g'), '');
    assert.equal(sh('-v', 'copied:/data', 'vol', 'ls /data; cat /data/f'), 'f\nsub\nnew');
    assert.equal(sh('-v', 'plain:/data:nocopy', 'vol', 'ls /data'), '');
    assert.equal(
      sh('-v', 'copied:/x:ro', 'bb', 'cat /x/f; touch /x/y 2>/dev/null || echo no'),
      'new\nno',
    );
    assert.equal(sh('--mount', 'src=copied,dst=/s,volume-subpath=f,ro', 'bb', 'cat /s'), 'new');
    assert.match(
      run('--mount', 'src=copied,dst=/s,volume-subpath=../x', 'bb').stderr,
      /subpath must be/,
    );
    world.ok('volume', 'rm', 'copied', 'plain');
  });

  test('anonymous ones go with --rm and rm -v; others stay; one in use is not removed', () => {
    out('vol', 'true');
    assert.deepEqual(names(), []);
    world.ok('create', '--name', 'keeps', '-v', '/more', '-v', 'named:/n', 'vol');
    const [first, second, third] = names();
    assert.equal(third, 'named');
    assert.match(`${first!}${second!}`, /^[0-9a-f]{128}$/);
    const id = world.ok('inspect', '-f', '{{.Id}}', 'keeps').stdout.trim();
    const refused = world.run('volume', 'rm', 'named', 'nosuch');
    assert.equal(
      refused.stderr.replace(/\n\nhint: .*/g, ''),
      `ERROR: remove named: volume is in use - [${id}]\nERROR: get nosuch: no such volume\n`,
    );
    assert.equal(refused.status, 1);
    const other = world.ok('create', '--name', 'other', '--volumes-from', 'keeps:ro', 'bb').stdout;
    assert.match(other, /^[0-9a-f]{64}\n$/);
    world.ok('rm', '-v', 'keeps');
    assert.equal(names().length, 3); // The other container has them.
    const mounts = world.ok(
      'inspect',
      '-f',
      '{{range .Mounts}}{{.Destination}} {{.RW}} {{end}}',
      'other',
    );
    assert.equal(mounts.stdout, '/anon false /more false /n false \n');
    world.ok('rm', '-v', 'other');
    assert.deepEqual(names(), ['named']);
    world.ok('volume', 'rm', 'named');
  });

  test('volume create, ls, inspect, prune', () => {
    assert.equal(world.ok('volume', 'create', '--label', 'a=b', 'v1').stdout, 'v1\n');
    assert.equal(world.ok('volume', 'create', 'v1').stdout, 'v1\n');
    assert.match(world.ok('volume', 'create').stdout, /^[0-9a-f]{64}\n$/);
    assert.match(
      world.run('volume', 'create', '../x').stderr,
      /^ERROR: create \.\.\/x: "\.\.\/x" includes invalid characters for a local volume name/,
    );
    assert.equal(
      world.ok('volume', 'ls', '-f', 'name=v1').stdout,
      'DRIVER    VOLUME NAME\nlocal     v1\n',
    );
    assert.equal(world.ok('volume', 'ls', '-qf', 'label=a=b').stdout, 'v1\n');
    assert.equal(world.ok('volume', 'ls', '-q', '-f', 'dangling=false').stdout, '');
    const [volume] = JSON.parse(world.ok('volume', 'inspect', 'v1').stdout) as Record<
      string,
      unknown
    >[];
    assert.deepEqual(Object.keys(volume!), [
      'CreatedAt',
      'Driver',
      'Labels',
      'Mountpoint',
      'Name',
      'Options',
      'Scope',
    ]);
    assert.deepEqual(volume!['Labels'], { a: 'b' });
    writeFileSync(join(String(volume!['Mountpoint']), 'x'), 'x'.repeat(1000));
    assert.match(
      world.ok('volume', 'prune', '-f').stdout,
      /^Deleted Volumes:\n[0-9a-f]{64}\n\nTotal reclaimed space: 0B\n$/,
    );
    assert.equal(
      world.ok('volume', 'prune', '-af').stdout,
      'Deleted Volumes:\nv1\n\nTotal reclaimed space: 1kB\n',
    );
    assert.equal(world.ok('volume', 'prune', '-f').stdout, 'Total reclaimed space: 0B\n');
    assert.match(world.run('volume', 'rm', 'v1').stderr, /^ERROR: get v1: no such volume/);
    assert.equal(world.ok('volume', 'rm', '-f', 'v1').stdout, 'v1\n');
  });

  test('ps shows and finds mounts; system df counts volumes; system prune removes anonymous ones', () => {
    world.ok('volume', 'create', 'sized');
    sh('-v', 'sized:/s', 'bb', 'head -c 3000 /dev/zero > /s/f');
    world.ok('create', '--name', 'mounting', '-v', 'named:/n', '-v', `${host}:/h`, 'vol');
    const shown = (...args: string[]): string => world.ok('ps', '-a', ...args).stdout.trim();
    const mounts = '{{.Mounts}}|{{.LocalVolumes}}';
    assert.match(shown('--format', mounts), /^[0-9a-f]{14}…,\S{14}…,named\|2$/);
    assert.match(
      shown('--no-trunc', '--format', mounts),
      new RegExp(`^[0-9a-f]{64},${host},named\\|2$`),
    );
    for (const [filter, found] of [
      ['named', 'mounting'],
      ['/n', 'mounting'],
      [host, 'mounting'],
      ['/h', 'mounting'],
      ['nam', ''],
      ['sized', ''],
    ] as const)
      assert.equal(shown('--format', '{{.Names}}', '-f', `volume=${filter}`), found, filter);
    const df = (): string =>
      world
        .ok('system', 'df', '--format', '{{.TotalCount}} {{.Active}} {{.Size}} {{.Reclaimable}}')
        .stdout.split('\n')[2]!;
    assert.equal(df(), '3 2 3kB 3kB (100%)');
    const table = world.ok('system', 'df', '-v').stdout;
    assert.match(
      table,
      /\nVOLUME NAME +LINKS +SIZE\n[0-9a-f]{64} +1 +0B\nnamed +1 +0B\nsized +0 +3kB\n/,
    );
    const question = world.run('system', 'prune', '--volumes').stdout;
    assert.match(question, /\n  - all anonymous volumes not used by at least one container\n/);
    assert.equal(
      world.run('system', 'prune', '--volumes', '-f', '--filter', 'until=1h').stderr,
      'ERROR: The "until" filter is not supported with "--volumes"\n',
    );
    world.ok('system', 'prune', '-f');
    assert.equal(names().length, 3);
    assert.match(
      world.ok('system', 'prune', '-f', '--volumes').stdout,
      /^Deleted Volumes:\n[0-9a-f]{64}\n\n/,
    );
    assert.deepEqual(names(), ['named', 'sized']);
    assert.equal(
      world.ok('volume', 'ls', '--format', '{{.Label "x"}}{{.Size}}').stdout,
      'N/A\nN/A\n',
    );
    world.ok('volume', 'rm', 'named', 'sized');
  });

  test('binds: of directories, files and devices; a source that is not there is made by -v, refused by --mount', () => {
    assert.equal(
      sh(
        '-v',
        `${host}:/h`,
        '-v',
        `${host}/file:/etc/file:ro`,
        'bb',
        'cat /h/file /etc/file; echo x > /h/made',
      ),
      'of the machine\nof the machine',
    );
    assert.equal(readFileSync(join(host, 'made'), 'utf8'), 'x\n');
    assert.equal(
      sh('-v', '/dev/null:/etc/masked', 'bb', 'cat /etc/masked; echo x > /etc/masked && echo ok'),
      'ok',
    );
    const fresh = join(world.dir, 'fresh');
    assert.match(
      run('--mount', `type=bind,src=${fresh},dst=/x`, 'bb', 'true').stderr,
      /bind source path does not exist: .*fresh/,
    );
    assert.equal(existsSync(fresh), false);
    out('-v', `${fresh}:/x/y`, 'bb', 'touch', '/x/y/z');
    assert.deepEqual(readdirSync(fresh), ['z']);
    const device = sh(
      '-v',
      `${host}:/h`,
      'bb',
      'mknod /h/mem c 1 1; head -c 1 /h/mem 2>&1 || true',
    );
    assert.equal(device, 'head: /h/mem: Permission denied');
  });

  test('tmpfs: empty, with its options', () => {
    const args = ['--tmpfs', '/t:size=1m,mode=700', '--mount', 'type=tmpfs,dst=/u,tmpfs-size=2m'];
    const look =
      'stat -c %a /t /u; df -k /t /u | grep -o " [0-9]* " | head -2; mount | grep -c "noexec.*size=1024k"';
    const [t, u] = sh(...args, 'bb', look).split('\n');
    assert.deepEqual([t, u], ['700', '1777']);
    assert.match(run('--tmpfs', '/t:foo=1', 'bb').stderr, /^ERROR: invalid tmpfs option "foo=1"/);
    assert.match(sh('--tmpfs', '/dev/shm:size=1m', 'bb', 'df -k /dev/shm | tail -1'), / 1024 /);
  });

  test('what is mounted is no change of the container, and not committed', () => {
    world.ok(
      'run',
      '--network=none',
      '--name',
      'changed',
      '-v',
      'vv:/data',
      '-v',
      `${host}:/new`,
      'vol',
      'touch',
      '/data/x',
      '/new/x',
      '/own',
    );
    assert.equal(world.ok('diff', 'changed').stdout, 'A /own\n');
    world.ok('rm', '-v', 'changed');
    world.ok('volume', 'rm', 'vv');
  });

  const REFUSED: readonly (readonly [args: readonly string[], message: RegExp])[] = [
    [['-v', '/a:/b:foo'], /^ERROR: invalid mode: foo/],
    [['-v', '/a:/b:rshared'], /^ERROR: bind propagation rshared is not supported/],
    [['-v', '/a::/b'], /^ERROR: invalid spec: \/a::\/b: empty section between colons/],
    [['-v', 'a:b'], /mount path must be absolute/],
    [['-v', 'a/b:/x'], /includes invalid characters for a local volume name.*use absolute path/],
    [['-v', '/a:/'], /destination can't be '\/'/],
    [['-v', '/a:/x/../'], /destination can't be '\/'/],
    [['-v', '/a:/x', '--tmpfs', '/x'], /^ERROR: Duplicate mount point: \/x/],
    [['-v', '/a:/proc'], /^ERROR: mount target \/proc is not allowed/],
    [['--tmpfs', '/proc/self/attr'], /^ERROR: mount target \/proc\/self\/attr is not allowed/],
    [['-v', '/a:/x/../sys'], /^ERROR: mount target \/sys is not allowed/],
    [['--volumes-from', 'nosuch'], /^ERROR: No such container: nosuch/],
    [['--mount', 'type=volum,dst=/x'], /invalid mount config for type "volum": mount type unknown/],
    [
      ['--mount', 'dst=/x,sourc=y'],
      /unexpected key 'sourc' in 'sourc=y'\n\nhint: did you mean source\?/,
    ],
    [
      ['--mount', 'type=bind,dst=/x,src=/tmp,volume-nocopy'],
      /cannot mix 'volume-\*' options with mount type 'bind'/,
    ],
    [['--mount', 'src=/x'], /target is required/],
    [['-v', '/proc/x/y:/x'], /error while creating mount source path '\/proc\/x\/y': .*\n\nhint: /],
    [['--volume-driver', 'nfs'], /^ERROR: --volume-driver is not supported: /],
  ];
  for (const [args, message] of REFUSED) {
    test(`run ${args.join(' ')}: refused, nothing made`, () => {
      assert.match(run(...args, 'bb', 'true').stderr, message);
      assert.deepEqual(names(), []);
    });
  }

  test('no link of an image leads a mount out of the root (A4, A11, A13, A17)', () => {
    const before = readdirSync(host);
    assert.match(
      run('-v', 'in:/out/new', 'evil', 'true').stderr,
      /mount target \/out\/new cannot be used: a link on its way leads nowhere/,
    );
    assert.match(
      run('-v', '/tmp:/toproc', 'evil', 'true').stderr,
      /mount target \/toproc .*(is not allowed|cannot be used)/,
    );
    assert.deepEqual(readdirSync(host), before);
    assert.equal(existsSync(join(host, 'new')), false);
    world.ok('volume', 'rm', 'in');
  });
});

/** `/out` leads to a directory of the machine, `/toproc` to a kernel filesystem. */
function hostileContext(dir: string, host: string): string {
  const context = join(dir, 'evil');
  mkdirSync(context);
  writeFileSync(
    join(context, 'Dockerfile'),
    `FROM bb\nRUN ln -s ${host} /out && ln -s /proc/sys /toproc\n`,
  );
  return context;
}
