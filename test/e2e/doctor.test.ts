import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { lockedContainer } from '../helpers/locked-container.js';
import { ordinaryWorld } from '../helpers/ordinary-user.js';
import { type Outcome, staveWorld } from '../helpers/stave.js';

interface Report {
  readonly rung: number;
  readonly containers: boolean;
  readonly builds: boolean;
  readonly runs: boolean;
  readonly ladder: readonly {
    rung: number;
    name: string;
    available: boolean;
    here: boolean;
    blocked?: string;
    remedy?: string;
  }[];
  readonly programs: readonly { name: string; version?: string; path?: string }[];
  readonly store: { path?: string; free?: number; filesystem?: string; problem?: string };
  readonly cgroups: { version: string };
  readonly overlay: string;
}

describe('stave doctor', () => {
  const root = staveWorld();
  const mapped = ordinaryWorld();
  const single = ordinaryWorld({ subordinateIds: 0 });
  const locked = mkdtempSync(join(process.env['STAVE_TEST_DIR'] ?? tmpdir(), 'stave-doctor-'));
  after(() => {
    for (const world of [root, mapped, single]) world[Symbol.dispose]();
    rmSync(locked, { recursive: true, force: true });
  });
  const reportOf = ({ stdout, stderr, status }: Outcome): Report => {
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout) as Report;
  };

  test('root: the first rung; versions, kernel, store', () => {
    const report = reportOf(root.run('doctor', '--format', 'json'));
    assert.equal(report.rung, 1);
    assert.ok(
      report.runs &&
        report.containers &&
        report.builds &&
        report.ladder.every(({ available }) => available),
    );
    assert.equal(report.overlay, 'works');
    const crun = report.programs.find(({ name }) => name === 'crun');
    assert.match(crun?.version ?? '', /^\d+\.\d+/);
    assert.equal(report.store.path, root.root);
    assert.ok((report.store.free ?? 0) > 0);
    assert.notEqual(report.store.filesystem, 'unknown');
    assert.match(report.cgroups.version, /^(v1|v2|hybrid|none)$/);
  });

  test('an ordinary user: the second, or the third with the remedy', () => {
    assert.equal(reportOf(mapped.run('doctor', '--format=json')).rung, 2);
    const report = reportOf(single.run('doctor', '--format=json'));
    assert.equal(report.rung, 3);
    assert.match(report.ladder[0]?.blocked ?? '', /uid 4242 is an ordinary user/);
    assert.match(report.ladder[1]?.remedy ?? '', /sudo usermod --add-subuids \S+ --add-subgids/);
    const { stdout } = single.ok('doctor');
    assert.match(stdout, /^> 3 {2}rootless, one id +here: /m);
    assert.match(stdout, /^ +remedy: .*usermod/m);
  });

  test('a container without privileges: the fourth, builds work', () => {
    const stave = lockedContainer(locked, {
      user: 'root',
      seccomp: 'docker',
      capabilities: 'default',
    });
    const report = reportOf(stave('doctor', '--format=json'));
    assert.deepEqual([report.rung, report.builds, report.runs], [4, true, true]);
    assert.ok(report.containers);
    assert.match(report.ladder[0]?.blocked ?? '', /seccomp/);
    assert.match(report.ladder[0]?.remedy ?? '', /--privileged/);
    assert.equal(report.ladder.find(({ here }) => here)?.name, 'chroot');
    const bare = lockedContainer(mkdtempSync(join(locked, 'bare-')), {
      user: 'root',
      seccomp: 'docker',
      capabilities: 'none',
    });
    const none = reportOf(bare('doctor', '--format=json'));
    assert.deepEqual([none.rung, none.builds, none.runs], [4, true, false]);
    assert.ok(!none.containers);
    assert.match(none.ladder[5]?.blocked ?? '', /chroot\(2\) needs root, or CAP_SYS_CHROOT/);
  });

  test('no runtime: RUN does not work, and says what to install', () => {
    const bin = mkdtempSync(join(root.dir, 'bin-'));
    for (const name of ['sh', 'unshare', 'readlink', 'true'])
      symlinkSync(`/usr/bin/${name}`, join(bin, name));
    symlinkSync(process.execPath, join(bin, 'node'));
    const env = root.env['PATH'];
    root.env['PATH'] = bin;
    try {
      const report = reportOf(root.run('doctor', '--format=json'));
      assert.deepEqual([report.rung, report.builds, report.runs], [4, true, false]);
      assert.match(report.ladder[0]?.remedy ?? '', /apt-get install crun/);
    } finally {
      root.env['PATH'] = env;
    }
  });

  test('nothing can be built: exit code 1, why and the remedy', () => {
    const store = root.env['STAVE_ROOT'];
    root.env['STAVE_ROOT'] = join(process.cwd(), 'package.json');
    try {
      const outcome = root.run('doctor');
      assert.equal(outcome.status, 1);
      assert.match(outcome.stdout, /problem: .*\n +remedy: set STAVE_ROOT/);
    } finally {
      root.env['STAVE_ROOT'] = store;
    }
    assert.match(
      root.run('doctor', '--format', 'xml').stderr,
      /invalid --format "xml": text or json/,
    );
  });
});
