import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { render as renderInk } from 'ink';
import { render } from 'ink-testing-library';
import type { BuildEvent } from '../../src/model/events.js';
import { columnsOf } from '../../src/ui/columns.js';
import { BuildView } from '../../src/ui/screen/main.js';
import { initialState, reduce } from '../../src/ui/state.js';
import { summaryLines } from '../../src/ui/summary.js';
import { at } from '../helpers/build-events.js';

interface Size {
  readonly columns?: number;
  readonly rows?: number;
}

function view(events: readonly BuildEvent[], { columns = 80, rows = 24 }: Size = {}) {
  const state = events.reduce(reduce, initialState(0));
  return <BuildView state={state} now={2500} columns={columns} rows={rows} tailLines={6} />;
}

/** Lines of a frame, without colours. */
function screen(events: readonly BuildEvent[], size: Size = {}): string[] {
  const { lastFrame, unmount } = render(view(events, size));
  const frame = lastFrame() ?? '';
  unmount();
  return stripVTControlCharacters(frame).split('\n');
}

/** ink-testing-library's terminal has 100 columns; this one as many as wanted. */
function wideScreen(events: readonly BuildEvent[], columns: number): string[] {
  const frames: string[] = [];
  const stdout = Object.assign(new EventEmitter(), {
    columns,
    rows: 50,
    write: (frame: string) => frames.push(frame),
  });
  const app = renderInk(view(events, { columns, rows: 50 }), {
    stdout: stdout as unknown as NodeJS.WriteStream,
    debug: true,
    patchConsole: false,
    exitOnCtrlC: false,
  });
  const frame = frames.at(-1) ?? '';
  app.unmount();
  return stripVTControlCharacters(frame).split('\n');
}

const STEPS = [
  at.queued('a', '[1/4] FROM alpine'),
  at.queued('b', '[2/4] RUN apk add make'),
  at.queued('c', '[3/4] RUN make'),
  at.queued('d', '[4/4] COPY . .'),
];
const RUNNING = [...STEPS, at.cached('a', 0), at.started('b', 1, { kind: 'never-built' })];

test('while a step runs: the title, what ended, the step, its time, its reason', () => {
  assert.deepEqual(screen(RUNNING, { columns: 40 }), [
    '[+] Building 2.5s (1/4)',
    ' => CACHED [1/4] FROM alpine        0.0s',
    ' => [2/4] RUN apk add make          1.5s',
    ' => => why: never built',
  ]);
});

test('ended steps stay above the running ones, waiting steps are not on the live screen', () => {
  const shown = screen([...RUNNING, at.started('c', 1), at.done('b', 2)]);
  assert.match(shown[0] ?? '', /\(2\/4\)/);
  assert.match(shown[1] ?? '', /=> CACHED \[1\/4\] FROM/);
  assert.match(shown[2] ?? '', /=> \[2\/4\] RUN apk add make +1\.0s$/);
  assert.match(shown[3] ?? '', /RUN make/);
  assert.doesNotMatch(shown.join('\n'), /COPY/);
});

test('ended steps give way to running ones, the oldest first', () => {
  const ended = Array.from('ef0123456789', (id) => [
    at.queued(id, `[${id}] RUN ${id}`),
    at.started(id, 0),
    at.done(id, 1),
  ]);
  const shown = screen([...ended.flat(), ...RUNNING, at.log('b', 1.5, 'x\n')], { rows: 14 });
  assert.equal(shown.length, 13);
  assert.match(shown.join('\n'), /RUN 7.*\n.*RUN 8.*\n.*RUN 9.*\n.*FROM alpine.*\n.*apk add/);
  assert.doesNotMatch(shown.join('\n'), /RUN 6/);
});

test('before anything runs there is the title', () => {
  assert.deepEqual(screen(STEPS), ['[+] Building 2.5s (0/4)']);
  assert.deepEqual(screen([]), ['[+] Building 2.5s (0/0)']);
});

test('cached steps are shown as CACHED when the build is over', () => {
  const state = [...RUNNING, at.done('b', 2)].reduce(reduce, initialState(0));
  assert.match(
    summaryLines(state, 80, 2500).join('\n'),
    /^ => CACHED \[1\/4\] FROM alpine +0\.0s$/m,
  );
});

