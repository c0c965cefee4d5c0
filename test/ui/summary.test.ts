import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BuildEvent } from '../../src/model/events.js';
import { columnsOf, cut, withoutTabs } from '../../src/ui/columns.js';
import { initialState, reduce } from '../../src/ui/state.js';
import { summaryLines } from '../../src/ui/summary.js';
import { at } from '../helpers/build-events.js';

function summary(width: number, ...events: readonly BuildEvent[]): string[] {
  return summaryLines(events.reduce(reduce, initialState(0)), width, 4200);
}

const BUILD = [
  at.queued('a', '[1/3] FROM alpine'),
  at.queued('b', '[2/3] RUN make'),
  at.queued('c', '[3/3] COPY . .'),
];

test('all done: a title, a line a step with its time at the right edge', () => {
  const lines = summary(
    40,
    ...BUILD,
    at.cached('a', 0),
    at.started('b', 0, { kind: 'never-built' }),
    at.done('b', 3.14),
    at.cached('c', 4, 'content'),
  );
  assert.deepEqual(lines, [
    '[+] Building 4.2s (3/3) FINISHED',
    `${' => CACHED [1/3] FROM alpine'.padEnd(36)}0.0s`,
    `${' => [2/3] RUN make'.padEnd(36)}3.1s`,
    ' => => why: never built',
    ' => CACHED (same result) [3/3] COP… 0.0s',
  ]);
});

test('a failure: ERROR, CANCELED, no step that never began, not FINISHED', () => {
  const lines = summary(
    60,
    ...BUILD,
    at.queued('d', 'exporting'),
    at.cached('a', 0),
    at.started('b', 0),
    at.started('c', 0),
    at.failed('b', 1, 'exit code: 2'),
    at.cancelled('c', 1),
  );
  assert.equal(lines[0], '[+] Building 4.2s (3/4)');
  assert.match(lines[2] ?? '', /^ => ERROR \[2\/3\] RUN make +1\.0s$/);
  assert.match(lines[3] ?? '', /^ => CANCELED \[3\/3\] COPY \. \. +1\.0s$/);
  assert.equal(lines.length, 4);
});

test('a build of nothing has only a title', () => {
  assert.deepEqual(summary(80), ['[+] Building 4.2s (0/0)']);
});

test('warnings come last', () => {
  assert.deepEqual(summary(80, at.warning('mind the gap'), ...BUILD).slice(-4), [
    '',
    ' 1 warning found:',
    ' - mind the gap',
    '',
  ]);
});

for (const width of [20, 40, 80, 200]) {
  test(`no line is wider than ${String(width)}, and times are at the edge`, () => {
    const names = ['x'.repeat(300), '漢字'.repeat(80), '😀'.repeat(80), 'é'.repeat(300), 'short'];
    const letters = ['a', 'b', 'c', 'd', 'e'];
    const events = letters.flatMap((letter, i) => [
      at.queued(letter, names[i] ?? ''),
      at.started(letter, 0, { kind: 'changed', what: 'y'.repeat(300), more: 0 }),
      at.done(letter, 1),
    ]);
    const lines = summary(width, ...events, at.warning('z'.repeat(300))).slice(1);
    for (const line of lines) assert.ok(columnsOf(line) <= width, line);
    const titles = lines.filter((line) => line.endsWith('1.0s'));
    assert.deepEqual(
      titles.map((line) => columnsOf(line)),
      letters.map(() => width),
    );
  });
}

const CUTS: readonly (readonly [text: string, columns: number, shown: string])[] = [
  ['abc', 3, 'abc'],
  ['abcd', 3, 'ab…'],
  ['', 5, ''],
  ['abc', 1, '…'],
  ['abc', 0, ''],
  ['漢字', 4, '漢字'],
  ['漢字', 3, '漢…'],
  ['漢字漢', 4, '漢…'],
  ['😀😀', 3, '😀…'],
  ['a😀b', 3, 'a…'],
  ['e\u0301e\u0301', 2, 'e\u0301e\u0301'],
  ['\x1b[31mabc\x1b[0m', 3, '\x1b[31mabc\x1b[0m\x1b[0m'],
  ['\x1b[31mabcd\x1b[0m', 3, '\x1b[31mab…\x1b[0m'],
  ['ab\x1b[38;5;208mcd', 3, 'ab\x1b[38;5;208m…\x1b[0m'],
];

for (const [text, columns, shown] of CUTS) {
  test(`${JSON.stringify(text)} cut to ${String(columns)} columns`, () => {
    assert.equal(cut(text, columns), shown);
    assert.ok(columnsOf(shown) <= columns);
  });
}

test('tabs end at every eighth column', () => {
  const vectors = [
    ['\t', '        '],
    ['a\tb', 'a       b'],
    ['1234567\tb', '1234567 b'],
    ['12345678\tb', '12345678        b'],
    ['漢\tb', '漢      b'],
    ['none', 'none'],
  ] as const;
  for (const [text, shown] of vectors) assert.equal(withoutTabs(text), shown);
});
