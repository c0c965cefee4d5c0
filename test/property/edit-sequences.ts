import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../fuzz/random.js';
import { must } from '../helpers/faults/run.js';
import type { StaveWorld } from '../helpers/stave.js';
import { treeLines, untar } from '../helpers/tree.js';
import { edit, writeProject } from './edits.js';

const EDITS = 4;

/**
 * PAINS 7: whatever is edited between builds, what the warm build gives is what `--no-cache` gives. The world has `bb`.
 * Throws with the seed and the edits where it is not.
 */
export async function runSequence(world: StaveWorld, seed: number): Promise<void> {
  const random = new Random(seed);
  const dir = join(world.dir, `edits-${String(seed)}`);
  mkdirSync(dir);
  const project = writeProject(join(dir, 'project'));
  const done: string[] = [];
  const build = (...args: readonly string[]): Promise<string> => {
    const arg = `--build-arg=A=${project.arg}`;
    return must('bin/stave', ['build', '-q', arg, ...args, project.dir], world.env);
  };
  await build();
  for (let i = 0; i < EDITS; i++) {
    done.push(edit(project, random));
    await build();
  }
  // What was edited last is asked for at once: within the clock's granularity.
  done.push(edit(project, random));
  const [warm, cold] = [await treeOf(dir, 'warm', build), await treeOf(dir, 'cold', build)];
  assert.deepEqual(warm, cold, `seed ${String(seed)}: ${done.join(', ')}`);
  rmSync(dir, { recursive: true });
}

async function treeOf(
  dir: string,
  name: 'warm' | 'cold',
  build: (...args: readonly string[]) => Promise<string>,
): Promise<string[]> {
  const tar = join(dir, `${name}.tar`);
  const cache = name === 'cold' ? ['--no-cache'] : [];
  await build(...cache, '-o', `type=tar,dest=${tar}`);
  untar(tar, join(dir, name));
  return withoutLinks(treeLines(join(dir, name)));
}

/** That two names are one file is in no key (FEATURES Q4), as docker has it: each is told for itself. */
function withoutLinks(lines: readonly string[]): string[] {
  const facts = new Map(lines.map((line) => [line.split(' ', 1)[0] ?? '', line]));
  return lines.map((line) => {
    const [, name = '', first = ''] = /^(\S+) hard link to (\S+)$/.exec(line) ?? [];
    const known = facts.get(first);
    return known === undefined ? line : known.replace(first, name);
  });
}

/** Numbers from `first` on, some at a time. */
export async function runSequences(
  world: StaveWorld,
  { first, count, parallel }: { first: number; count: number; parallel: number },
): Promise<void> {
  let next = first;
  const work = async (): Promise<void> => {
    while (next < first + count) await runSequence(world, next++);
  };
  await Promise.all(Array.from({ length: parallel }, work));
}
