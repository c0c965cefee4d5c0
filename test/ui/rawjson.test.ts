import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BuildEvent } from '../../src/model/events.js';
import { RawJson } from '../../src/ui/rawjson.js';
import { at, vertexOf } from '../helpers/build-events.js';

// What Go decodes into BuildKit's client.SolveStatus (client/graph.go), a line an event.

function printed(...events: readonly BuildEvent[]): unknown[] {
  const raw = new RawJson();
  return events.map((event) => {
    const line = raw.line(event);
    assert.match(line, /^\{.*\}\n$/);
    return JSON.parse(line) as unknown;
  });
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const [digest, base] = [vertexOf('a'), vertexOf('b')];
const RUN = at.queued('a', '[2/2] RUN make', ['b']);
const known = { digest, inputs: [base], name: '[2/2] RUN make' };
const started = '1970-01-01T00:00:01.500Z';

test('an announced step: digest, inputs, name', () => {
  assert.deepEqual(printed(RUN), [{ vertexes: [known] }]);
});

test('a step that runs: started, then completed with both times', () => {
  const [, first, last] = printed(RUN, at.started('a', 1.5), at.done('a', 2));
  assert.deepEqual(first, { vertexes: [{ ...known, started }] });
  const completed = '1970-01-01T00:00:02.000Z';
  assert.deepEqual(last, { vertexes: [{ ...known, started, completed }] });
});

test('why it runs, as data and as a sentence', () => {
  const why = { kind: 'changed', what: 'a.js (content)', more: 1 } as const;
  assert.deepEqual(printed(RUN, at.started('a', 1.5, why))[1], {
    vertexes: [{ ...known, started, why: { ...why, text: 'changed: a.js (content) and 1 more' } }],
  });
});

for (const by of ['definition', 'content'] as const) {
  test(`a cached step, found by its ${by}`, () => {
    assert.deepEqual(printed(RUN, at.cached('a', 1.5, by))[1], {
      vertexes: [{ ...known, started, completed: started, cached: true, by }],
    });
  });
}

test('a failed step has its error, a cancelled one that of a cancelled context', () => {
  const start = at.started('a', 1.5);
  assert.deepEqual(printed(RUN, start, at.failed('a', 1.5, 'exit code: 2'))[2], {
    vertexes: [{ ...known, started, completed: started, error: 'exit code: 2' }],
  });
  assert.deepEqual(printed(RUN, start, at.cancelled('a', 1.5))[2], {
    vertexes: [{ ...known, started, completed: started, error: 'context canceled' }],
  });
});

test('output is base64 with its stream, byte for byte', () => {
  const data = Buffer.of(0, 255, 27, 10);
  const log = at.log('a', 1.5, data);
  const line = { vertex: digest, data: data.toString('base64'), timestamp: started };
  assert.deepEqual(printed(log), [{ logs: [{ ...line, stream: 1 }] }]);
  assert.deepEqual(printed({ ...log, stream: 'stderr' } as BuildEvent), [
    { logs: [{ ...line, stream: 2 }] },
  ]);
});

test('progress of a part: current is always there, the rest when known', () => {
  const status = { vertex: digest, id: 'layer', name: 'layer', timestamp: started };
  assert.deepEqual(printed(at.status('a', 1.5, 'layer')), [
    { statuses: [{ ...status, current: 0 }] },
  ]);
  const event = { ...at.status('a', 1.5, 'layer', 1.5), current: 5, total: 10, started: 1500 };
  assert.deepEqual(printed(event as BuildEvent), [
    { statuses: [{ ...status, current: 5, total: 10, started, completed: started }] },
  ]);
});

test('a warning: short and detail in base64, range a list of positions', () => {
  assert.deepEqual(printed(at.warning('mind')), [
    { warnings: [{ level: 1, short: base64('mind') }] },
  ]);
  const event: BuildEvent = {
    type: 'warning',
    vertex: digest,
    message: 'mind',
    detail: ['the', 'gap'],
    url: 'https://gap/',
    range: { file: 'Dockerfile', startLine: 3, endLine: 4 },
    source: 'FROM a\n',
  };
  assert.deepEqual(printed(event), [
    {
      warnings: [
        {
          vertex: digest,
          level: 1,
          short: base64('mind'),
          detail: [base64('the'), base64('gap')],
          url: 'https://gap/',
          sourceInfo: {
            filename: 'Dockerfile',
            data: base64('FROM a\n'),
            language: 'Dockerfile',
          },
          range: [{ start: { line: 3 }, end: { line: 4 } }],
        },
      ],
    },
  ]);
});

test('a newline in a name or error does not break the line', () => {
  const events = [at.queued('a', 'RUN <<E\nx\nE'), at.failed('a', 1, 'a\nb')];
  assert.equal(printed(...events).length, 2);
});
