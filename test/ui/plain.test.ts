import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BuildEvent, Why } from '../../src/model/events.js';
import { PlainPrinter } from '../../src/ui/plain.js';
import { at } from '../helpers/build-events.js';

/** Printed lines, without blank ones. */
function lines(...events: readonly BuildEvent[]): string[] {
  return text(...events)
    .split('\n')
    .filter((line) => line !== '');
}

function text(...events: readonly BuildEvent[]): string {
  let out = '';
  const printer = new PlainPrinter((more) => (out += more));
  for (const event of events) printer.print(event);
  printer.end();
  return out;
}

const RUN = at.queued('a', '[2/3] RUN make');

test('a step that runs: title, output with its time, DONE, as BuildKit prints them', () => {
  const out = text(RUN, at.started('a', 10), at.log('a', 10.123, 'hello\n'), at.done('a', 10.46));
  assert.equal(out.trimEnd(), '#1 [2/3] RUN make\n#1 0.123 hello\n#1 DONE 0.5s');
});

test('one step after the other: a blank line between, numbers in order of appearance', () => {
  const out = text(
    RUN,
    at.queued('b', '[3/3] COPY . .'),
    at.cached('b', 1),
    at.started('a', 1),
    at.done('a', 3),
  );
  assert.equal(out.trimEnd(), '#1 [3/3] COPY . .\n#1 CACHED\n\n#2 [2/3] RUN make\n#2 DONE 2.0s');
});

test('steps at once: the one left ends with ..., each change names its step again', () => {
  const out = text(
    RUN,
    at.queued('b', 'RUN b'),
    at.started('a', 0),
    at.log('a', 0.5, 'from a\n'),
    at.started('b', 1),
    at.log('b', 1.25, 'from b\n'),
    at.log('a', 2, 'more a\n'),
    at.done('a', 2.5),
    at.done('b', 3),
  );
  assert.equal(
    out.trimEnd(),
    [
      ...['#1 [2/3] RUN make', '#1 0.500 from a', '#1 ...', ''],
      ...['#2 RUN b', '#2 0.250 from b', '#2 ...', ''],
      ...['#1 [2/3] RUN make', '#1 2.000 more a', '#1 DONE 2.5s', ''],
      ...['#2 RUN b', '#2 DONE 2.0s'],
    ].join('\n'),
  );
});

test('a step found by its content says so', () => {
  assert.deepEqual(lines(RUN, at.cached('a', 0, 'content')).at(-1), '#1 CACHED (same result)');
});

test('a failed step: ERROR and what', () => {
  const error = 'process "/bin/sh -c make" did not complete successfully: exit code: 2';
  assert.deepEqual(lines(RUN, at.started('a', 0), at.failed('a', 1, error)), [
    '#1 [2/3] RUN make',
    `#1 ERROR: ${error}`,
  ]);
});

test('a cancelled step: CANCELED', () => {
  assert.equal(lines(RUN, at.started('a', 0), at.cancelled('a', 1)).at(-1), '#1 CANCELED');
});

test('a step that was only announced is not printed', () => {
  assert.equal(text(RUN), '');
});

test('a step without time of start is DONE in no time', () => {
  assert.equal(lines(RUN, at.done('a', 5)).at(-1), '#1 DONE 0.0s');
});

const REASONS: readonly (readonly [why: Why, line: string])[] = [
  [{ kind: 'never-built' }, '#1 why: never built'],
  [{ kind: 'no-cache' }, '#1 why: --no-cache'],
  [{ kind: 'evicted' }, '#1 why: evicted: its layer is no longer in the store'],
  [{ kind: 'input-changed', input: '[1/3] FROM a' }, '#1 why: input changed: [1/3] FROM a'],
  [{ kind: 'changed', what: 'src/a.js (content)', more: 0 }, '#1 why: changed: src/a.js (content)'],
  [
    { kind: 'changed', what: 'ARG V (1 -> 2)', more: 3 },
    '#1 why: changed: ARG V (1 -> 2) and 3 more',
  ],
  [
    { kind: 'changed', what: 'a\x1b[2J\nb (added)', more: 0 },
    '#1 why: changed: a\\x1b[2J b (added)',
  ],
];

