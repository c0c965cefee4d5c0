import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BuildError } from '../../src/model/error.js';
import { toldOf } from '../../src/model/told-of.js';

function suppressed(first: unknown, then: unknown): Error {
  const both = Object.assign(new Error('both'), { error: then, suppressed: first });
  both.name = 'SuppressedError';
  return both;
}

test('what is told is the user’s to mend, and came first; a store that is gone explains all', () => {
  const [one, two] = [new Error('one'), new Error('two')];
  const users = new BuildError('run-failed', 'the step failed');
  const gone = new BuildError('store', 'the store was moved');
  assert.equal(toldOf(one), one);
  assert.equal(toldOf(suppressed(one, two)), one);
  assert.equal(toldOf(suppressed(users, one)), users);
  assert.equal(toldOf(suppressed(one, users)), users);
  assert.equal(toldOf(suppressed(suppressed(users, one), gone)), gone);
});
