import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { join } from 'node:path';
import { mountsOf } from '../mounts.js';
import type { Outcome } from '../stave.js';
import { leftovers } from './leftovers.js';
import { problemsIn } from './look-inside.js';
import { must, run } from './run.js';
import { type Bench, forget, type Scenario, writeContexts } from './scenarios.js';

/** What happens instead of a call: its process dies, or is told that the disk is full, broken, or that files are many. */
export type Fault = 'kill' | 'ENOSPC' | 'EDQUOT' | 'EIO' | 'EROFS' | 'EMFILE';
export const FAULTS: readonly Fault[] = ['kill', 'ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EMFILE'];
const ERRNO = { ENOSPC: '28', EDQUOT: '122', EIO: '5', EROFS: '30', EMFILE: '24' } as const;
const KIND = { kill: 'writes', ENOSPC: 'engine', EDQUOT: 'engine', EIO: 'engine', EROFS: 'engine', EMFILE: 'descriptors' } as const; // prettier-ignore

export interface SweepOptions {
  readonly fault: Fault;
  /** Every so manieth call; 1 is all. */
  readonly stride: number;
  /** Which of each stride. */
  readonly offset: number;
}

export interface SweepResult {
  /** Of a run without a fault. */
  readonly calls: number;
  readonly tried: number;
  /** What was not as it must be, with the call. */
  readonly failures: readonly string[];
}

/** Stores, side by side, that points of one scenario are tried on. */
export interface Benches extends AsyncDisposable {
  readonly all: readonly Bench[];
  readonly clean: string;
}

export interface Place {
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly registry: string;
  readonly tracer: string;
}

/** `parallel` stores as they are before the scenario's command, and what it makes of one when nothing goes wrong. */
export async function prepare(
  scenario: Scenario,
  place: Place,
  parallel: number,
): Promise<Benches> {
  const all: Bench[] = [];
  for (let i = 0; i < parallel; i++) {
    const dir = join(place.dir, `${scenario.name}-${String(i)}`);
    mkdirSync(dir);
    const root = join(dir, 'store');
    const env = { ...place.env, STAVE_ROOT: root, TMPDIR: dir, SOURCE_DATE_EPOCH: '1' };
    const bench = { dir, root, env, registry: place.registry };
    writeContexts(dir, 'few');
    await must('cp', [join(place.dir, 'ref.tar'), join(dir, 'ref.tar')], env);
    for (const args of scenario.before(bench)) await must('bin/stave', args, env);
    renameSync(root, join(dir, 'base'));
    all.push(bench);
  }
  const clean: string[] = [];
  for (const bench of all) {
    await fresh(bench);
    await must('bin/stave', scenario.command(bench), bench.env);
    clean.push(await scenario.outcome(bench));
    const left = leftovers(bench.root);
    if (left.length > 0) throw new Error(`${scenario.name} without a fault: ${left.join(', ')}`);
  }
  if (new Set(clean).size !== 1) throw new Error(`${scenario.name}: ${clean.join(' or ')}`);
  return {
    all,
    clean: clean[0] ?? '',
    [Symbol.asyncDispose]: async () => {
      for (const { dir, env } of all) await must('rm', ['-rf', dir], env);
    },
  };
}

async function fresh(bench: Bench): Promise<void> {
  forget(bench);
  await must('rm', ['-rf', bench.root], bench.env);
  await must('cp', ['-a', join(bench.dir, 'base'), bench.root], bench.env);
}

/** Goes through the calls of a scenario's command with one fault. */
export async function sweep(
  scenario: Scenario,
  { all, clean }: Benches,
  tracer: string,
  { fault, stride, offset }: SweepOptions,
): Promise<SweepResult> {
  const [first] = all;
  if (first === undefined) throw new Error('no bench');
  await fresh(first);
  const calls = await countCalls(scenario, first, tracer, fault);
  const points: number[] = [];
  for (let n = 1 + (offset % stride); n <= calls; n += stride) points.push(n);
  let tried = 0;
  const failures: string[] = [];
  const work = async (bench: Bench): Promise<void> => {
    for (let n = points.shift(); n !== undefined; n = points.shift()) {
      tried++;
      const wrong = await tryPoint({ scenario, bench, tracer, fault, n, clean });
      const told = wrong.map((each) => `${scenario.name}, ${fault} ${each}`);
      // At once: a run may take a while.
      for (const each of told) process.stderr.write(`${each}\n`);
      failures.push(...told);
    }
  };
  await Promise.all(all.map(work));
  return { calls, tried, failures };
}

