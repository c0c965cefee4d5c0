import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readFlags } from '../../src/parser/flags.js';
import { Problem } from '../../src/parser/problem.js';

const SYNTAX = { known: { text: 'text', bool: 'bool', list: 'list' }, later: ['later'] } as const;

function read(text: string, escape = '\\') {
  const { flags, rest } = readFlags(text, 'RUN', SYNTAX, escape);
  return [flags.text('text'), flags.bool('bool'), flags.list('list'), rest];
}

const GOOD: readonly (readonly [string, ...unknown[]])[] = [
  ['a --text=x', undefined, undefined, [], 'a --text=x'],
  ['--text=x a', 'x', undefined, [], 'a'],
  ['--text= a', '', undefined, [], 'a'],
  ['--text=x', 'x', undefined, [], ''],
  ['  --text=x   --bool  a  b', 'x', true, [], 'a  b'],
  ['--bool=true a', undefined, true, [], 'a'],
  ['--bool=FALSE a', undefined, false, [], 'a'],
  ['--list=1 --text=x --list=2 a', 'x', undefined, ['1', '2'], 'a'],
  ['-- --text=x', undefined, undefined, [], '--text=x'],
  ['--text=x -- --bool', 'x', undefined, [], '--bool'],
  ['- --text=x', undefined, undefined, [], '- --text=x'],
  ['--text="a b" c', 'a b', undefined, [], 'c'],
  ["--text='a \"b' c", 'a "b', undefined, [], 'c'],
  ['--text=a\\ b c', 'a b', undefined, [], 'c'],
  ['--text="a\\"b" c', 'a"b', undefined, [], 'c'],
  ['"--text=a" c', undefined, undefined, [], '"--text=a" c'],
  ['--text=x=y z', 'x=y', undefined, [], 'z'],
  ['--text=x\\', 'x', undefined, [], ''],
];

const BAD: Readonly<Record<string, RegExp>> = {
  '--nope a': /^unknown flag: --nope$/,
  '--Text=x a': /^unknown flag: --Text$/,
  '--text a': /^missing a value on flag: --text$/,
  '--list a': /^missing a value on flag: --list$/,
  '--bool= a': /^missing a value on flag: --bool$/,
  '--bool=yes a': /^expecting boolean value for flag --bool, not: yes$/,
  '--text=1 --text=2 a': /^duplicate flag specified: --text$/,
  '--bool --bool a': /^duplicate flag specified: --bool$/,
  '--later=x a': /^RUN --later is not supported yet$/,
  '--constructor a': /^unknown flag: --constructor$/,
  '--=x a': /^unknown flag: --$/,
};

describe('P8 flags', () => {
  for (const [text, ...expected] of GOOD) {
    test(text, () => {
      assert.deepEqual(read(text), expected);
    });
  }
  for (const [text, message] of Object.entries(BAD)) {
    test(`${text} is refused`, () => {
      assert.throws(
        () => read(text),
        (error) => error instanceof Problem && message.test(error.message),
      );
    });
  }
  test('D3 the escape directive counts', () => {
    assert.deepEqual(read('--text=a` b\\ c', '`'), ['a b\\', undefined, [], 'c']);
  });
  test('a slip is named', () => {
    assert.throws(() => read('--bol a'), { hint: 'did you mean --bool?' });
    assert.throws(() => read('--zzzzzz a'), { hint: 'RUN takes --text, --bool, --list' });
  });
});
