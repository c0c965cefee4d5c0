import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BuildSteps } from '../../src/model/build-steps.js';
import { buildTrace } from '../../src/model/build-trace.js';
import type { BuildEvent } from '../../src/model/events.js';
import { checkTrace } from '../helpers/check-trace.js';
import { at } from '../helpers/build-events.js';

function traceOf(events: readonly BuildEvent[], ended: number): ReturnType<typeof checkTrace> {
  const steps = new BuildSteps();
  for (const event of events) steps.add(event);
  const input = { started: 0, ended: ended * 1000, status: 'completed' };
  return checkTrace(JSON.stringify(buildTrace(steps.list(), input)));
}

test('a span a step, side by side in lanes, with reasons; arrows from inputs', () => {
  const events = traceOf(
    [
      at.queued('a', 'base'),
      at.queued('b', 'one', ['a']),
      at.queued('c', 'two', ['a']),
      at.queued('d', 'both', ['b', 'c']),
      at.queued('e', 'never begun', ['d']),
      at.cached('a', 0),
      at.started('b', 1, { kind: 'never-built' }),
      at.started('c', 2, { kind: 'changed', what: 'x (content)', more: 0 }),
      at.log('b', 2, 'text'),
      at.done('b', 3),
      at.done('c', 4),
      at.started('d', 4),
      at.failed('d', 5, 'exit code: 1'),
    ],
    6,
  );
  const spans = events.filter(({ ph }) => ph === 'X');
  assert.deepEqual(
    spans.map(({ name, tid, ts, dur }) => [name, tid, ts! / 1e6, dur! / 1e6]),
    [
      ['build', 0, 0, 6],
      ['one', 1, 1, 2],
      ['two', 2, 2, 2],
      ['both', 1, 4, 1],
    ],
  );
  assert.deepEqual(spans[2]!.args, { step: 3, status: 'completed', why: 'changed: x (content)' });
  assert.deepEqual(spans[1]!.args?.['log bytes'], 4);
  assert.deepEqual(spans[3]!.args?.['error'], 'exit code: 1');
  assert.equal(events.filter(({ ph }) => ph === 's').length, 2);
  assert.deepEqual(
    events.filter(({ ph }) => ph === 'i').map(({ name, args }) => [name, args?.['cached']]),
    [['base', 'same definition']],
  );
});

test('any build is a trace by the rules', () => {
  const step = fc.record({
    start: fc.integer({ min: 0, max: 50 }),
    took: fc.integer({ min: 0, max: 20 }),
    how: fc.constantFrom('done', 'failed', 'cancelled', 'cached', 'running'),
    input: fc.integer({ min: 0, max: 15 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 16 }), (steps) => {
      const letter = (i: number): string => '0123456789abcdef'[i]!;
      const events = steps.flatMap(({ start, took, how, input }, i): BuildEvent[] => {
        const own = letter(i);
        const queued = at.queued(own, `step ${own}`, input < i ? [letter(input)] : []);
        if (how === 'cached') return [queued, at.cached(own, start)];
        const started = [queued, at.started(own, start)];
        if (how === 'running') return started;
        if (how === 'failed') return [...started, at.failed(own, start + took, 'no')];
        return [...started, at[how](own, start + took)];
      });
      traceOf(events, 80);
    }),
  );
});
