import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Problem } from '../../src/parser/problem.js';
import { expandText, expandTitle, expandWord, expandWords } from '../../src/parser/words.js';

const VARIABLES = new Map([
  ['A', 'apple'],
  ['EMPTY', ''],
  ['PATHS', '/usr/local/bin/app.tar.gz'],
  ['STARS', 'a**b*'],
  ['GLOB', '*/'],
  ['NOTE', 'größe ✓ 🚀🖖'],
  ['SPACED', '  one  two '],
  ['größe', 'xl'],
]);
const lookup = (name: string): string | undefined => VARIABLES.get(name);
const word = (text: string, escape = '\\'): string => expandWord(text, lookup, escape);

/** Row of FEATURES.md, the word, what it becomes. */
const WORDS: readonly (readonly [row: string, text: string, expected: string])[] = [
  ['X1', '$A', 'apple'],
  ['X1', '<$A>${A}s', '<apple>apples'],
  ['X1', '${A:-x}${A-x}', 'appleapple'],
  ['X1', '${EMPTY:-x}|${EMPTY-x}', 'x|'],
  ['X1', '${NO:-x}|${NO-x}', 'x|x'],
  ['X1', '${A:+x}|${A+x}|${EMPTY:+x}|${EMPTY+x}|${NO:+x}|${NO+x}', 'x|x||x||'],
  ['X1', '${A:?no}${A?no}${EMPTY?no}', 'appleapple'],
  ['X1', '${NO:-${NO:-$A}}', 'apple'],
  ['X1', '${A:+${NO:-in}}-${NO:+$A}', 'in-'],
  ['X1', '${NO:-a b {c}', 'a b {c'],
  ['X1', '${A}}', 'apple}'],
  ['X1', '${NO:-"a}b"}', 'a}b'],
  ['X1', '${NO:-\\}}', '}'],
  ['X1', '${PATHS#*/}', 'usr/local/bin/app.tar.gz'],
  ['X1', '${PATHS##*/}', 'app.tar.gz'],
  ['X1', '${PATHS%.*}', '/usr/local/bin/app.tar'],
  ['X1', '${PATHS%%.*}', '/usr/local/bin/app'],
  ['X1', '${PATHS/\\//:}', ':usr/local/bin/app.tar.gz'],
  ['X1', '${PATHS//\\//:}', ':usr:local:bin:app.tar.gz'],
  ['X1', '${PATHS//o?/$A}', '/usr/lappleal/bin/app.tar.gz'],
  ['X1', '${NO#x}${NO%x}${NO/x/y}${NO//x/y}', ''],
  ['X1', '${A#$A}|${A%${NO:-le}}', '|app'],
  ['X2', '${A#?}|${A##?}|${A#*}|${A##*}', 'pple|pple|apple|'],
  ['X2', '${A%?p*}|${A%%?p*}|${A%*}|${A%%*}', 'a||apple|'],
  ['X2', '${STARS#a\\*}|${STARS%%\\**}|${STARS%\\*}', '*b*|a|a**b'],
  ['X2', '${STARS/$GLOB/.}', 'a**b*'],
  ['X2', '${A#[a]}|${A%e$}', 'apple|apple'],
  ['X2', '${A#}|${A##}|${A%}|${A%%}', 'apple|apple|apple|apple'],
  ['X2', '${A//p/}|${A//pp/P}|${A/p/\\/}', 'ale|aPle|a\\/ple'],
  ['X2', '${A///-}', '-a-p-p-l-e-'],
  ['X2', '${A//*/-}|${EMPTY//*/-}', '-|-'],
  ['X2', '${NOTE%??}|${NOTE##* }|${NOTE#?r}', 'größe ✓ |🚀🖖|öße ✓ 🚀🖖'],
  ['X2', '${NOTE%🖖}', 'größe ✓ 🚀'],
  ['X3', '$.|$|a$', '$.|$|a$'],
  ['X4', '$1|$12x|${12:-d}|$001a', '|x|d|a'],
  ['X4', '$@$*$#$?$-$$$!$0|$@@@', '|@@'],
  ['X4', '${@}${*}${#}${?}${-}${$}${!}${0}', ''],
  ['X4', '${@:-a}${#:-b}${?:-c}${-:-d}${0:+e}', 'abcd'],
  ['X5', "'$A'|'\\$A'|'\\'", '$A|\\$A|\\'],
  ['X5', '"$A"|"\'$A\'"|\'"$A"\'', 'apple|\'apple\'|"$A"'],
  ['X5', '\\t|"\\t"|\'\\t\'', 't|\\t|\\t'],
  ['X5', '"\\$A \\" \\\\ \\n"', '$A " \\ \\n'],
  ['X5', '\\$A|\\\\$A|\\${A}', '$A|\\apple|${A}'],
  ['X5', 'a\\', 'a'],
  ['X5', 'a\\\\', 'a\\'],
  ['X5', 'a"b"c\'d\'e""', 'abcde'],
  ['X6', '<$NO><${NO}>', '<><>'],
  ['X6', '$a$A', 'apple'],
  ['X6', '$größe', 'xl'],
];