test('the last six lines of output', () => {
  const lines = Array.from({ length: 10 }, (_, i) => `line ${String(i)}`);
  const shown = screen([...RUNNING, at.log('b', 1.5, `${lines.join('\n')}\n`)]);
  assert.deepEqual(
    shown.slice(4),
    lines.slice(-6).map((line) => ` => => # ${line}`),
  );
});

test('from its first line of output on a step keeps its height', () => {
  const heights = Array.from({ length: 30 }, (_, count) => {
    const output = 'out\n'.repeat(count + 1);
    return screen([...RUNNING, at.log('b', 1.5, output)]).length;
  });
  assert.deepEqual([...new Set(heights)], [10]);
});

test('output of any shape keeps the height', () => {
  const shapes = [
    'x'.repeat(5000),
    '漢'.repeat(500),
    'a\tb\t'.repeat(50),
    '\x1b[31mred',
    '\x1b[2J\x1b[H',
  ]
    .concat(['1%\r2%\r3%', '', '😀'.repeat(300), `${'a'.repeat(38)}\x1b[1m${'b'.repeat(99)}`])
    .concat(['\x07\x08\x0b\x0c', 'dos\r']);
  for (const columns of [40, 80]) {
    for (const shape of shapes) {
      const shown = screen([...RUNNING, at.log('b', 1.5, `${shape}\n`)], { columns });
      assert.equal(shown.length, 10, JSON.stringify(shape));
      for (const line of shown) assert.ok(columnsOf(line) <= columns, JSON.stringify(line));
    }
  }
});

test('never higher than the terminal, however many steps run', () => {
  const letters = Array.from('abcdef0123456789');
  const events = letters.flatMap((letter) => [
    at.queued(letter, `RUN ${letter}`),
    at.started(letter, 0, { kind: 'no-cache' }),
    at.log(letter, 1, 'x\n'.repeat(20)),
  ]);
  for (const rows of [5, 8, 10, 24, 50, 100]) {
    const shown = screen(events, { rows });
    assert.ok(shown.length < rows, `${String(shown.length)} lines on ${String(rows)} rows`);
    assert.match(shown[0] ?? '', /Building/);
    assert.match(shown[1] ?? '', /RUN a/);
  }
});

test('a terminal with room shows every running step', () => {
  const events = [...RUNNING, at.started('c', 1), at.log('b', 1.5, 'x\n'), at.log('c', 1.5, 'y\n')];
  const text = screen(events, { rows: 50 }).join('\n');
  for (const part of ['apk add', 'RUN make', '# x', '# y']) assert.ok(text.includes(part), part);
});

for (const columns of [40, 200]) {
  test(`${String(columns)} columns are used and not passed`, () => {
    const long = 'z'.repeat(500);
    const events = [
      at.queued('a', `[1/1] RUN ${long}`),
      at.started('a', 1, { kind: 'changed', what: long, more: 2 }),
      at.log('a', 2, `${long}\n`),
    ];
    const shown = wideScreen(events, columns);
    assert.equal(shown.length, 9);
    const widths = shown.slice(1, 4).map((line) => columnsOf(line));
    assert.deepEqual(widths, [columns, columns, columns]);
    assert.match(shown[1] ?? '', /z… 1\.5s$/);
    assert.match(shown[2] ?? '', /^ => => why: changed: z+…$/);
    assert.match(shown[3] ?? '', /^ => => # z+…$/);
  });
}

test('a failure is an ERROR on the live screen and in what stays', () => {
  const events = [...RUNNING, at.log('b', 1.5, 'oops\n'), at.failed('b', 2, 'exit code: 1')];
  assert.match(screen(events).join('\n'), /^ => ERROR \[2\/4\] RUN apk add make +1\.0s$/m);
  const state = events.reduce(reduce, initialState(0));
  assert.match(
    summaryLines(state, 80, 2500).join('\n'),
    /^ => ERROR \[2\/4\] RUN apk add make +1\.0s$/m,
  );
});

test('output cannot move the cursor or change the title', () => {
  const { lastFrame, unmount } = render(
    view([...RUNNING, at.log('b', 1.5, 'a\x1b[5Ab\x1b]0;t\x07\x1b[?25l\n')]),
  );
  const frame = (lastFrame() ?? '').replace(/\x1b\[[0-9;]*m/g, '');
  unmount();
  assert.doesNotMatch(frame, /[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
  assert.match(frame, /# a\\x1b\[5Ab\\x1b\]0;t\\x07/);
});
