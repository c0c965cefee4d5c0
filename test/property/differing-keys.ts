import assert from 'node:assert/strict';
import { Random } from '../fuzz/random.js';
import { nearStep, randomStep, type StepInputs } from './key-inputs.js';
import { keysOf } from './keys.js';
import { whatMatters } from './what-matters.js';

/**
 * PAINS 7: `pairs` of steps that differ in one thing that matters have different keys; nor do any two of all of them
 * share one. Gives how many steps were compared with each other.
 */
export async function assertKeysDiffer(seed: number, pairs: number): Promise<number> {
  const random = new Random(seed);
  const seen = new Map<string, string>();
  const note = async (step: StepInputs): Promise<string[]> => {
    const matters = whatMatters(step);
    const { definition, content } = await keysOf(step);
    for (const key of [definition, content]) {
      const before = seen.get(key) ?? matters;
      assert.equal(matters, before, `two steps share a key (seed ${String(seed)})`);
      seen.set(key, matters);
    }
    return [definition, content];
  };
  for (let pair = 0; pair < pairs; pair++) {
    const one = randomStep(random);
    let other = nearStep(random, one);
    while (whatMatters(other) === whatMatters(one)) other = nearStep(random, one);
    const keys = [...(await note(one)), ...(await note(other))];
    assert.equal(new Set(keys).size, 4, `a pair shares a key (seed ${String(seed)})`);
  }
  return seen.size / 2;
}
