import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StaveWorld } from '../stave.js';
import { leftovers } from './leftovers.js';

/**
 * RELIABILITY R13, R14: many builds at once on one store, half of one Dockerfile and half of others that begin alike. All
 * are right, a step that several have ran once, one tag means one of them, and nothing is left. The world has `bb`.
 */
export async function crowd(world: StaveWorld, round: number, builds: number): Promise<void> {
  const dir = join(world.dir, `crowd-${String(round)}`);
  mkdirSync(dir);
  // A uuid tells whether a step ran once.
  const head = `FROM bb\nRUN cat /proc/sys/kernel/random/uuid > /shared-${String(round)}\n`;
  const all = Array.from({ length: builds }, (_, i) => {
    const context = join(dir, `of-${String(i)}`);
    mkdirSync(context);
    const own = i % 2 === 0 ? 'same' : `own ${String(i)}`;
    writeFileSync(join(context, 'file'), `${own}\n`);
    const tail = `COPY file /file\nRUN cat /proc/sys/kernel/random/uuid > /own && cat /file >> /own\n`;
    writeFileSync(join(context, 'Dockerfile'), head + tail);
    return { context, own, tag: `crowd-${String(round)}:of-${String(i)}` };
  });
  const outcomes = await Promise.all(
    all.map(({ context, tag }) =>
      world.start(['build', '-q', '-t', tag, '-t', `crowd-${String(round)}:last`, context]),
    ),
  );
  for (const { status, stderr } of outcomes) assert.equal(status, 0, stderr);
  const ids = new Map(outcomes.map(({ stdout }, i) => [all[i]?.tag ?? '', stdout.trim()]));
  const shown = await Promise.all(
    all.map(({ tag }) => {
      const files = [`/shared-${String(round)}`, '/own'];
      return world.start(['run', '--rm', '--network=none', tag, 'cat', ...files]);
    }),
  );
  const shared = new Set<string>();
  const same = new Set<string>();
  for (const [i, { stdout, stderr }] of shown.entries()) {
    const [first = '', uuid = '', own = ''] = stdout.split('\n');
    assert.equal(own, all[i]?.own, stderr);
    shared.add(first);
    if (own === 'same') same.add(uuid);
  }
  assert.deepEqual([shared.size, same.size], [1, 1], 'an identical step ran once');
  const last = world.ok('image', 'inspect', '-f', '{{.Id}}', `crowd-${String(round)}:last`);
  assert.ok([...ids.values()].includes(last.stdout.trim()), 'the tag of all means one of them');
  assert.deepEqual(leftovers(world.root), []);
  rmSync(dir, { recursive: true });
}
