import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BuildEvent } from '../../src/model/events.js';
import { initialState, reduce, type ScreenState, type StepState } from '../../src/ui/state.js';
import { warningLines } from '../../src/ui/warnings.js';
import { at } from '../helpers/build-events.js';

function after(...events: readonly BuildEvent[]): ScreenState {
  return events.reduce(reduce, initialState(0));
}

function stepAfter(...events: readonly BuildEvent[]): StepState {
  const [step] = after(at.queued('a', 'RUN a'), ...events).steps;
  assert.ok(step);
  return step;
}

const START = at.started('a', 1);

const STATUSES: readonly (readonly [
  events: readonly BuildEvent[],
  status: string,
  times: readonly (number | undefined)[],
])[] = [
  [[], 'waiting', [undefined, undefined]],
  [[START], 'running', [1000, undefined]],
  [[at.cached('a', 2)], 'cached', [2000, 2000]],
  [[at.cached('a', 2, 'content')], 'same-result', [2000, 2000]],
  [[START, at.done('a', 3)], 'done', [1000, 3000]],
  [[START, at.failed('a', 3, 'no')], 'failed', [1000, 3000]],
  [[START, at.cancelled('a', 3)], 'cancelled', [1000, 3000]],
];

for (const [events, status, times] of STATUSES) {
  test(`a step is ${status}`, () => {
    const step = stepAfter(...events);
    assert.equal(step.status, status);
    assert.deepEqual([step.started, step.ended], times);
  });
}

test('steps keep the order of their announcement, twice announced is once there', () => {
  const [a, b] = [at.queued('a', 'A'), at.queued('b', 'B')];
  const state = after(a, b, a, at.started('b', 1), START);
  assert.deepEqual(
    state.steps.map(({ name, status }) => [name, status]),
    [
      ['A', 'running'],
      ['B', 'running'],
    ],
  );
});

test('the reducer changes nothing that it was given', () => {
  const before = after(at.queued('a', 'A'), START);
  const copy = structuredClone(before);
  for (const event of [at.log('a', 1, 'x\ny'), at.done('a', 2), at.warning('w')])
    reduce(before, event);
  assert.deepEqual(before, copy);
});

test('events of a step that was never announced are ignored', () => {
  assert.deepEqual(after(START, at.log('a', 1, 'x\n'), at.done('a', 2)).steps, []);
});

const euro = Buffer.from('€');
const TAILS: readonly (readonly [
  what: string,
  chunks: readonly (string | Uint8Array)[],
  tail: readonly string[],
])[] = [
  ['whole lines', ['a\nb\n'], ['a', 'b']],
  ['a line of two chunks', ['a', 'b\n'], ['ab']],
  ['an incomplete line is not shown', ['a\nb'], ['a']],
  ['a character cut in two', [euro.subarray(0, 1), euro.subarray(1), '\n'], ['€']],
  ['only the last twenty', [...Array(30).keys()].map((i) => `${String(i)}\n`), lastOf(30)],
  ['also of one chunk', [`${[...Array(30).keys()].join('\n')}\n`], lastOf(30)],
  ['a progress bar is its last state', ['1%\r2%\r', '3%\n'], ['3%']],
  ['a progress bar of one write a state', ['1%\r', '2%\r', '3%\r', '\n'], ['3%']],
  ['a DOS newline cut in two', ['a\r', '\n'], ['a']],
  ['what moves the cursor is spelled', ['\x1b[2J\x07\n'], ['\\x1b[2J\\x07']],
  ['colours stay', ['\x1b[31mx\x1b[0m\n'], ['\x1b[31mx\x1b[0m']],
  ['tabs are blanks up to the next stop', ['a\tb\t\tc\n'], ['a       b               c']],
  ['empty lines', ['\n\n'], ['', '']],
];

function lastOf(count: number): string[] {
  return Array.from({ length: 20 }, (_, i) => String(count - 20 + i));
}

for (const [what, chunks, tail] of TAILS) {
  test(`tail: ${what}`, () => {
    assert.deepEqual(stepAfter(START, ...chunks.map((chunk) => at.log('a', 1, chunk))).tail, tail);
  });
}

test('output without a newline does not pile up', () => {
  const chunk = at.log('a', 1, 'x'.repeat(100_000));
  const endless = stepAfter(START, ...Array.from({ length: 50 }, () => chunk));
  assert.ok(endless.partial.length <= 16 << 10);
  const bar = stepAfter(START, ...Array.from({ length: 50_000 }, () => at.log('a', 1, '5%\r')));
  assert.ok(bar.partial.length < 10);
});

test('a long line is still a line', () => {
  const { tail } = stepAfter(START, at.log('a', 1, `${'x'.repeat(1 << 20)}\nb\n`));
  assert.equal(tail.length, 2);
  assert.match(tail[0] ?? '', /^x{1000}/);
});

test('names, reasons and warnings are one line and cannot move the cursor', () => {
  const evil = 'a\nb\x1b[2J';
  const why = { kind: 'changed', what: evil, more: 0 } as const;
  const state = after(at.queued('a', evil), at.started('a', 1, why), at.warning(evil));
  assert.equal(state.steps[0]?.name, 'a b\\x1b[2J');
  assert.equal(state.steps[0].why, 'changed: a b\\x1b[2J');
  assert.equal(warningLines(state.warnings).at(-2), ' - a b\\x1b[2J');
});

test('progress of a part does not get into the output', () => {
  const step = stepAfter(START, at.status('a', 1, 'layer'), at.log('a', 1, 'x\n'));
  assert.deepEqual(step.tail, ['x']);
});
