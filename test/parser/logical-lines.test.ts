import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseDockerfile } from '../../src/parser/parse.js';

/** `2-3 RUN text` of each instruction after FROM, then the problems. */
function shown(text: string): string[] {
  const { instructions, diagnostics } = parseDockerfile(text, 'Dockerfile');
  const place = ({ startLine, endLine }: { startLine: number; endLine: number }): string =>
    startLine === endLine ? String(startLine) : `${String(startLine)}-${String(endLine)}`;
  return [
    ...instructions.map(({ range, text: line }) => `${place(range)} ${line}`),
    ...diagnostics.map(({ range, message }) => `${place(range)} ! ${message}`),
  ].filter((line) => !/^\d+ FROM a$/.test(line));
}

const ROWS: readonly (readonly [name: string, text: string, ...expected: string[]])[] = [
  ['P2 blanks before', 'FROM a\n \t run  x  y ', '2 RUN x  y'],
  ['P2 blanks of other kinds after the name', 'FROM a\nrun\tx\nrun\v\fy', '2 RUN x', '3 RUN y'],
  ['P3 comments', '# c\nFROM a\n  # RUN x \\\nRUN y # z', '4 RUN y # z'],
  ['P3 inside a continuation', 'FROM a\nRUN x \\\n# c \\\n  # d\n  y', '2-5 RUN x   y'],
  ['P4 no separator, blanks kept', 'FROM a\nRUN a\\\nb \\\n  c', '2-4 RUN ab   c'],
  ['P4 blanks after the escape', 'FROM a\nRUN a \\ \t\nb', '2-3 RUN a b'],
  ['P4 doubled is none', 'FROM a\nRUN a\\\\\nRUN b', '2 RUN a\\\\', '3 RUN b'],
  ['P4 tripled is none', 'FROM a\nRUN a\\\\\\\nRUN b', '2 RUN a\\\\\\', '3 RUN b'],
  ['P4 at the end of the file', 'FROM a\nRUN a \\', '2 RUN a'],
  ['P4 at the end, then nothing', 'FROM a\nRUN a \\\n\n# c\n\n', '2 RUN a'],
  ['P4 a line that is only an escape', 'FROM a\n\\\nRUN a', '2-3 RUN a'],
  ['P4 an escape between', 'FROM a\nRUN a\\\n\\\nb', '2-4 RUN ab'],
  ['P4 the backtick', '# escape=`\nFROM a\nRUN a `\nb \\\nRUN c', '3-4 RUN a b \\', '5 RUN c'],
  ['P5 blank lines inside', 'FROM a\nRUN a \\\n\n \t\nb\n\nRUN c', '2-5 RUN a b', '7 RUN c'],
  ['P1 line breaks of Windows', 'FROM a\r\nRUN a \\\r\n  b\r\n', '2-3 RUN a   b'],
  ['P1 a byte order mark', '\ufeffFROM a\nRUN b', '2 RUN b'],
  ['P1 no line break at the end', 'FROM a\nRUN b', '2 RUN b'],
  ['P7 empty', '', '1 ! the Dockerfile cannot be empty'],
  ['P7 blank', ' \n\t\n', '1 ! the Dockerfile cannot be empty'],
  ['P7 comments', '# a\n# b', '1 ! file with no instructions'],
  [
    'P7 only ARG',
    'ARG a\nARG b',
    '1 ARG a',
    '2 ARG b',
    '1 ! dockerfile contains no stages to build',
  ],
  ['P7 no FROM', 'ARG a\nRUN b', '1 ARG a', '2 RUN b', '2 ! no build stage in current context'],
  ['P6 an unknown instruction', 'FROM a\nNOPE\nRUN b', '3 RUN b', '2 ! unknown instruction: NOPE'],
  ['P6 a name of every object', 'FROM a\nconstructor x', '2 ! unknown instruction: constructor'],
  ['P6 no letters', 'FROM a\n\\', '2 ! unknown instruction: '],
  ['C5 a NUL byte', 'FROM a\nRUN a\0b', '2 ! the line holds a NUL byte'],
];

describe('logical lines (TestParseIncludesLineNumbers)', () => {
  for (const [name, text, ...expected] of ROWS) {
    test(name, () => {
      assert.deepEqual(shown(text), expected);
    });
  }

  test('P1 a line of 65535 bytes with its break, and one more', () => {
    const line = (bytes: number): string => `RUN ${'é'.repeat((bytes - 6) / 2)}x`;
    assert.deepEqual(shown(`FROM a\n${line(65_534)}\n`)[0]?.slice(0, 6), '2 RUN ');
    assert.deepEqual(shown(`FROM a\n${line(65_536)}\n`), [
      '2 ! dockerfile line greater than max allowed size of 65535',
    ]);
    const body = `FROM a\nRUN <<E\n${'x'.repeat(65_535)}\nE`;
    assert.deepEqual(shown(body), ['3 ! dockerfile line greater than max allowed size of 65535']);
  });

  test('C5 a file of more than 10 MiB', () => {
    assert.deepEqual(shown('# comment\n'.repeat(1_048_577)), [
      '1 ! the Dockerfile is larger than 10 MiB',
    ]);
  });

  test('every line that is one is read, whatever stands beside it', () => {
    const lines = Array.from(
      { length: 500 },
      (_, i) => `RUN ${String(i)}\\\\\nRUN <<E\nRUN no\nE\n#\nENV a=\\\nb`,
    );
    const { instructions, diagnostics } = parseDockerfile(
      `FROM a\n${lines.join('\n')}`,
      'Dockerfile',
    );
    assert.deepEqual(diagnostics, []);
    assert.equal(instructions.length, 1501);
    assert.equal(instructions.at(-1)?.range.endLine, 3501);
  });
});
