import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { processesOf } from '../helpers/processes.js';
import { createLauncher, type Launcher } from '../../src/runtime/launcher.js';

/** The runtime is `echo` here: what it is told is what it prints. */
describe('a chain of processes that waits to become a runtime', () => {
  let dir = '';
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'stave-launcher-'));
  });
  after(() => {
    rmSync(dir, { recursive: true });
  });

  const launcher = (place = dir): Launcher => {
    const seccomp = { kind: 'crun', cacheDir: place, scratch: place } as const;
    return createLauncher({ kind: 'crun', program: '/bin/echo', seccomp, dir: place });
  };
  const never = new AbortController().signal;
  const silent = { cgroups: 'disabled', onOutput: () => undefined } as const;

  /** Resolves when no process has this directory on its command line. */
  const allGone = async (place = dir): Promise<void> => {
    const end = Date.now() + 60_000;
    while (processesOf(place).length > 0) {
      assert.ok(Date.now() < end, `still there: ${processesOf(place).join(' ')}`);
      await delay(5);
    }
  };

  test('it becomes what it was started for, the first and the next', async () => {
    const own = launcher();
    for (const cgroups of ['disabled', 'cgroupfs'] as const) {
      using launch = await own.take();
      own.warmUp();
      let text = '';
      const onOutput = (_: string, data: Uint8Array): void => {
        text += Buffer.from(data).toString();
      };
      const { exitCode } = await launch.go({ cgroups, onOutput, signal: never });
      assert.equal(exitCode, 0);
      const place = `--root ${dir}/state --log ${launch.log} --log-format json`;
      const line = `--cgroup-manager=${cgroups} ${place} run --bundle ${launch.bundle} ${launch.id}`;
      assert.equal(text, `${line}\n`);
    }
    await own.close();
    await allGone();
  });

  test('one that nobody needs ends, however early it is told', async () => {
    // Between a fork and what is set after it there are some ten microseconds.
    for (let i = 0; i < 300; i++) {
      const own = launcher();
      own.warmUp();
      await delay(1);
      for (const end = performance.now() + (i % 100) / 25; performance.now() < end;);
      await own.close();
    }
    await allGone();
  });

  test('a launch that is given up ends, and so does one that is aborted at once', async () => {
    const own = launcher();
    for (let i = 0; i < 10; i++) {
      using launch = await own.take();
      if (i % 2 === 0) continue;
      const aborted = new AbortController();
      const done = launch.go({ ...silent, signal: aborted.signal });
      aborted.abort(new Error('enough'));
      const { exitCode } = await done;
      assert.ok(exitCode !== 1, 'killed, or it was faster');
    }
    await own.close();
    await allGone();
  });

  test('a launch that finds no place for its files ends', async () => {
    const place = mkdtempSync(join(tmpdir(), 'stave-launcher-'));
    const own = launcher(place);
    own.warmUp();
    rmSync(place, { recursive: true });
    await assert.rejects(own.take(), { code: 'ENOENT' });
    await own.close();
    await allGone(place);
  });
});
