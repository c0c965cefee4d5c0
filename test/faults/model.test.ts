import { test } from 'node:test';
import { playSequence } from '../helpers/faults/model.js';
import { quickSweepWorld } from '../helpers/faults/sweep-world.js';
import { figure, rounds } from '../helpers/figure.js';

/** RELIABILITY S24. */
test('random sequences of commands agree with a model', async () => {
  await using place = await quickSweepWorld();
  const first = Date.now() % 1_000_000;
  const count = rounds(100);
  let moves = 0;
  for (let i = 0; i < count; i++)
    moves += (await playSequence(place.world, place.registry, first + i, 10)).length;
  figure({
    area: 'A model',
    what: 'sequences of build, kill, tag, rmi, prune, load, pull, commit, lost records',
    value: `${String(count)} sequences, ${String(moves)} commands: 0 divergences (seeds from ${String(first)})`,
    rows: ['S24'],
  });
});