async function countCalls(
  scenario: Scenario,
  bench: Bench,
  tracer: string,
  fault: Fault,
): Promise<number> {
  const log = join(bench.dir, 'calls');
  const command = ['bin/stave', ...scenario.command(bench)];
  await must(tracer, [log, KIND[fault], '0', 'count', ...command], bench.env);
  return Number(/^calls (\d+)$/m.exec(readFileSync(log, 'latin1'))?.[1]);
}

interface Trial {
  readonly scenario: Scenario;
  readonly bench: Bench;
  readonly tracer: string;
  readonly fault: Fault;
  readonly n: number;
  readonly clean: string;
}

async function tryPoint(trial: Trial): Promise<string[]> {
  const { scenario, bench, tracer, fault, n, clean } = trial;
  await fresh(bench);
  const log = join(bench.dir, 'calls');
  const action = fault === 'kill' ? 'kill' : ERRNO[fault];
  const mounts = mountsOf(bench.dir);
  const command = ['bin/stave', ...scenario.command(bench)];
  const told = await run(tracer, [log, KIND[fault], String(n), action, ...command], bench.env);
  const [hit = '', ...more] = readFileSync(log, 'latin1').trim().split('\n');
  const wrong = more.filter((line) => /^(left|hung)/.test(line));
  if (!isDeepStrictEqual(mountsOf(bench.dir), mounts)) wrong.push('mounts left');
  if (!nodeDied(hit, fault, told)) wrong.push(...unclear(told, fault));
  if (told.status === 0 && (await scenario.outcome(bench)) !== clean)
    wrong.push(`success, and ${await scenario.outcome(bench)} for ${clean}`);
  wrong.push(...(await afterwards(trial)));
  return wrong.map((each) => `${hit}: ${each}`);
}

/** Node aborts when its own loops find no descriptor at its start, before a line of ours: the rest must hold all the same. */
function nodeDied(hit: string, fault: Fault, { status }: Outcome): boolean {
  const atLoop = /^\d+ node (pipe2|eventfd2|epoll_create1)\b/.test(hit);
  return fault === 'EMFILE' && atLoop && [134, 139].includes(status ?? 0);
}

/** A killed engine says nothing; whoever lives says one thing, in a user's words. */
function unclear({ status, stderr }: Outcome, fault: Fault): string[] {
  if (status === 0 || (fault === 'kill' && (status === null || status >= 128))) return [];
  if (/defect of stave|^\s+at .*:\d+:\d+\)?$/m.test(stderr)) return [`a stack trace: ${stderr}`];
  const errors = stderr.match(/^ERROR: /gm)?.length ?? 0;
  // Before the engine runs, what starts it says what is wrong.
  const own = errors > 0 || /^(unshare|sh|\/bin\/sh|bin\/stave): /m.test(stderr);
  return own && errors < 2 ? [] : [`${String(errors)} errors, exit ${String(status)}: ${stderr}`];
}

/** The same command again is right, the store is whole, and nothing is left of the one before. */
async function afterwards({ scenario, bench, clean }: Trial): Promise<string[]> {
  const wrong: string[] = [];
  const again = await run('bin/stave', scenario.command(bench), bench.env);
  if (again.status !== 0) wrong.push(`again: exit ${String(again.status)}: ${again.stderr}`);
  const outcome = await scenario.outcome(bench);
  if (outcome !== clean) wrong.push(`again: ${outcome} for ${clean}`);
  wrong.push(...(await problemsIn(bench.root)).map((each) => `check: ${each}`));
  const left = leftovers(bench.root);
  if (left.length > 0) wrong.push(`left: ${left.join(', ')}`);
  return wrong;
}

/** Removes everything below `dir`. */
export function clear(dir: string): void {
  rmSync(dir, { recursive: true, force: true });
}
