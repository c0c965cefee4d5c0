import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { busyboxContext } from '../helpers/busybox.js';
import { staveWorld } from '../helpers/stave.js';
import { openTerminal } from '../helpers/terminal.js';

/** Found by playing the labs beside docker. */
describe('names of images', () => {
  const world = staveWorld();
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  });
  after(() => {
    world.run('rm', '-f', 'user');
    world[Symbol.dispose]();
  });

  test('what no registry gave has no digest to pull it by', () => {
    world.ok('tag', 'bb', 'bb:two');
    assert.equal(world.ok('inspect', '--format', '{{json .RepoDigests}}', 'bb').stdout, '[]\n');
    assert.equal(world.ok('images', '--format', '{{.Digest}}', 'bb:two').stdout, '<none>\n');
    assert.equal(world.ok('rmi', 'bb:two').stdout, 'Untagged: bb:two\n');
  });

  test('templates may ask for what an image does not set; it is not printed', () => {
    const template =
      '{{json .Config.Entrypoint}} {{.Config.Entrypoint}} {{.Config.Volumes}} {{.Config.ExposedPorts}} {{.Config.User}}.';
    assert.equal(world.ok('inspect', '-f', template, 'bb').stdout, 'null [] map[] map[] .\n');
    assert.doesNotMatch(world.ok('inspect', 'bb').stdout, /Entrypoint|Volumes/);
    assert.match(world.run('inspect', '-f', '{{.Config.Nothing}}', 'bb').stderr, /field Nothing/);
  });

  test('a name that a container needs goes by force; the image stays while it runs', () => {
    world.ok('run', '-d', '--name', 'user', 'bb', 'sleep', '1000');
    assert.match(
      world.run('rmi', 'bb').stderr,
      /conflict: unable to remove repository reference "bb" \(must force\) - container [0-9a-f]{12} is using its referenced image [0-9a-f]{12}\n\nhint: .*stave rm -f /,
    );
    assert.equal(world.ok('rmi', '-f', 'bb').stdout, 'Untagged: bb:latest\n');
    const [, , id = ''] = /^(<none>) +(<none>) +(\w+)/m.exec(world.ok('images').stdout) ?? [];
    assert.equal(id, '<none>');
    const image = world.ok('images', '-q').stdout.trim();
    assert.match(world.run('rmi', '-f', image).stderr, /\(cannot be forced\).*running container/);
    world.ok('tag', image, 'bb');
  });

  test('a base that is not there is compared with the names that are, not with their tags', () => {
    const said = (name: string): string => {
      writeFileSync(join(world.dir, 'Dockerfile'), `FROM ${name}\n`);
      return world.run('build', '-f', join(world.dir, 'Dockerfile'), world.dir).stderr;
    };
    world.ok('tag', 'bb', '127.0.0.1:9/base');
    assert.match(
      said('127.0.0.1:9/bsae'),
      /hint: did you mean 127\.0\.0\.1:9\/base:latest, which is/,
    );
    assert.match(
      said('127.0.0.1:9/base:lates'),
      /hint: did you mean 127\.0\.0\.1:9\/base:latest, which/,
    );
    world.ok('tag', 'bb', '127.0.0.1:9/a');
    assert.doesNotMatch(said('127.0.0.1:9/yy'), /which is in the store/);
    world.ok('rmi', '127.0.0.1:9/a', '127.0.0.1:9/base');
  });

  test('images takes one name', () => {
    const { status, stderr } = world.run('images', 'rm', 'bb');
    assert.equal(status, 1);
    assert.match(
      stderr,
      /^ERROR: 'stave images' requires at most 1 argument\n\nhint: did you mean stave image rm bb\?/,
    );
    assert.equal(
      world.ok('images', 'rm').stderr,
      'No images found matching "rm": did you mean "stave image rm"?\n',
    );
  });

  test('every filter of images, and what of a name it asks for', () => {
    writeFileSync(join(world.dir, 'Dockerfile'), 'FROM bb\nLABEL app=yes\nCOPY Dockerfile /\n');
    world.ok('build', '-q', '-t', 'app', '-t', 'app:two', '-t', 'localhost:9/team/app', world.dir);
    const names = (...args: string[]): string =>
      world
        .ok('images', '--format', '{{.Repository}}:{{.Tag}}', ...args)
        .stdout.trim()
        .replaceAll('\n', ' ');
    const all = 'app:latest app:two localhost:9/team/app:latest bb:latest';
    for (const [args, found] of [
      [[], all],
      [['-a'], all],
      [['app'], 'app:latest app:two'],
      [['app:two'], 'app:two'],
      [['a*'], 'app:latest app:two'],
      [['*/*/app'], 'localhost:9/team/app:latest'],
      [['-f', 'reference=app:t*', '-f', 'reference=bb'], 'app:two bb:latest'],
      [['-f', 'label=app'], all.replace(' bb:latest', '')],
      [['-f', 'label=app=no'], ''],
      [['-f', 'label!=app'], 'bb:latest'],
      [['-f', 'before=app'], 'bb:latest'],
      [['-f', 'since=bb', 'app:two'], 'app:two'],
      [['-f', 'until=1h'], ''],
      [['-f', 'dangling=true'], ''],
      [['-f', 'dangling=0', 'bb'], 'bb:latest'],
    ] as const)
      assert.equal(names(...args), found, args.join(' '));
    const id = world.ok('images', '-q', 'bb').stdout;
    assert.equal(world.ok('images', '-q', 'app').stdout.split('\n').length, 3, 'one a name');
    assert.match(
      world.ok('images', '--format', 'raw', 'bb').stdout,
      new RegExp(
        `^repository: bb\ntag: latest\nimage_id: ${id}created_at: .*\nvirtual_size: .*\n\n$`,
      ),
    );
    for (const [filter, message] of [
      ['dangling=x', "invalid filter 'dangling=[x]'"],
      ['before=nope', 'No such image: nope:latest'],
      ['until=x', "invalid filter 'until=x'"],
      ['bogus=1', "invalid filter 'bogus'"],
    ] as const)
      assert.equal(world.run('images', '-f', filter).stderr.split('\n')[0], `ERROR: ${message}`);
  });

  test('images as a tree, asked for or on a terminal; imagesFormat of the config', async () => {
    const tree = world.ok('images', '--tree', 'app').stdout;
    assert.match(
      tree,
      /^IMAGE {12}ID {13}DISK USAGE {3}CONTENT SIZE {3}EXTRA\napp:latest\napp:two {10}\w{12} .*\n└─ linux\/\w+ +\w{12} .*MB .*kB {8}\n\n$/,
    );
    assert.match(
      world.run('images', '--tree', '-q').stderr,
      /^ERROR: --quiet is not yet supported with --tree\n\nhint: /,
    );
    const shown = async (...args: string[]): Promise<string> => {
      const env = { ...world.env, NO_COLOR: '1' };
      const terminal = openTerminal('bin/stave', ['images', ...args], env);
      assert.equal(await terminal.exit, 0);
      return terminal.text();
    };
    const plain = await shown('app');
    assert.match(plain, /^ {62} Info -> {2}U In Use\r\nIMAGE +ID +DISK USAGE/);
    assert.match(plain, /\napp:latest +\w{12} .*\r\napp:two +\w{12} .*\r\n$/);
    mkdirSync(join(world.dir, 'home/.docker'));
    const config = join(world.dir, 'home/.docker/config.json');
    writeFileSync(config, '{"imagesFormat": "{{.Repository}} is {{.Tag}}"}');
    assert.equal(world.ok('images', 'app:two').stdout, 'app is two\n');
    assert.match(world.ok('images', '--tree', 'bb').stdout, /^IMAGE/);
    rmSync(config);
  });

  test('what is found is printed, and of all that is not it is told', () => {
    const { status, stdout, stderr } = world.run(
      ...['image', 'inspect', '-f', '{{.Os}}', 'no1', 'bb', 'no2'],
    );
    assert.equal(status, 1);
    assert.equal(stdout, 'linux\n');
    assert.match(
      stderr,
      /^ERROR: No such image: no1:latest$[^]*^ERROR: No such image: no2:latest$/m,
    );
    assert.equal(world.run('inspect', '-f', '{{', 'bb').status, 64, 'as docker');
    const twice = world.run('rmi', 'no1', 'no2');
    assert.equal(twice.status, 1);
    assert.equal(twice.stderr.match(/No such image/g)?.length, 2);
    const forced = world.run('rmi', '-f', 'no1');
    assert.equal(forced.status, 0);
    assert.match(forced.stderr, /No such image: no1/);
    world.ok('volume', 'create', 'vol');
    assert.equal(world.ok('inspect', '-f', '{{.Driver}}', 'vol').stdout, 'local\n');
    assert.match(world.run('inspect', '--type', 'volume', 'bb').stderr, /no such volume/i);
    assert.match(
      world.run('inspect', '--type', 'bogus', 'bb').stderr,
      /^ERROR: unknown type: "bogus": must be one of "container", "image"/,
    );
    assert.equal(world.ok('inspect', '-s', 'bb').stderr, 'WARNING: --size ignored for image\n');
  });

  test('one platform of an image; a history with times and bytes', () => {
    const host = world
      .ok('image', 'inspect', '-f', '{{.Os}}/{{.Architecture}}', 'bb')
      .stdout.trim();
    world.ok('image', 'inspect', '--platform', host, 'bb');
    assert.match(
      world.run('image', 'inspect', '--platform', 'linux/s390x', 'bb').stderr,
      /image with reference bb was found but does not provide the specified platform \(linux\/s390x\)\n\nhint: /,
    );
    assert.match(
      world.run('history', '--platform', 'linux/s390x', 'bb').stderr,
      /does not provide the specified platform/,
    );
    const plain = world.ok('history', '-H=false', 'bb').stdout;
    assert.match(plain, /^IMAGE +CREATED AT +CREATED BY/);
    assert.match(plain, /\n\w{12} +\d{4}-\d\d-\d\dT\S+Z .* 0 /);
  });

  test('an image of the older builder, with null for what it does not set, is built on and run', () => {
    const at = join(world.dir, 'nulls');
    mkdirSync(at);
    const none = { OnBuild: null, Env: null, Volumes: null, Entrypoint: null, Labels: null };
    const config = {
      ...{ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } },
      config: { ...none, Healthcheck: null, ExposedPorts: null, Cmd: ['sh'] },
    };
    writeFileSync(join(at, 'c.json'), JSON.stringify(config));
    const manifest = [{ Config: 'c.json', RepoTags: ['nulls:latest'], Layers: [] }];
    writeFileSync(join(at, 'manifest.json'), JSON.stringify(manifest));
    execFileSync('tar', ['-cf', join(at, 'all.tar'), '-C', at, 'c.json', 'manifest.json']);
    world.ok('load', '-i', join(at, 'all.tar'));
    writeFileSync(join(at, 'Dockerfile'), 'FROM nulls\nCOPY --from=bb / /\n');
    world.ok('build', '-q', '-t', 'onnulls', at);
    assert.equal(world.ok('run', '--rm', '--network=none', 'onnulls', 'echo', 'x').stdout, 'x\n');
    assert.equal(world.ok('inspect', '-f', '{{.Config.Cmd}}', 'onnulls').stdout, '[sh]\n');
  });

  test('import: a tar of a root, its config, its history; what is none is refused', () => {
    const tar = join(world.dir, 'root.tar.gz');
    const id = world.ok('create', '--name', 'rooted', 'bb').stdout.trim();
    assert.match(id, /^[0-9a-f]{64}$/);
    writeFileSync(tar, gzipSync(world.bytes('export', 'rooted')));
    const changes = ['-c', 'CMD ["echo","started"]', '--change=ENV a=b', '-m', 'from afar'];
    const made = world.ok('import', ...changes, tar, 'imported:1').stdout.trim();
    assert.equal(world.ok('run', '--rm', '--network=none', 'imported:1').stdout, 'started\n');
    const format = '{{.Id}} {{.Config.Env}} {{.Comment}} {{len .RootFS.Layers}} {{.Architecture}}';
    const shown = (name: string): string => world.ok('inspect', '-f', format, name).stdout;
    assert.match(shown('imported:1'), new RegExp(`^${made} \\[a=b\\] from afar 1 \\w+\n$`));
    const arm = world.ok('import', '--platform', 'linux/arm64', tar).stdout.trim();
    assert.match(shown(arm), /\[\] Imported from \S*root\.tar\.gz 1 arm64\n$/);
    const piped = execFileSync('sh', ['-c', `bin/stave import - piped < ${tar}`], {
      env: world.env,
    });
    assert.match(piped.toString(), /^sha256:/);
    world.ok('run', '--rm', '--network=none', 'piped', 'true');
    writeFileSync(tar, 'no tar');
    for (const [args, message] of [
      [[tar], /^ERROR: .*tar/],
      [['/none'], /^ERROR: no such archive: \/none/],
      [['-c', 'RUN x', tar], /^ERROR: .*RUN/i],
      [[], /^ERROR: 'stave import' requires at least 1 argument/],
    ] as const)
      assert.match(world.run('import', ...args).stderr, message);
    world.ok('rm', 'rooted');
  });

  test('save and load of one platform', () => {
    const tar = join(world.dir, 'bb.tar');
    const platform = world.ok('inspect', '-f', '{{.Os}}/{{.Architecture}}', 'bb').stdout.trim();
    world.ok('save', '--platform', platform, '-o', tar, 'bb');
    assert.match(
      world.run('save', '--platform', 'linux/s390x', '-o', tar, 'bb').stderr,
      /does not provide the specified platform \(linux\/s390x\)/,
    );
    assert.match(world.ok('load', '--platform', platform, '-i', tar).stdout, /^Loaded image: bb/);
    assert.match(
      world.run('load', '--platform', 'linux/s390x', '-i', tar).stderr,
      /^ERROR: image bb:latest of the archive is for \S+, not for linux\/s390x\n\nhint: /,
    );
  });

  test('a slip in either word of a command', () => {
    assert.match(world.run('conainer', 'prune').stderr, /did you mean stave container prune\?/);
    assert.match(world.run('container', 'prnue').stderr, /did you mean stave container prune\?/);
    // Allowed by the grammar of names, and no port.
    const port = /"127\.0\.0\.1:99999" is no host of a registry\n\nhint: .*65535/;
    assert.match(world.run('pull', '127.0.0.1:99999/x').stderr, port);
    const login = ['login', '-u', 'a', '-p', 'b', '127.0.0.1:99999'];
    assert.match(world.run(...login).stderr, port);
    assert.match(world.run('iamges').stderr, /did you mean stave images\?/);
  });
});
