import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { SecretMask } from '../../src/executor/secret-mask.js';
import { Secrets } from '../../src/executor/secrets.js';

function masked(secrets: readonly string[], chunks: readonly string[]): string {
  const mask = new SecretMask(secrets.map((secret) => Buffer.from(secret)));
  const shown = chunks.map((chunk) => mask.add(Buffer.from(chunk)).toString());
  return shown.join('') + mask.end().toString();
}

describe('secrets in a log', () => {
  const table: readonly (readonly [secrets: string[], chunks: string[], shown: string])[] = [
    [['password'], ['the password is password\n'], 'the **** is ****\n'],
    [['password'], ['pass', 'word', 'pass', 'port'], '****passport'],
    [['password'], ['pass'], 'pass'],
    [['password'], ['passpass', 'word'], 'pass****'],
    [['password', 'password123'], ['password', '123 password1'], '**** ****1'],
    [['aaaaaaab'], ['aaaaaaaaaa', 'aab'], 'aaaaa****'],
    [[], ['as it is'], 'as it is'],
    [['$&$&$&$&'], ['x$&$&$&$&y'], 'x****y'],
  ];
  for (const [secrets, chunks, shown] of table) {
    test(`${secrets.join(' ')}: ${chunks.join('|')}`, () => {
      assert.equal(masked(secrets, chunks), shown);
    });
  }

  test('however a text is cut, a secret in it is never shown', () => {
    const letters = fc.string({
      unit: fc.constantFrom('a', 'b', 's'),
      minLength: 0,
      maxLength: 30,
    });
    fc.assert(
      fc.property(letters, letters, fc.array(fc.nat(70)), (before, after, cuts) => {
        const secret = 'sabsabsabs';
        const text = before + secret + after;
        const places = [
          0,
          ...cuts.filter((at) => at < text.length).sort((a, b) => a - b),
          text.length,
        ];
        const chunks = places.slice(1).map((end, i) => text.slice(places[i], end));
        const shown = masked([secret], chunks);
        assert.ok(!shown.includes(secret));
        assert.equal(shown.startsWith(before.slice(0, 0)), true);
      }),
    );
  });
});

test('a value of several lines is masked line by line, short lines are not', () => {
  const secrets = new Secrets([{ id: 'key', value: '-----BEGIN-----\nc2VjcmV0\nab\n' }]);
  assert.deepEqual(secrets.masked().map(String), ['-----BEGIN-----', 'c2VjcmV0']);
  assert.deepEqual([...secrets.guarded().values()].map(String), ['-----BEGIN-----\nc2VjcmV0\nab']);
});

test('a value of less than 8 bytes is neither masked nor looked for', () => {
  const secrets = new Secrets([{ id: 'pin', value: '1234567\n' }]);
  assert.equal(secrets.guarded().size, 0);
  assert.deepEqual(secrets.masked(), []);
  assert.equal(String(secrets.get('pin')), '1234567\n');
});
