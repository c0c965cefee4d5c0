import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { sys } from '../../src/sys/sys.js';
import { busyboxContext } from '../helpers/busybox.js';
import { runProgram } from '../helpers/run-program.js';
import { staveWorld } from '../helpers/stave.js';

const FILES = 200;
const KILLS = 10;

/** What Docker 20.10 does with the same images and commands, but for the links it follows out of the image. */
describe('what an image has comes into an empty volume', () => {
  const world = staveWorld();
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    build('filled', [
      'FROM bb',
      `RUN mkdir -p /data/sub && for i in $(seq ${String(FILES)}); do head -c 20000 /dev/zero > /data/sub/$i; done`,
      'RUN cd /data && echo image > f && ln f g && ln -s f l && mkfifo p && mknod z c 1 5 && chown -R -h 5:6 . && chmod 4750 f && chmod 1750 .',
      'RUN printf x > "/data/$(printf \'n\\303\\050\')"',
      'RUN ln -s /data /link && ln -s /nowhere /dangling && ln -s ../../.. /up && echo x > /file && mkdir /nothing',
      'VOLUME ["/../../canary", "/a/../b/"]',
    ]);
  });
  after(() => {
    world[Symbol.dispose]();
  });
  const build = (tag: string, lines: readonly string[]): void => {
    const at = join(world.dir, `context-${tag}`);
    mkdirSync(at);
    writeFileSync(join(at, 'Dockerfile'), `${lines.join('\n')}\n`);
    world.ok('build', '-q', '-t', tag, at);
  };
  const sh = (...args: string[]): string =>
    world
      .ok('run', '--rm', '--network=none', ...args.slice(0, -1), 'sh', '-c', args.at(-1)!)
      .stdout.trim();
  const LOOK =
    'cd /data && stat -c "%a %u:%g" . && stat -c "%a %u:%g %h" f g p z && ls -lan l | cut -c1-40 && readlink l && ls sub | wc -l && ls | wc -l';

  test('owners, modes, hard links, links, pipes, devices, names that are no text', () => {
    const inImage = sh('-v', 'other:/x', 'filled', LOOK);
    assert.match(inImage, /^1750 5:6\n4750 5:6 2\n4750 5:6 2\n/);
    assert.equal(sh('-v', 'all:/data', 'filled', LOOK), inImage);
    assert.equal(sh('-v', 'through:/link', 'filled', LOOK), inImage);
    assert.equal(sh('-v', 'inner:/x/../data/sub', 'filled', 'ls /data/sub | wc -l'), '200');
    assert.equal(sh('-v', 'readonly:/data:ro', 'filled', LOOK), inImage);
    assert.equal(
      sh('--mount', 'src=no,dst=/data,volume-nocopy', 'filled', 'ls -A /data | wc -l'),
      '0',
    );
    world.ok('volume', 'prune', '-af');
  });

  test('when the container is created, and not again when it starts', () => {
    world.ok('create', '--name', 'made', '-v', 'made:/data', 'filled', 'ls', '-A', '/data');
    const data = join(world.root, 'volumes/made/_data');
    assert.equal(readdirSync(join(data, 'sub')).length, FILES);
    runProgram('find', data, '-mindepth', '1', '-delete');
    assert.equal(world.ok('start', '-a', 'made').stdout, '');
    world.ok('rm', 'made');
    world.ok('volume', 'rm', 'made');
  });

  test('extended attributes', () => {
    const trees = join(world.root, 'trees');
    const [file] = readdirSync(trees)
      .map((id) => join(trees, id, 'fs/data/f'))
      .filter((path) => existsSync(path));
    sys().lsetxattr(file!, 'user.note', Buffer.from('kept'));
    sh('-v', 'noted:/data', 'filled', 'true');
    const copy = join(world.root, 'volumes/noted/_data/f');
    assert.equal(sys().lgetxattr(copy, 'user.note')?.toString(), 'kept');
    sys().lremovexattr(file!, 'user.note');
    world.ok('volume', 'rm', 'noted');
  });

  test('a volume another container has mounted stays the same directory', () => {
    world.ok('run', '-d', '--name', 'first', '-v', 'both:/x', 'bb', 'sleep', '1000');
    sh('-v', 'both:/nothing', 'filled', 'echo theirs > /nothing/theirs');
    assert.equal(world.ok('exec', 'first', 'cat', '/x/theirs').stdout, 'theirs\n');
    world.ok('exec', 'first', 'rm', '/x/theirs');
    sh('-v', 'both:/data', 'filled', 'echo more > /data/more');
    const seen = world.ok('exec', 'first', 'sh', '-c', 'stat -c %a /x; cat /x/f /x/more').stdout;
    assert.equal(seen, '1750\nimage\nmore\n');
    world.ok('rm', '-f', 'first');
    world.ok('volume', 'rm', 'both');
  });

  test('two containers at once fill it once', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 4 }, () =>
        world.start([
          'run',
          '--rm',
          '--network=none',
          '-v',
          'same:/data',
          'filled',
          'sh',
          '-c',
          LOOK,
        ]),
      ),
    );
    const [one] = outcomes;
    assert.match(one!.stdout, /\n200\n7\n$/);
    for (const { stdout, stderr } of outcomes) assert.equal(stdout, one!.stdout, stderr);
    assert.deepEqual(readdirSync(join(world.root, 'volumes/same')).sort(), ['_data', 'meta.json']);
    world.ok('volume', 'rm', 'same');
  });

  test(`${String(KILLS)} kill -9 while it is filled: whole for the next container`, async () => {
    const env = world.env;
    for (let round = 0; round < KILLS; round++) {
      const name = `killed-${String(round)}`;
      const at = join(world.root, 'volumes', name);
      const args = ['run', '--rm', '--network=none', '-v', `${name}:/data`, 'filled', 'true'];
      const child = spawn('bin/stave', args, { env, stdio: 'ignore' });
      const ended = new Promise((resolve) => child.once('exit', resolve));
      while (child.exitCode === null && !isThere(at, '.copy', '.whole')) await delay(1);
      await delay(round % 7);
      child.kill('SIGKILL');
      await ended;
      assert.match(sh('-v', `${name}:/data`, 'filled', LOOK), /\n200\n7$/);
      assert.deepEqual(readdirSync(at).sort(), ['_data', 'meta.json']);
    }
    world.ok('container', 'prune', '-f');
    world.ok('volume', 'prune', '-af');
  });

  test('hostile places: cleaned, kept inside the image, or refused', () => {
    assert.equal(
      sh('filled', 'cd /canary && cd /b && mount | grep -c -e " /canary " -e " /b "'),
      '2',
    );
    assert.equal(sh('-v', 'etc:/../../etc', 'filled', 'ls -d /etc'), '/etc');
    assert.equal(sh('-v', 'up:/up/made', 'filled', 'mount | grep -c " /made "'), '1');
    const run = (...args: string[]): string =>
      world.run('run', '--rm', '--network=none', ...args, 'filled', 'true').stderr;
    assert.match(run('-v', 'onfile:/file'), /cannot mount a directory on \/file, which is a file/);
    assert.match(run('-v', 'dangling:/dangling'), /a link on its way leads nowhere/);
    assert.match(run('-v', 'vv:/up'), /it is the root/);
    for (const name of ['a', 'x/y', 'x y', 'ü', '-x'])
      assert.match(
        run('-v', `${name}:/x`),
        /includes invalid characters for a local volume name|volume name is too short|invalid/,
      );
    world.ok('volume', 'prune', '-af');
  });
});

function isThere(directory: string, ...names: string[]): boolean {
  try {
    return readdirSync(directory).some((name) => names.includes(name));
  } catch {
    return false; // Not made yet.
  }
}
