import assert from 'node:assert/strict';
import { test } from 'node:test';
import { takeTurns } from '../../src/cache/take-turns.js';

test('others get their turn also when the clock is set back meanwhile', async (t) => {
  let time = Date.now();
  t.mock.method(Date, 'now', () => (time -= 1000));
  const others = { seen: false };
  setImmediate(() => {
    others.seen = true;
  });
  const work = (function* () {
    for (let i = 0; i < 1e7 && !others.seen; i++) yield;
  })();
  await takeTurns(work, new AbortController().signal);
  assert.ok(others.seen);
});
