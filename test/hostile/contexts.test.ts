import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { tarOf } from '../helpers/archives.js';
import { plantCanary } from '../helpers/canary.js';
import { staveWorld } from '../helpers/stave.js';

const world = staveWorld();
after(() => {
  // Deeper than rmSync of Node 20 goes.
  execFileSync('rm', ['-rf', world.dir]);
});

function context(dockerfile: string): string {
  const dir = mkdtempSync(join(world.dir, 'context-'));
  writeFileSync(join(dir, 'Dockerfile'), dockerfile);
  return dir;
}

/** The full sizes of the row (a million files, 8 GiB) take minutes: by hand. */
describe('C15: large and deep contexts', () => {
  test('many files are copied in bounded memory', () => {
    const dir = context('FROM scratch\nCOPY . /\n');
    for (let i = 0; i < 100; i++) {
      mkdirSync(join(dir, `d${String(i)}`));
      for (let j = 0; j < 100; j++) writeFileSync(join(dir, `d${String(i)}/f${String(j)}`), '');
    }
    const args = ['-f', '%M', 'bin/stave', 'build', '-q', dir];
    const { status, stderr } = spawnSync('/usr/bin/time', args, {
      env: world.env,
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    assert.ok(Number(stderr.trim().split('\n').at(-1)) < 300_000, stderr);
  });

  test('3,000 directories in each other', () => {
    const dir = context('FROM scratch\nCOPY . /\n');
    // No path is that long: each is made from within the one before.
    const made = spawnSync(
      'python3',
      ['-c', 'import os\nfor i in range(3000):\n  os.mkdir("d"); os.chdir("d")'],
      { cwd: dir, encoding: 'utf8' },
    );
    assert.equal(made.status, 0, made.stderr);
    const { status, stderr } = world.run('build', '-q', dir);
    assert.equal(status, 1);
    assert.match(stderr, /ERROR: .*(deep|long)/);
    assert.doesNotMatch(stderr, /defect of stave|^\s+at .*:\d+:\d+/m);
  });

  for (const depth of [500, 3000]) {
    test(`a RUN that makes ${String(depth)} or more directories in each other; the tree can be removed`, () => {
      const dir = context('FROM scratch\nCOPY deep /\nWORKDIR /t\nRUN ["/deep"]\n');
      const program = `#include <sys/stat.h>
#include <unistd.h>
int main(void) {
  for (int i = 0; i < ${String(depth)}; i++)
    if (mkdir("nested", 0755) != 0 || chdir("nested") != 0) return 1;
  return 0;
}`;
      const cc = ['-static', '-x', 'c', '-', '-o', join(dir, 'deep')];
      execFileSync('gcc', cc, { input: program });
      const { status, stderr } = world.run('build', '--progress=plain', dir);
      if (depth === 500) assert.equal(status, 0, stderr);
      else {
        assert.equal(status, 1);
        assert.match(stderr, /ERROR: .*a directory of the layer is too deep: \/t\/nested\/nested/);
        assert.doesNotMatch(stderr, /defect of stave|^\s+at .*:\d+:\d+|.{400}/m);
      }
      world.ok('builder', 'prune', '-af');
      assert.deepEqual(readdirSync(join(world.root, 'tmp')), []);
      assert.deepEqual(readdirSync(join(world.root, 'trash')), []);
    });
  }

  test('a directory mounted below itself', () => {
    const dir = context('FROM scratch\nCOPY . /\n');
    mkdirSync(join(dir, 'a/b/c'), { recursive: true });
    writeFileSync(join(dir, 'a/file'), 'x');
    const script = 'mount --rbind "$1" "$1/a/b/c" && exec bin/stave build -q -o "$2" "$1"';
    const out = join(world.dir, 'out');
    const args = ['-m', '--propagation', 'private', 'sh', '-c', script, 'sh', dir, out];
    const { status, stderr } = spawnSync('unshare', args, { env: world.env, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.deepEqual(readdirSync(join(out, 'a/b/c')).sort(), ['Dockerfile', 'a']);
  });
});

test('B23: of a context that is refused nothing is used, and nothing stays', () => {
  using canary = plantCanary();
  const before = canary.tree();
  const build = (input: Uint8Array | string) =>
    spawnSync('bin/stave', ['build', '-q', '-'], { env: world.env, input, encoding: 'utf8' });
  const whole = tarOf({ name: 'Dockerfile', type: 'symlink', link: join(canary.dir, 'victim') });
  const broken = Buffer.concat([whole.subarray(0, 512), Buffer.alloc(2048, 'garbage ')]);
  for (const bytes of [broken, whole]) {
    const { status, stderr } = build(bytes);
    assert.equal(status, 1);
    assert.ok(!stderr.includes(canary.bytes.trim()), stderr);
    assert.doesNotMatch(stderr, /defect of stave/);
  }
  assert.equal(build('FROM scratch\nLABEL a=b\n').status, 0);
  assert.deepEqual(canary.tree(), before);
  assert.deepEqual(readdirSync(join(world.root, 'tmp')), []);
});

describe('C16: text that is not what it looks like', () => {
  const BIDI = '\u202e';

  test('is shown as it is spelled, and warned of', () => {
    const dir = context(
      `FROM scratch AS a\nLABEL a="user${BIDI} \u2066// check"\nCOPY Dockerfile /x${BIDI}\n`,
    );
    const { status, stderr } = world.run('build', '--progress=plain', dir);
    assert.equal(status, 0, stderr);
    assert.ok(!/[\u202a-\u202e\u2066-\u2069]/.test(stderr), 'raw');
    assert.ok(stderr.includes('\\u202e'));
    assert.match(stderr, /^ - line 2 holds the invisible character U\+202E/m);
  });

  test('is no tag and no stage', () => {
    const dir = context('FROM scratch\nLABEL a=b\n');
    for (const tag of [`app${BIDI}`, 'app\u200b', 'аpp'])
      assert.equal(world.run('build', '-q', '-t', tag, dir).status, 1, JSON.stringify(tag));
    const stage = context(`FROM scratch AS a\u200b\n`);
    assert.equal(world.run('build', '-q', stage).status, 1);
  });
});
