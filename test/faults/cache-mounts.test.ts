import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { mountOf, noise, treeLines } from '../helpers/cache-mount.js';
import { figure } from '../helpers/figure.js';
import { contextOf } from '../helpers/run-context.js';
import { staveWorld } from '../helpers/stave.js';

const CALLS = [
  'openat',
  'write',
  'pwrite64',
  'rename',
  'renameat2',
  'unlink',
  'mkdir',
  'rmdir',
].concat([
  'fsync',
  'fchmod',
  'fchown',
  'utimensat',
  'link',
  'symlink',
  'flock',
  'mount',
  'umount2',
]);
/** One call in so many, of each kind. */
const STRIDE = 7;

/** RELIABILITY R1 for what travels: killed at any call, a mount is the old one or the new one, and so is an export. */
describe('cache mounts, killed at write-class calls', () => {
  const world = staveWorld();
  const [old, fresh, dest] = ['old', 'fresh', 'dest'].map((name) => join(world.dir, name)) as [
    string,
    string,
    string,
  ];
  let mount: string;
  let states: string[];
  const lines = (): string => JSON.stringify(treeLines(mount));
  before(() => {
    world.ok('build', '-q', '-t', 'base', busyboxContext(world.dir));
    world.ok(
      'build',
      '-q',
      contextOf(world, 'FROM base\nRUN --mount=type=cache,id=m,target=/c true\n'),
    );
    mount = mountOf(world, 'm');
    const first = fill(1);
    world.ok('cache', 'export', '--mounts', 'm', old);
    const second = fill(2);
    world.ok('cache', 'export', '--mounts', 'm', fresh);
    states = [first, second];
  });
  after(() => {
    world[Symbol.dispose]();
  });
  const fill = (seed: number): string => {
    for (const name of readdirSync(mount)) rmSync(join(mount, name), { recursive: true });
    for (let i = 0; i < 6; i++)
      writeFileSync(join(mount, `f${String(i)}`), noise(seed * 10 + i, 30_000));
    return lines();
  };
  /** Kills a command at a call of each kind, one in so many; gives how many were killed. */
  const sweep = (args: string[], prepare: () => void, check: (at: string) => void): number => {
    let killed = 0;
    for (const call of CALLS)
      for (let when = 1; ; when += STRIDE) {
        prepare();
        const inject = `inject=${call}:signal=SIGKILL:when=${String(when)}`;
        const tracer = ['-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', inject];
        const { status, signal } = spawnSync('strace', [...tracer, 'bin/stave', ...args], {
          env: world.env,
        });
        check(`${call} ${String(when)}`);
        if (status === 0) break;
        assert.ok(signal === 'SIGKILL' || status !== null, `${call} ${String(when)}`);
        killed++;
      }
    return killed;
  };
  const note = (what: string, killed: number): void => {
    figure({ area: 'Cache mounts', what, value: `${String(killed)} kills, 0 wrong`, rows: ['S1'] });
  };

  test('import: the old mount or the new one', () => {
    const killed = sweep(
      ['cache', 'import', '--mounts', '--overwrite', fresh],
      () => world.ok('cache', 'import', '--mounts', '--overwrite', old),
      (at) => {
        mount = mountOf(world, 'm');
        assert.ok(states.includes(lines()), at);
      },
    );
    note('SIGKILL of an import', killed);
  });

  test('export: the old one or the new one can be imported, and the next export is whole', () => {
    const killed = sweep(
      ['cache', 'export', '--mounts', 'm', dest],
      () => {
        rmSync(dest, { recursive: true, force: true });
        cpSync(old, dest, { recursive: true });
        world.ok('cache', 'import', '--mounts', '--overwrite', fresh);
      },
      (at) => {
        world.ok('cache', 'import', '--mounts', '--overwrite', dest);
        mount = mountOf(world, 'm');
        assert.ok(states.includes(lines()), at);
      },
    );
    note('SIGKILL of an export', killed);
  });

  test('a step whose changes are taken back: all of them or none', () => {
    const step = 'cd /c && rm f0 && echo new > f1 && mkdir d && echo new > d/f';
    const context = contextOf(world, `FROM base\nRUN --mount=type=cache,id=m,target=/c ${step}\n`);
    const names = (): string => readdirSync(mount).sort().join(' ');
    const before = ['f0', 'f1', 'f2', 'f3', 'f4', 'f5'].join(' ');
    const killed = sweep(
      ['build', '-q', '--no-cache', '--cache-mount-rollback=m', context],
      () => world.ok('cache', 'import', '--mounts', '--overwrite', old),
      (at) => {
        // Whoever comes next finishes what a killed process began.
        world.ok('cache', 'export', '--mounts', 'm', join(world.dir, 'look'));
        mount = mountOf(world, 'm');
        const done = existsSync(join(mount, 'd/f'));
        assert.equal(names(), done ? 'd f1 f2 f3 f4 f5' : before, at);
      },
    );
    note('SIGKILL of a step with --cache-mount-rollback', killed);
  });
});
