import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../network-world.js';
import { lineOf, processesOf } from '../processes.js';
import type { StaveWorld } from '../stave.js';
import { anotherBoot } from './boot.js';
import { leftovers } from './leftovers.js';

export interface RebootResult {
  /** Milliseconds of the first command, and of the same twice more, when all is settled. */
  readonly first: number;
  readonly then: number;
  readonly again: number;
}

/**
 * RELIABILITY R27, R28: the machine went down while containers ran and a build was half-way; pids of before belong to
 * others now. The first command settles it, by nobody's hand, and nobody else's process is touched. The world has `bb`.
 */
export async function reboot(world: StaveWorld, round: number): Promise<RebootResult> {
  const name = `box-${String(round)}`;
  world.ok('run', '-d', '--name', name, '--network=none', 'bb', 'sleep', '1000');
  await killContainer(world, name);
  const stranger = spawn('sleep', ['1000'], { stdio: 'ignore' });
  try {
    leaveBehind(world, stranger, round);
    const boot = anotherBoot(world.dir, world.env);
    const first = await timeOf(() => boot.ok('images'));
    const then = await timeOf(() => boot.ok('images'));
    const again = await timeOf(() => boot.ok('images'));
    assert.match(await boot.ok('ps', '-a', '--filter', `name=${name}`), /Exited|Dead/);
    assert.equal((await boot.run('exec', name, 'true')).status, 1);
    await boot.ok('start', name);
    assert.equal(await boot.ok('exec', name, 'echo', 'works'), 'works\n');
    await boot.ok('rm', '-f', name);
    assert.equal(stranger.exitCode ?? stranger.signalCode, null, 'a stranger was signalled');
    assert.deepEqual(leftovers(world.root), []);
    return { first, then, again };
  } finally {
    stranger.kill('SIGKILL');
  }
}

/** As the power does it: monitor and processes are gone at once, nothing was told; nor do they end while another runs. */
async function killContainer(world: StaveWorld, name: string): Promise<void> {
  const id = world.ok('inspect', '-f', '{{.Id}}', name).stdout.trim();
  for (const pid of processesOf(id)) process.kill(pid, 'SIGKILL');
  const init = Number(world.ok('inspect', '-f', '{{.State.Pid}}', name).stdout);
  if (init > 1) process.kill(init, 'SIGKILL');
  await until(`${name} is gone`, () => processesOf(id).length === 0 && lineOf(String(init)) === '');
}

/** Files of the layer that a step was writing. */
const HALF_MADE = 2000;

/** Leases, temporary files, locks and runtime state of processes that are no more; pids that are a stranger's now. */
function leaveBehind({ root }: StaveWorld, stranger: ChildProcess, round: number): void {
  const lease = `dead${String(round)}`;
  const at = (...parts: string[]): string => join(root, ...parts);
  writeFileSync(at('leases', lease), 'ab\n');
  for (const part of ['runtime/state/step-1', 'step-x/work/work', 'step-x/upper'])
    mkdirSync(at('tmp', lease, part), { recursive: true });
  writeFileSync(at('tmp', lease, 'runtime/state/step-1/status'), '{');
  writeFileSync(at('tmp', `${'0'.repeat(23)}${String(round % 10)}.tmp`), 'half');
  writeFileSync(at('locks', 'f'.repeat(64)), '');
  mkdirSync(at('trash', `x${String(round)}`));
  for (let n = 0; n < HALF_MADE; n++)
    writeFileSync(at('tmp', lease, 'step-x/upper', `file-${String(n)}`), '');
  for (const id of readdirSync(at('containers'))) {
    const file = at('containers', id, 'state.json');
    const text = readFileSync(file, 'utf8').replace(/"pid":\d+/g, `"pid":${String(stranger.pid)}`);
    writeFileSync(file, text);
  }
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}
