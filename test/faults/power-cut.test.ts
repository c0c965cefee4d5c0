import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../fuzz/random.js';
import { cutsAfterExit, type DiskSort } from '../helpers/faults/cuts-after-exit.js';
import { cutOnce, type CutOutcome, cutWorld } from '../helpers/faults/power-cuts.js';
import { MOUNT_OPTIONS } from '../helpers/faults/power-cut.js';
import { sweepWorld } from '../helpers/faults/sweep-world.js';
import { figure, rounds } from '../helpers/figure.js';

/** RELIABILITY R5, R6 on ext4, with its defaults and with options that hold back more; a sample runs in test/e2e. */
test('power cuts in the middle of build, load, pull and commit, and right after them', async () => {
  await using place = await sweepWorld();
  const world = await cutWorld(place);
  const seed = Date.now() % 1_000_000;
  const random = new Random(seed);
  const outcomes: CutOutcome[] = [];
  for (let n = 0; n < rounds(20); n++)
    outcomes.push(await cutOnce(world, n, (random.int(150) + 5) / 100));
  const wrong = outcomes.flatMap((outcome) =>
    outcome.wrong.map((each) => `${outcome.work}: ${each}`),
  );
  assert.deepEqual(wrong, [], `seed ${String(seed)}`);
  for (const [what, chosen] of [
    [
      'load, pull, commit that had ended: image there and right',
      (work: string) => work !== 'build',
    ],
    [
      'build that had ended: image there and right with nothing done',
      (work: string) => work === 'build',
    ],
  ] as const) {
    const ended = outcomes.filter(({ work, finished }) => finished && chosen(work));
    const kept = ended.filter(({ kept: whole }) => whole).length;
    figure({
      area: 'Power cuts',
      what,
      value: `${String(kept)} of ${String(ended.length)}`,
      rows: ['S3'],
    });
  }
  figure({
    area: 'Power cuts',
    what: 'cuts at random moments, ext4',
    value: `${String(outcomes.length)}: 0 wrong bytes, 0 unclear errors, the same command again right each time (seed ${String(seed)})`,
    rows: ['S3'],
  });
});

/** RELIABILITY R5, R7. */
test('power cuts right after builds and commits that had ended', async () => {
  await using place = await sweepWorld();
  const sorts: DiskSort[] = [
    ...MOUNT_OPTIONS.map((options) => ({ kind: 'ext4', options }) as const),
    { kind: 'xfs', options: 'defaults' },
    { kind: 'btrfs', options: 'defaults' },
  ];
  const each = rounds(40);
  const wrong: string[] = [];
  const work = async (): Promise<void> => {
    for (let sort = sorts.shift(); sort !== undefined; sort = sorts.shift())
      wrong.push(...(await cutsAfterExit(place, sort, each)));
  };
  const total = String(sorts.length * each);
  await Promise.all([work(), work()]);
  assert.deepEqual(wrong, []);
  figure({
    area: 'Power cuts',
    what: 'builds and commits that had ended, ext4 with three ways to mount it, xfs, btrfs',
    value: `${total} of ${total} images bit-exact after the cut`,
    rows: ['S3'],
  });
});
