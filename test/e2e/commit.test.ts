import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { staveWorld } from '../helpers/stave.js';

/** Lab 3: a container is changed by hand, looked at, and made an image. */
test('run, diff, commit, tag, run', () => {
  using world = staveWorld();
  world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  const script =
    'echo hello > /new; mkdir -p /a/b; touch /a/b/c; rm /bin/vi; chmod 700 /bin/busybox';
  world.ok('run', '--name', 'c1', '-e', 'WHO=me', 'bb', 'sh', '-c', script);
  const changes = ['A /a', 'A /a/b', 'A /a/b/c', 'C /bin', 'C /bin/busybox', 'D /bin/vi', 'A /new'];
  assert.deepEqual(world.ok('diff', 'c1').stdout.trim().split('\n'), changes);

  const flags = ['-a', 'me', '-m', 'why', '-c', 'CMD ["cat","/new"]', '-c', 'ENV X=$WHO'];
  const id = world.ok('container', 'commit', ...flags, 'c1', 'mine:1').stdout.trim();
  assert.match(id, /^sha256:[0-9a-f]{64}$/);
  assert.equal(world.ok('run', '--rm', 'mine:1').stdout, 'hello\n');
  assert.equal(world.run('run', '--rm', 'mine:1', 'test', '-e', '/bin/vi').status, 1);

  const [image] = JSON.parse(world.ok('inspect', 'mine:1').stdout) as [
    { Id: string; Author: string; Comment: string; Config: { Cmd: string[]; Env: string[] } },
  ];
  assert.equal(image.Id, id);
  assert.deepEqual([image.Author, image.Comment], ['me', 'why']);
  assert.deepEqual(image.Config.Cmd, ['cat', '/new']);
  assert.deepEqual([image.Config.Env[0], image.Config.Env[2]], ['WHO=me', 'X=me']);
  const history = world.ok('history', '--no-trunc', '--format', '{{.CreatedBy}}', 'mine:1').stdout;
  assert.equal(history.split('\n')[0], `sh -c ${script}`);

  const untagged = world.ok('commit', 'c1').stdout.trim();
  assert.match(world.ok('images').stdout, /^<none> +<none> +/m);
  world.ok('tag', untagged.slice(7, 19), 'ours');
  assert.equal(world.ok('run', '--rm', 'ours', 'cat', '/new').stdout, 'hello\n');

  using other = staveWorld();
  const archive = join(world.dir, 'mine.tar');
  world.ok('save', '-o', archive, 'mine:1');
  other.ok('load', '-i', archive);
  assert.equal(other.ok('run', '--rm', 'mine:1').stdout, 'hello\n');
});

test('a container that changed nothing gives an image without a new layer', () => {
  using world = staveWorld();
  world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  world.ok('run', '--name', 'idle', 'bb', 'true');
  assert.equal(world.ok('diff', 'idle').stdout, '');
  world.ok('commit', 'idle', 'same');
  const layers = (name: string): string =>
    world.ok('inspect', '--format', '{{json .RootFS.Layers}}', name).stdout;
  assert.equal(layers('same'), layers('bb'));
});

test('what cannot be committed is said', () => {
  using world = staveWorld();
  world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  world.ok('run', '--name', 'c1', 'bb', 'true');
  assert.match(world.run('commit', 'cx').stderr, /No such container: cx\n.*did you mean c1\?/s);
  assert.match(
    world.run('commit', '-c', 'RUN ls', 'c1').stderr,
    /RUN is not a valid change command/,
  );
  assert.match(world.run('commit', 'c1', 'Bad Name').stderr, /Bad Name/);
  assert.match(
    world.run('commit').stderr,
    /'stave commit' requires at least 1 and at most 2 arguments/,
  );
});
