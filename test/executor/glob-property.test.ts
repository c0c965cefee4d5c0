import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileGlob } from '../../src/executor/glob.js';

const pieces = (...tokens: string[]) =>
  fc.array(fc.constantFrom(...tokens), { maxLength: 9 }).map((parts) => parts.join(''));

/** moby/patternmatcher's regular expression, which may take its time on texts this short. */
function expression(pattern: string): RegExp {
  const source = pattern.replace(/\*\*\/?|\*|\?|\./g, (part, at: number) => {
    if (part === '*') return '[^/]*';
    if (part === '?') return '[^/]';
    if (part === '.') return '\\.';
    const plain = at === 0 && part === '**' && !/[*?]/.test(pattern.slice(2));
    return plain || at + part.length === pattern.length ? '.*' : '(?:.*/)?';
  });
  return new RegExp(`^${source}$`, 's');
}

test('an ignore pattern matches what its regular expression would', () => {
  const property = fc.property(
    pieces('a', 'b', '/', '*', '**', '**/', '?', '.'),
    pieces('a', 'b', '/', '.', 'é'),
    (pattern, path) => {
      assert.equal(compileGlob(pattern, 'ignore')(path), expression(pattern).test(path));
    },
  );
  fc.assert(property, {
    numRuns: 2000,
    examples: [
      ['*x**/y', 'axxy'],
      ['**/**/a', 'b/a'],
    ],
  });
});

test('a long pattern costs what it can still match', () => {
  const matches = compileGlob(`${'*#'.repeat(1 << 15)}?**/a`, 'ignore');
  assert.equal(matches('#/'.repeat(2000)), false);
  assert.equal(compileGlob(`${'**/'.repeat(1 << 14)}b`, 'ignore')('a/'.repeat(2000)), false);
});
