import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BuildStep } from '../../src/model/build-steps.js';
import { type Closing, closingFacts } from '../../src/ui/closing-facts.js';
import { closingJson } from '../../src/ui/closing-json.js';
import { closingLines } from '../../src/ui/closing.js';
import { vertexOf } from '../helpers/build-events.js';

type Spelled = readonly [
  name: string,
  from: number,
  to: number,
  after?: string,
  how?: 'definition' | 'content',
];

/** Steps by letters, times in seconds. */
function stepsOf(spelled: readonly Spelled[]): BuildStep[] {
  return spelled.map(([name, from, to, after = '', by], i) => ({
    ...{ number: i + 1, vertex: vertexOf('abcdef'[i]!), name, logBytes: 0 },
    inputs: Array.from(after, vertexOf),
    ...(name.startsWith('[internal]') || name.startsWith('export')
      ? {}
      : { range: { file: 'Dockerfile', startLine: i + 1, endLine: i + 1 } }),
    ...{
      started: from * 1000,
      ended: to * 1000,
      status: by === undefined ? 'completed' : 'cached',
    },
    ...(by === undefined ? {} : { by }),
  }));
}

const factsOf = (steps: readonly Spelled[], ended: number, more: Partial<Closing> = {}) =>
  closingFacts(stepsOf(steps), { status: 'completed', started: 0, ended: ended * 1000, ...more });
const closed = (
  steps: readonly Spelled[],
  ended: number,
  { width = Infinity, ...more }: Partial<Closing & { width: number }> = {},
): string => closingLines(factsOf(steps, ended, more), width).join('\n');

const CACHED: readonly Spelled[] = [
  ['[1/2] FROM base', 0, 0, '', 'definition'],
  ['[2/2] RUN make', 0, 0, 'a', 'definition'],
];
const PARALLEL: readonly Spelled[] = [
  ['[one 1/2] FROM base', 0, 0, '', 'definition'],
  ['[one 2/2] RUN make one', 0, 70, 'a'],
  ['[two 2/2] RUN a command whose text is longer than anybody wants to read', 0, 90, 'a'],
  ['[stage-2 2/2] COPY --from=one / /', 90, 95.5, 'bc'],
  ['exporting to image', 95.5, 95.7],
];

test('a build of two cached steps says just that', () => {
  assert.equal(closed(CACHED, 0.076), 'built in 0.1s, all 2 steps cached');
  assert.equal(closed(CACHED.slice(0, 1), 3), 'built in 3.0s, 1 of 1 step cached');
  assert.equal(closed([], 0.2, { status: 'failed' }), 'failed after 0.2s');
});

test('one after the other: no path; what was quick is not told', () => {
  const steps: Spelled[] = [
    CACHED[0]!,
    ['[2/2] RUN make', 0, 2.5, 'a'],
    ['exporting to image', 2.5, 2.6],
  ];
  assert.equal(closed(steps, 2.6), 'built in 2.6s, 1 of 2 steps cached; slowest: 2.5s RUN make');
  assert.equal(closed(steps.slice(0, 2), 0.9), 'built in 0.9s, 1 of 2 steps cached');
  assert.equal(
    closed(steps, 2.6, { status: 'canceled' }),
    'canceled after 2.6s, 1 of 2 steps cached; slowest: 2.5s RUN make',
  );
});

test('the same result is told', () => {
  const steps: Spelled[] = [...CACHED, ['[3/3] RUN b', 0, 0, 'b', 'content']];
  assert.equal(closed(steps, 0.3), 'built in 0.3s, all 3 steps cached (1 same result)');
});

test('side by side, at 200, 80, 40 and 12 columns', () => {
  const at = (width: number): string => closed(PARALLEL, 96, { width });
  assert.equal(
    at(200),
    'built in 1m 36s, 1 of 4 steps cached, critical path 1m 36s; slowest: 1m 30s RUN a command whose text is longer than…, 1m 10s RUN make one, 5.5s COPY --from=one / /',
  );
  assert.equal(
    at(80),
    [
      'built in 1m 36s, 1 of 4 steps cached, critical path 1m 36s',
      '  1m 30s RUN a command whose text is longer than…',
      '  1m 10s RUN make one',
      '    5.5s COPY --from=one / /',
    ].join('\n'),
  );
  assert.equal(
    at(40),
    [
      'built in 1m 36s, 1 of 4 steps cached',
      'critical path 1m 36s',
      '  1m 30s RUN a command whose text is lo…',
      '  1m 10s RUN make one',
      '    5.5s COPY --from=one / /',
    ].join('\n'),
  );
  for (const line of at(12).split('\n')) assert.ok(line.length <= 12, line);
});

test('names of steps cannot move the cursor', () => {
  const steps: Spelled[] = [['[1/1] RUN \x1b[2J\t\x1b[31mred\nx', 0, 2]];
  assert.equal(
    closed(steps, 2),
    'built in 2.0s, 0 of 1 step cached; slowest: 2.0s RUN \\x1b[2J red x',
  );
});

test('in rawjson it is a line of JSON, with nothing left out', () => {
  assert.deepEqual(JSON.parse(closingJson(factsOf(PARALLEL, 96))), {
    summary: {
      ...{ status: 'completed', seconds: 96, steps: 4, cached: 1, sameResult: 0 },
      criticalPath: 95.5,
      slowest: [2, 1, 3].map((i) => ({
        vertex: vertexOf('abcde'[i]!),
        name: PARALLEL[i]![0],
        seconds: [0, 70, 90, 5.5][i],
      })),
    },
  });
});
