import { test } from 'node:test';
import { assertKeysDiffer } from './differing-keys.js';

test('10,000 pairs of steps that differ in one thing have different keys', async () => {
  await assertKeysDiffer(Date.now() % 1_000_000, 10_000);
});