const ERRORS: readonly (readonly [text: string, message: RegExp])[] = [
  ['${}', /bad substitution/],
  ['${:-x}', /bad substitution/],
  ['${{A}', /bad substitution/],
  ['${A', /missing '}'/],
  ['${', /missing '}'/],
  ['${A:-x', /missing '}'/],
  ['${A:-${NO}', /missing '}'/],
  ['${A/x', /missing '\/' in \$\{\}/],
  ['${A/x/y', /missing '}'/],
  ['${A//x}', /missing '\/' in \$\{\}/],
  ['${.}', /unsupported modifier \(\.\)/],
  ['${A=x}', /unsupported modifier \(=\)/],
  ['${A:=x}', /unsupported modifier \(:=\)/],
  ['${A:#x}', /unsupported modifier \(:#\)/],
  ['${A:%%x}', /unsupported modifier \(:%\)/],
  ['${A:x}', /unsupported modifier \(:x\)/],
  ['${A^^}', /unsupported modifier \(\^\)/],
  ['${A#\\x}', /invalid pattern \(\\x\).*invalid escape '\\x'/],
  ["it's", /matching single-quote/],
  ['"it', /matching double-quote/],
  ['"it\\"', /matching double-quote/],
  ['${NO?}', /^NO: is not allowed to be unset$/],
  ['${NO:?}', /^NO: is not allowed to be unset$/],
  ['${EMPTY:?}', /^EMPTY: is not allowed to be empty$/],
  ['${NO:?set it to an $A}', /^NO: set it to an apple$/],
];

describe('a word with variables (TestShellParser4EnvVars, TestProcessWithMatches)', () => {
  for (const [row, text, expected] of WORDS) {
    test(`${row} ${text}`, () => {
      assert.equal(word(text), expected);
    });
  }
  for (const [text, message] of ERRORS) {
    test(`X3 ${text} is refused`, () => {
      assert.throws(
        () => word(text),
        (error) => error instanceof Problem && message.test(error.message),
      );
    });
  }

  test('D3 with the backtick a backslash is text, but for the patterns', () => {
    assert.equal(word('C:\\dir\\$A', '`'), 'C:\\dir\\apple');
    assert.equal(word('`$A``"`"\\"', '`'), '$A`"\\');
    assert.equal(word('${STARS#a\\*}', '`'), '*b*');
  });

  test('the glob stops at a line break', () => {
    const lines = (): string => 'one\ntwo';
    assert.equal(expandWord('${X%%*}', lines, '\\'), 'one\n');
    assert.equal(expandWord('${X//*/-}', lines, '\\'), '-\n-');
  });

  test('what grows without end is refused', () => {
    const huge = (): string => 'x'.repeat(1 << 19);
    assert.equal(expandWord('$A$A', huge, '\\').length, 1 << 20);
    assert.throws(() => expandWord('$A$A!', huge, '\\'), /longer than 1 MiB/);
    assert.throws(() => expandWord('${A//x/yyyy}', huge, '\\'), /longer than 1 MiB/);
    assert.throws(() => expandWords('$A $A $A', huge, '\\'), /longer than 1 MiB/);
    assert.throws(() => word('${A:-'.repeat(201) + '}'.repeat(201)), /nested too deeply/);
    assert.equal(word('${NO:-'.repeat(200) + '}'.repeat(200)), '');
    assert.throws(
      () => expandWord(`\${A//${'*x'.repeat(500)}/}`, huge, '\\'),
      /pattern .* too long/,
    );
  });
});

test('X11 words of EXPOSE: blanks of an unquoted value split (TestShellParser4Words)', () => {
  const rows: readonly (readonly [string, readonly string[]])[] = [
    ['a b', ['a', 'b']],
    ['a\\ b', ['a b']],
    ['$SPACED', ['one', 'two']],
    ['x${SPACED}y', ['x', 'one', 'two', 'y']],
    ['"$SPACED"', ['  one  two ']],
    ['x"$SPACED"y', ['x  one  two y']],
    ['$EMPTY ""', []],
    ['$NO$A', ['apple']],
  ];
  for (const [text, expected] of rows)
    assert.deepEqual(expandWords(text, lookup, '\\'), expected, text);
});

test('H7 the body of a here-document: quotes are text', () => {
  const body = `"$A" '\${A}' \\$A \\\\ \\x \${NO:-"d"} it's\n`;
  assert.equal(expandText(body, lookup, '\\'), `"apple" 'apple' $A \\ x "d" it's\n`);
});

test('N2 titles keep quotes and what is not set, and never fail', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['RUN echo "$A" \'$A\' $NO ${NO}', 'RUN echo "apple" \'$A\' $NO ${NO}'],
    [
      'RUN echo ${NO:-x} ${NO#$A} ${NO//a/$A} ${A:-x}',
      'RUN echo ${NO:-x} ${NO#apple} ${NO/a/apple} apple',
    ],
    ["RUN echo it's $A", "RUN echo it's $A"],
    ['RUN echo ${A:?', 'RUN echo ${A:?'],
  ];
  for (const [text, expected] of rows) assert.equal(expandTitle(text, lookup, '\\'), expected);
});
