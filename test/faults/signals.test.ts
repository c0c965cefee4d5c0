import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { busyboxContext } from '../helpers/busybox.js';
import { leftovers } from '../helpers/faults/leftovers.js';
import { leftProcesses } from '../helpers/faults/left-processes.js';
import { figure, rounds } from '../helpers/figure.js';
import { mountsOf } from '../helpers/mounts.js';
import { staveWorld, type StaveWorld } from '../helpers/stave.js';

const STEPS = 6;

/** A build whose steps are new each round and leave a daemon each. */
function writeSteps(context: string, marker: string): void {
  writeFileSync(join(context, 'file'), marker);
  const runs = Array.from({ length: STEPS - 2 }, (_, i) => {
    return `RUN mkdir -p /s${String(i)} && echo "${marker}" > /s${String(i)}/f && (setsid sleep 60 &)\n`;
  });
  writeFileSync(
    join(context, 'Dockerfile'),
    `FROM bb\n${runs.join('')}COPY file /file\nWORKDIR /end\n`,
  );
}

interface Ended {
  readonly status: number | null;
  readonly ms: number;
}

async function signalled(
  world: StaveWorld,
  context: string,
  signal: NodeJS.Signals,
  ms: number,
): Promise<Ended> {
  const child = spawn('bin/stave', ['build', '-q', '-t', 'signalled', context], {
    env: world.env,
    stdio: 'ignore',
  });
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
  await delay(ms);
  const begin = performance.now();
  child.kill(signal);
  return { status: await exit, ms: performance.now() - begin };
}

/** RELIABILITY R2, R4: the signal at random moments of a build; samples run in test/e2e/kill.test.ts. */
async function rain(
  world: StaveWorld,
  signals: readonly NodeJS.Signals[],
  count: number,
): Promise<number[]> {
  const context = join(world.dir, 'signalled');
  mkdirSync(context);
  writeSteps(context, 'measure');
  const begin = performance.now();
  world.ok('build', '-q', '-t', 'signalled', context);
  const whole = performance.now() - begin;
  const times: number[] = [];
  for (let round = 0; round < count; round++) {
    const marker = `${signals.join(' ')} ${String(round)}`;
    writeSteps(context, marker);
    const signal = signals[round % signals.length] ?? 'SIGKILL';
    const { status, ms } = await signalled(world, context, signal, Math.random() * whole * 1.1);
    times.push(ms);
    // Before the engine runs, the signal ends what starts it.
    if (signal !== 'SIGKILL')
      assert.ok([0, 130, null].includes(status), `${signal}: ${String(status)}`);
    assert.deepEqual(await leftProcesses(world.root), [], `after ${signal} ${String(round)}`);
    assert.deepEqual(mountsOf(world.dir), []);
    if (signal !== 'SIGKILL' && status !== null) assert.deepEqual(leftovers(world.root), []);
    if (round % 10 !== 9) continue;
    world.ok('build', '-q', '-t', 'signalled', context);
    const shown = world.ok(
      'run',
      '--rm',
      '--network=none',
      'signalled',
      'cat',
      '/s0/f',
      '/s3/f',
      '/file',
    );
    assert.equal(shown.stdout, `${marker}\n${marker}\n${marker}`);
    assert.deepEqual(leftovers(world.root), []);
  }
  const checked = world.run('store', 'check', '--full');
  assert.equal(checked.status, 0, checked.stdout);
  return times.sort((a, b) => a - b);
}

test('SIGKILL at random moments of a build', async () => {
  using world = staveWorld();
  world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  const times = await rain(world, ['SIGKILL'], rounds(100));
  figure({
    area: 'Signals at random moments',
    what: 'SIGKILL of a build',
    value: `${String(times.length)}: 0 processes and 0 mounts left at once, 0 leftovers after the next command, 0 wrong images`,
    rows: ['S2'],
  });
});

test('SIGINT, SIGTERM, SIGHUP at random moments of a build', async () => {
  using world = staveWorld();
  world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  const times = await rain(world, ['SIGINT', 'SIGTERM', 'SIGHUP'], rounds(60));
  figure({
    area: 'Signals at random moments',
    what: 'SIGINT, SIGTERM, SIGHUP of a build',
    value: `${String(times.length)}: 0 left at once; exit after ${(times[times.length >> 1] ?? 0).toFixed(0)} ms (median), ${(times.at(-1) ?? 0).toFixed(0)} ms at most`,
    rows: ['S4'],
  });
});
