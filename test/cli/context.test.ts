import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { staveWorld } from '../helpers/stave.js';

const world = staveWorld();
after(() => {
  world[Symbol.dispose]();
});

const context = join(world.dir, 'app');
mkdirSync(join(context, 'node_modules/left/deep'), { recursive: true });
mkdirSync(join(context, 'src'));
for (const [name, size] of Object.entries({
  ...{ Dockerfile: 20, 'src/a.js': 1500, 'src/b.js': 2, 'notes.md': 7 },
  ...{ 'node_modules/left/index.js': 100, 'node_modules/left/deep/keep': 3 },
}))
  writeFileSync(join(context, name), 'x'.repeat(size));
writeFileSync(
  join(context, '.dockerignore'),
  '# ours\nnode_modules\n*.md\n!node_modules/left/deep/keep\n.dockerignore\n',
);

test('context ls: paths, sizes, biggest directories, total', () => {
  assert.equal(
    world.ok('context', 'ls', context).stdout,
    [
      'PATH                          SIZE',
      'Dockerfile                    20B',
      'node_modules/left/deep/keep   3B',
      'src/a.js                      1.5kB',
      'src/b.js                      2B',
      '',
      'BIGGEST DIRECTORIES       SIZE      FILES',
      'src/                      1.5kB     2',
      'node_modules/             3B        1',
      'node_modules/left/        3B        1',
      'node_modules/left/deep/   3B        1',
      '',
      'total 1.52kB in 4 files',
      '',
    ].join('\n'),
  );
  const json = world.ok('context', 'ls', '--format=json', context).stdout.split('\n')[2] ?? '';
  assert.deepEqual(JSON.parse(json), {
    ...{ Path: 'src/a.js', Size: '1.5kB', Bytes: '1500', Type: 'file' },
  });
});

test('context why: in or out, by which line', () => {
  const paths = ['src', 'notes.md', 'node_modules/left/index.js', 'node_modules/left/deep/keep'];
  const { stdout } = world.ok('context', 'why', '--context', context, ...paths);
  const lines = stdout.split('\n').map((line) => line.replace(/\S*\/\.dockerignore/, 'IGNORE'));
  const cells = lines.map((line) => line.split(/ {2,}/));
  assert.deepEqual(cells.slice(0, 5), [
    ['PATH', 'STATE', 'SIZE', 'DECIDED BY'],
    ['src/', 'in', '1.5kB', 'no rule'],
    ['notes.md', 'out', '7B', 'IGNORE:3'],
    ['node_modules/left/index.js', 'out', '100B', 'IGNORE:2'],
    ['node_modules/left/deep/keep', 'in', '3B', 'IGNORE:4'],
  ]);
});

test("the Dockerfile's own ignore file wins", () => {
  writeFileSync(join(context, 'Other.dockerignore'), 'src\n');
  const file = ['-f', join(context, 'Other')];
  const { stdout } = world.ok('context', 'why', ...file, '--context', context, 'src', 'notes.md');
  assert.match(stdout, /^src\/ +out .*Other\.dockerignore:1\nnotes\.md +in +7B +no rule\n$/m);
});

test('what is not there, and what is not below the context', () => {
  const why = (path: string): string =>
    world.run('context', 'why', '--context', context, path).stderr;
  assert.match(why('src/c.js'), /src\/c\.js: no such file[^]*did you mean src\/[ab]\.js/);
  assert.match(why('../x'), /not a path below the build context/);
  assert.match(world.run('context', 'ls', 'nowhere').stderr, /"nowhere" is not found/);
  assert.match(world.run('context', 'why').stderr, /requires at least 1 argument/);
});

test('no store is made for it', () => {
  assert.equal(world.run('context', 'ls', context).status, 0);
  assert.equal(existsSync(world.root), false);
});
