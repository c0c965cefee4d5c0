import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redactUrls } from '../../src/model/redact-urls.js';

const CASES: readonly (readonly [text: string, shown: string])[] = [
  ['https://u:p@h/r.git', 'https://xxxxx:xxxxx@h/r.git'],
  ['HTTP://token@h', 'HTTP://xxxxx@h'],
  ['clone https://u:a@b@h and ftp://x:y@h', 'clone https://xxxxx:xxxxx@h and ftp://xxxxx:xxxxx@h'],
  ['ssh://git@h/r', 'ssh://git@h/r'],
  ['ssh://git:p@h/r', 'ssh://xxxxx:xxxxx@h/r'],
  ['git+http://u@h', 'git+http://u@h'],
  ['https://h/a@b:c@d', 'https://h/a@b:c@d'],
  ['--link--http://u:p@h', '--link--http://xxxxx:xxxxx@h'],
  ['://u:p@h', '://u:p@h'],
  ['git@h:r', 'git@h:r'],
  // Took seconds at 50,000 characters (found by the fuzzer).
  [`${'--link'.repeat(50_000)} @`, `${'--link'.repeat(50_000)} @`],
];

test('credentials in URLs are masked, and nothing else', () => {
  for (const [text, shown] of CASES) assert.equal(redactUrls(text), shown);
});