for (const [why, line] of REASONS) {
  test(`why a step runs: ${line}`, () => {
    assert.deepEqual(lines(RUN, at.started('a', 0, why)), ['#1 [2/3] RUN make', line]);
  });
}

const TIMES: readonly (readonly [seconds: number, stamp: string])[] = [
  [0, '0.000'],
  [0.001, '0.001'],
  [0.123, '0.123'],
  [0.999, '0.999'],
  [1, '1.000'],
  [1.5, '1.500'],
  [12.344, '12.34'],
  [99.5, '99.50'],
  [100, '100.0'],
  [123.44, '123.4'],
  [1234.1, '1234.'],
  [12_345, '12345'],
];

for (const [seconds, stamp] of TIMES) {
  test(`output after ${String(seconds)} s is stamped ${stamp}`, () => {
    assert.equal(
      lines(RUN, at.started('a', 0), at.log('a', seconds, 'x\n')).at(-1),
      `#1 ${stamp} x`,
    );
  });
}

const OUTPUT: readonly (readonly [what: string, chunks: string[], lines: string[]])[] = [
  ['two lines of a chunk', ['a\nb\n'], ['a', 'b']],
  ['a line of two chunks', ['a', 'b\n'], ['ab']],
  ['a last line without newline', ['a\nb'], ['a', 'b']],
  ['an empty line', ['a\n\nb\n'], ['a', '', 'b']],
  ['a progress bar is its last state', ['10%\r50%\r100%\n'], ['100%']],
  ['DOS lines', ['a\r\nb\r\n'], ['a', 'b']],
  ['colours stay', ['\x1b[32mok\x1b[0m\n'], ['\x1b[32mok\x1b[0m']],
  ['what moves the cursor is spelled', ['\x1b[2Jx\x1b]0;t\x07\n'], ['\\x1b[2Jx\\x1b]0;t\\x07']],
  ['lines like ours are still output', ['#1 DONE 0.0s\n'], ['#1 DONE 0.0s']],
];

for (const [what, chunks, shown] of OUTPUT) {
  test(`output: ${what}`, () => {
    const logs = chunks.map((chunk) => at.log('a', 1, chunk));
    const printed = lines(RUN, at.started('a', 0), ...logs, at.done('a', 1));
    assert.deepEqual(
      printed.slice(1, -1),
      shown.map((line) => `#1 1.000 ${line}`),
    );
  });
}

test('a long line is printed whole', () => {
  const long = 'x'.repeat(1 << 20);
  assert.ok(
    lines(RUN, at.started('a', 0), at.log('a', 1, `${long}\n`)).includes(`#1 1.000 ${long}`),
  );
});

test('output without newline of a step that fails comes before its ERROR', () => {
  const printed = lines(RUN, at.started('a', 0), at.log('a', 1, 'oops'), at.failed('a', 2, 'exit'));
  assert.deepEqual(printed.slice(1), ['#1 2.000 oops', '#1 ERROR: exit']);
});

test('titles, errors, statuses and warnings of others cannot move the cursor', () => {
  const evil = 'x\x1b[2J\r\x07';
  const out = text(
    at.queued('a', evil),
    at.started('a', 0),
    at.status('a', 0, evil, 1),
    at.failed('a', 1, evil),
    at.warning(evil),
  );
  assert.doesNotMatch(out, /[\x00-\x09\x0b-\x1f]/);
  assert.equal(out.split('x\\x1b[2J\\x0d\\x07').length, 5);
});

test('a part that is done is named, one under way is not', () => {
  const name = 'transferring context: 2B';
  const started = [RUN, at.started('a', 0)];
  assert.deepEqual(lines(...started, at.status('a', 0.1, name)), ['#1 [2/3] RUN make']);
  assert.equal(lines(...started, at.status('a', 0.1, name, 0.2)).at(-1), `#1 ${name} done`);
});

test('warnings come last', () => {
  const printed = lines(at.warning('mind the gap'), RUN, at.started('a', 0), at.done('a', 1));
  assert.deepEqual(printed.slice(-2), [' 1 warning found:', ' - mind the gap']);
});
