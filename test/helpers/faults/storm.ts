import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Outcome, StaveWorld } from '../stave.js';
import { leftovers } from './leftovers.js';

export interface StormResult {
  readonly builds: number;
  readonly others: number;
}

/** What may be said to who asks for what another has just removed. */
const GONE = /No such image|is not in the store|being removed|no such/i;

/**
 * RELIABILITY R15: builders go on while images are removed, everything is pruned, and disk usage is asked for. No build
 * fails, and each image is right when it runs. The world has `bb` in `bb.tar`.
 */
export async function storm(world: StaveWorld, seconds: number): Promise<StormResult> {
  const end = performance.now() + seconds * 1000;
  const wrong: string[] = [];
  let [builds, others] = [0, 0];
  const until = async (work: (n: number) => Promise<void>): Promise<void> => {
    for (let n = 0; performance.now() < end && wrong.length === 0; n++) await work(n);
  };
  const builder = (who: number) =>
    until(async (n) => {
      const context = join(world.dir, `storm-${String(who)}`);
      mkdirSync(context, { recursive: true });
      const marker = `${String(who)} ${String(n % 5)}`;
      writeFileSync(join(context, 'file'), marker);
      writeFileSync(
        join(context, 'Dockerfile'),
        `FROM scratch AS one\nCOPY file /one\nFROM base\nCOPY --from=one /one /two\nRUN cat /two > /three\n`,
      );
      const tag = `storm:${String(who)}`;
      const built = await world.start(['build', '-q', '-t', tag, '--build-context', `base=${base(world)}`, context]); // prettier-ignore
      builds++;
      if (built.status !== 0) wrong.push(`build: ${built.stderr}`);
      const shown = await world.start(['run', '--rm', '--network=none', '--pull=never', tag, 'cat', '/three']); // prettier-ignore
      const right = shown.status === 0 ? shown.stdout === marker : GONE.test(shown.stderr);
      if (!right) wrong.push(`run: ${String(shown.status)} ${shown.stdout}${shown.stderr}`);
    });
  const other = (args: readonly (readonly string[])[]) =>
    until(async (n) => {
      const outcome = await world.start([...(args[n % args.length] ?? [])]);
      others++;
      if (!isFine(outcome))
        wrong.push(`${args[n % args.length]?.join(' ') ?? ''}: ${outcome.stdout}${outcome.stderr}`);
    });
  await Promise.all([
    ...[0, 1, 2].map(builder),
    other([
      ['builder', 'prune', '-af'],
      ['system', 'df'],
      ['image', 'prune', '-af'],
    ]),
    other([
      ['rmi', '-f', 'storm:0'],
      ['system', 'prune', '-af'],
      ['rmi', '-f', 'storm:1', 'storm:2'],
    ]),
    other([['system', 'df', '-v'], ['images'], ['ps', '-a']]),
  ]);
  assert.deepEqual(wrong, []);
  world.ok('system', 'prune', '-af');
  assert.deepEqual(leftovers(world.root), []);
  const checked = world.run('store', 'check', '--full');
  assert.equal(checked.status, 0, checked.stdout);
  return { builds, others };
}

function isFine({ status, stderr }: Outcome): boolean {
  return status === 0 || (GONE.test(stderr) && !stderr.includes('defect of stave'));
}

/** The base as a layout outside the store: nothing can take it away. */
function base(world: StaveWorld): string {
  return `oci-layout://${join(world.dir, 'base')}`;
}
