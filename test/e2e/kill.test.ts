import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { busyboxContext } from '../helpers/busybox.js';
import { leftProcesses } from '../helpers/faults/left-processes.js';
import { mountsOf } from '../helpers/mounts.js';
import { runcOnly } from '../helpers/runc-only.js';
import { staveWorld, type StaveWorld } from '../helpers/stave.js';

const KILLS = 100;
const STEPS = 6;

/** RELIABILITY R2: SIGKILL at random moments leaves no mount, no process, and a store the next build is right on. */
test(`${String(KILLS)} kill -9 at random moments of a ${String(STEPS)}-step build`, async () => {
  using world = staveWorld();
  world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  const context = join(world.dir, 'killed');
  mkdirSync(context);
  const whole = timeOf(() => {
    writeSteps(context, 'measure');
    world.ok('build', '-q', '-t', 'killed', context);
  });
  for (let round = 0; round < KILLS; round++) {
    writeSteps(context, `round ${String(round)}`);
    await killAfter(world, context, Math.random() * whole * 1.1);
    assert.deepEqual(
      await leftProcesses(world.root),
      [],
      `processes left after kill ${String(round)}`,
    );
    assert.deepEqual(mountsOf(world.dir), [], 'mounts left');
    if (round % 10 === 9) assertRight(world, context, `round ${String(round)}`);
  }
  world.ok('build', '-q', '-t', 'again', context);
  assert.deepEqual(
    readdirSync(join(world.root, 'tmp')),
    [],
    'temporary files left after the next build',
  );
});

/** runc makes a cgroup for every step, and removes it at its end: killed, it does not. */
test('the cgroup of a step of a killed build goes with the next command', async () => {
  using world = staveWorld();
  world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  const context = join(world.dir, 'slow');
  mkdirSync(context);
  writeFileSync(join(context, 'Dockerfile'), 'FROM bb\nRUN sleep 1000\n');
  const child = spawn('bin/stave', ['build', '-q', context], {
    env: { ...world.env, PATH: runcOnly(world.dir) },
    stdio: 'ignore',
  });
  const closed = new Promise((resolve) => child.once('exit', resolve));
  let groups = cgroupsOfSteps(world.root);
  for (; groups.length === 0; groups = cgroupsOfSteps(world.root)) {
    assert.equal(child.exitCode, null);
    await delay(10);
  }
  child.kill('SIGKILL');
  await closed;
  assert.deepEqual(await leftProcesses(world.root), []);
  world.ok('images');
  assert.deepEqual(
    groups.filter((path) => existsSync(path)),
    [],
  );
});

/** Those with a process in them. */
function cgroupsOfSteps(root: string): string[] {
  const steps = readdirSync(join(root, 'tmp')).flatMap((lease) =>
    readdirSync(join(root, 'tmp', lease)).flatMap((name) => /^cgroup-(.*)/.exec(name)?.[1] ?? []),
  );
  return steps.flatMap((step) =>
    ['', ...readdirSync('/sys/fs/cgroup')]
      .map((name) => join('/sys/fs/cgroup', name, 'stave', step))
      .filter(
        (path) => existsSync(path) && readFileSync(join(path, 'cgroup.procs'), 'utf8') !== '',
      ),
  );
}

function writeSteps(context: string, marker: string): void {
  writeFileSync(join(context, 'file'), marker);
  const lines = Array.from({ length: STEPS - 2 }, (_, i) => {
    return `RUN mkdir -p /s${String(i)} && echo "${marker} ${String(i)}" > /s${String(i)}/f && (setsid sleep 60 &)`;
  });
  writeFileSync(
    join(context, 'Dockerfile'),
    `FROM bb\n${lines.join('\n')}\nCOPY file /file\nWORKDIR /end\n`,
  );
}

async function killAfter(world: StaveWorld, context: string, ms: number): Promise<void> {
  const env = { ...world.env, STAVE_KILL_TEST: world.root };
  const child = spawn('bin/stave', ['build', '-q', '-t', 'killed', context], {
    env,
    stdio: 'ignore',
  });
  const closed = new Promise((resolve) => child.once('exit', resolve));
  await delay(ms);
  child.kill('SIGKILL');
  await closed;
}

/** The image must hold exactly what its Dockerfile says, whatever was killed before. */
function assertRight(world: StaveWorld, context: string, marker: string): void {
  world.ok('build', '-q', '-t', 'killed', context);
  const shown = world.ok('run', '--rm', 'killed', 'cat', '/s0/f', '/s3/f', '/file').stdout;
  assert.equal(shown, `${marker} 0\n${marker} 3\n${marker}`);
}

function timeOf(work: () => void): number {
  const start = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - start) / 1e6;
}

test('16 builds at once on one store succeed, and an identical step ran once', async () => {
  using world = staveWorld();
  world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  const shared = join(world.dir, 'ran');
  mkdirSync(shared);
  const contexts = Array.from({ length: 16 }, (_, i) => {
    const context = join(world.dir, `c${String(i)}`);
    mkdirSync(context);
    writeFileSync(join(context, 'file'), String(i));
    const run = 'RUN cat /proc/sys/kernel/random/uuid > /uuid && sleep 0.2';
    writeFileSync(join(context, 'Dockerfile'), `FROM bb\n${run}\nCOPY file /file\n`);
    return context;
  });
  const outcomes = await Promise.all(
    contexts.map((context, i) => world.start(['build', '-q', '-t', `c${String(i)}`, context])),
  );
  for (const outcome of outcomes) assert.equal(outcome.status, 0, outcome.stderr);
  const uuids = contexts.map((_, i) => {
    const shown = world.ok('run', '--rm', `c${String(i)}`, 'cat', '/uuid', '/file').stdout;
    assert.equal(shown.slice(37), String(i));
    return shown.slice(0, 36);
  });
  assert.equal(new Set(uuids).size, 1);
});

test('SIGINT cancels: exit 130, nothing left', async () => {
  using world = staveWorld();
  world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  const context = join(world.dir, 'slow');
  mkdirSync(context);
  writeFileSync(join(context, 'Dockerfile'), 'FROM bb\nRUN echo started; sleep 600\n');
  const child = spawn('bin/stave', ['build', '--progress=plain', context], {
    env: world.env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const closed = new Promise<number | null>((resolve) => child.once('exit', resolve));
  await new Promise<void>((resolve) => {
    let seen = '';
    child.stderr.on('data', (data: Buffer) => {
      seen += data.toString();
      if (/^#\d+ [\d.]+ started$/m.test(seen)) resolve();
    });
  });
  child.kill('SIGINT');
  assert.equal(await closed, 130);
  assert.deepEqual(await leftProcesses(world.root), []);
});
