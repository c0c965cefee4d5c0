import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { type Outcome, staveWorld } from '../helpers/stave.js';

// The tests run in a mount namespace of their own (scripts/run-tests.mjs): what is mounted here nobody else sees.

function mount(...args: string[]): void {
  const run = spawnSync('mount', args, { encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
}

describe('a full disk', () => {
  const world = staveWorld();
  const big = join(world.dir, 'big');
  const tiny = join(world.dir, 'tiny');
  const few = join(world.dir, 'few');
  before(() => {
    const base = busyboxContext(world.dir);
    world.ok('build', '-q', '-t', 'bb', base);
    mkdirSync(big);
    writeFileSync(
      join(big, 'noise'),
      Buffer.concat(
        Array.from({ length: 1 << 10 }, () => crypto.getRandomValues(Buffer.alloc(1 << 14))),
      ),
    );
    writeFileSync(join(big, 'Dockerfile'), 'FROM bb\nCOPY noise /noise\n');
    writeFileSync(join(big, 'run.Dockerfile'), 'FROM bb\nRUN cat /dev/zero > /big\n');
    world.ok('build', '-q', '-t', 'big', big);
    world.ok('save', '-o', join(world.dir, 'big.tar'), 'big');
    world.ok('save', '-o', join(world.dir, 'bb.tar'), 'bb');
    mkdirSync(tiny);
    mount('-t', 'tmpfs', '-o', 'size=12m', 'tiny', tiny);
  });
  after(() => {
    for (const at of [tiny, few, join(world.dir, 'there')]) spawnSync('umount', ['-l', at]);
    world[Symbol.dispose]();
  });

  const withRoot = (root: string, ...args: string[]): Outcome => {
    const run = spawnSync('bin/stave', args, {
      env: { ...world.env, STAVE_ROOT: root },
      encoding: 'utf8',
    });
    return { status: run.status, stdout: run.stdout, stderr: run.stderr };
  };
  /** The error as it is in fixtures/full-disk (UPDATE=1 writes it); exit 1. */
  const says = ({ status, stderr }: Outcome, name: string): void => {
    const at = stderr.indexOf('ERROR: ', stderr.lastIndexOf('\n\n#') + 1);
    const text = stderr
      .slice(Math.max(0, at))
      .replaceAll(world.dir, 'DIR')
      .replace(/[0-9a-f]{16,}/g, 'ID')
      .replace(/-[A-Za-z0-9]{6}\b/g, '-RANDOM');
    assert.equal(status, 1, stderr);
    const golden = join('fixtures/full-disk', `${name.replaceAll(/[^a-z]+/gi, '-')}.txt`);
    if (process.env['UPDATE'] === '1') writeFileSync(golden, text);
    assert.equal(text, readFileSync(golden, 'utf8'));
  };

  const OUTPUTS: readonly (readonly [name: string, args: (file: string) => readonly string[]])[] = [
    ['save -o', (file) => ['save', '-o', file, 'big']],
    ['-o type=oci', (file) => ['build', '-q', '-o', `type=oci,dest=${file}`, big]],
    ['-o type=docker', (file) => ['build', '-q', '-o', `type=docker,dest=${file}`, big]],
    ['-o type=tar', (file) => ['build', '-q', '-o', `type=tar,dest=${file}`, big]],
    ['-o type=local', (file) => ['build', '-q', '-o', `type=local,dest=${file}`, big]],
  ];
  for (const [name, args] of OUTPUTS) {
    test(`${name}: one clear error, nothing half-written`, () => {
      const file = join(tiny, 'out');
      says(world.run(...args(file)), name);
      if (!name.endsWith('local')) assert.deepEqual(readdirSync(tiny), []);
      else spawnSync('sh', ['-c', `rm -rf ${tiny}/*`]);
    });
  }

  const inStore: readonly (readonly [name: string, args: readonly string[]])[] = [
    ['COPY of a build', ['build', '-q', big]],
    ['RUN of a build', ['build', '-q', '-f', join(big, 'run.Dockerfile'), big]],
    ['load', ['load', '-i', join(world.dir, 'big.tar')]],
  ];
  for (const [name, args] of inStore) {
    test(`the store is full, ${name}: a clear error, and the store works on`, () => {
      const root = join(tiny, 'store');
      const loaded = withRoot(root, 'load', '-i', join(world.dir, 'bb.tar'));
      assert.equal(loaded.status, 0, loaded.stderr);
      const failed = withRoot(root, ...args);
      says(failed, name);
      assert.deepEqual(readdirSync(join(root, 'tmp')), []);
      assert.equal(withRoot(root, 'run', '--rm', 'bb', 'echo', 'works').stdout, 'works\n');
      spawnSync('rm', ['-rf', root]);
    });
  }

  test('no inode is left: that is what is said, and what is not needed can be removed', () => {
    mkdirSync(few);
    mount('-t', 'tmpfs', '-o', 'size=64m,nr_inodes=700', 'few', few);
    const stave = (...args: string[]): Outcome => withRoot(join(few, 'store'), ...args);
    const fill = (): void => {
      spawnSync('sh', ['-c', `mkdir -p "$1/$2" && cd "$1/$2" && seq 700 | xargs touch`, 'sh', few, `fill-${String(filled++)}`]); // prettier-ignore
      assert.ok(statfsSync(few).ffree < 16);
    };
    let filled = 0;
    assert.equal(stave('load', '-q', '-i', join(world.dir, 'bb.tar')).status, 0);
    const context = join(world.dir, 'plain');
    mkdirSync(context);
    writeFileSync(join(context, 'Dockerfile'), 'FROM bb\nRUN echo a > /a\nRUN echo b > /b\n');
    assert.equal(stave('build', '-q', '-t', 'two', context).status, 0);
    assert.equal(stave('create', '--name=box', '--network=none', 'bb').status, 0);
    fill();
    says(stave('build', '-q', '--no-cache', context), 'no inode for a build');
    for (const args of [
      ['rmi', 'two'],
      ['builder', 'prune', '-f', '-a'],
      ['rm', 'box'],
      ['system', 'prune', '-f', '-a'],
    ]) {
      fill();
      const { status, stderr } = stave(...args);
      assert.equal(status, 0, `${args.join(' ')}: ${stderr}`);
    }
    assert.equal(stave('images', '-q').stdout, '');
    spawnSync('sh', ['-c', `rm -rf ${few}/fill-*`]);
    assert.equal(stave('load', '-q', '-i', join(world.dir, 'bb.tar')).status, 0);
    assert.equal(stave('run', '--rm', '--network=none', 'bb', 'echo', 'works').stdout, 'works\n');
  });

  test('what does not fit is not begun: the bytes needed and those free are said', () => {
    const zeros = join(world.dir, 'zeros');
    mkdirSync(zeros);
    writeFileSync(join(zeros, 'zeros'), Buffer.alloc(64 << 20));
    writeFileSync(join(zeros, 'Dockerfile'), 'FROM bb\nCOPY zeros /zeros\n');
    world.ok('build', '-q', '-t', 'zeros', zeros);
    world.ok('save', '-o', join(world.dir, 'zeros.tar'), 'zeros');
    const root = join(tiny, 'store');
    assert.equal(withRoot(root, 'load', '-i', join(world.dir, 'zeros.tar')).status, 0);
    assert.match(
      withRoot(root, 'run', '--rm', 'zeros', 'true').stderr,
      /^ERROR: no space left on \S+: a file of layer sha256:[0-9a-f]{64} needs at least 67\d{6} bytes, \d+ bytes are free\n\nhint: /,
    );
    assert.deepEqual(readdirSync(join(root, 'tmp')), []);
    spawnSync('rm', ['-rf', root]);
  });

  test('a store that cannot be made, on a read-only filesystem, or of a newer stave', () => {
    const readonly = join(world.dir, 'readonly');
    mkdirSync(readonly);
    mount('-t', 'tmpfs', '-o', 'ro', 'ro', readonly);
    const made = withRoot(join(readonly, 'store'), 'images');
    spawnSync('umount', ['-l', readonly]);
    assert.match(
      made.stderr,
      /^ERROR: the store .*readonly\/store cannot be made: .*\n\nhint: set STAVE_ROOT/,
    );
    assert.equal(made.status, 1);
    for (const root of ['/proc/x', '/proc/x/y', '/sys/x', '/dev/null/x', '/proc/self/fd', '/sys']) {
      const refused = withRoot(root, 'images');
      assert.match(
        refused.stderr,
        /^ERROR: .*\n\nhint: set STAVE_ROOT to a directory [^\n]*\n$/,
        root,
      );
    }
    const newer = join(world.dir, 'newer');
    mkdirSync(newer, { mode: 0o700 });
    writeFileSync(join(newer, 'version'), '99\n');
    const refused = withRoot(newer, 'build', '-q', big);
    assert.match(
      refused.stderr,
      /^ERROR: the store .*newer has version 99, this stave knows 1\n\nhint: use the newer stave/,
    );
    assert.deepEqual(readdirSync(newer), ['version']);
    assert.ok(!existsSync(join(newer, 'blobs')));
  });

  test('a good store on a filesystem gone read-only lists, or says why; nothing is a defect', () => {
    const there = join(world.dir, 'there');
    assert.equal(withRoot(there, 'load', '-i', join(world.dir, 'bb.tar')).status, 0);
    mount('--bind', there, there);
    mount('-o', 'remount,ro,bind', there);
    for (const args of [
      ['images'],
      ['build', '-q', big],
      ['run', '--rm', 'bb', 'true'],
      ['load', '-i', join(world.dir, 'bb.tar')],
    ]) {
      const outcome = withRoot(there, ...args);
      assert.doesNotMatch(
        outcome.stderr,
        /defect of stave/,
        `${args.join(' ')}: ${outcome.stderr}`,
      );
    }
    spawnSync('umount', ['-l', there]);
  });
});
