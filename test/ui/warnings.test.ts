import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WarningEvent } from '../../src/model/events.js';
import { PlainPrinter } from '../../src/ui/plain.js';
import { RawJson } from '../../src/ui/rawjson.js';
import { columnsOf } from '../../src/ui/columns.js';
import { warningLines } from '../../src/ui/warnings.js';
import { at, vertexOf } from '../helpers/build-events.js';

const SOURCE = 'FROM scratch as base\nRUN a \\\n  b\n\tCMD x\n';

function warning(message: string, startLine: number, endLine = startLine): WarningEvent {
  const range = { file: 'Dockerfile', startLine, endLine };
  const url = 'https://docs.docker.com/';
  return { type: 'warning', vertex: vertexOf('a'), message, url, range, source: SOURCE };
}

test('none: nothing', () => {
  assert.deepEqual(warningLines([]), []);
});

test('a count, an item each, its lines under it', () => {
  assert.deepEqual(warningLines([warning('A: b (line 1)', 1), warning('C: d (line 2)', 2, 3)]), [
    '',
    ' 2 warnings found (use --check to expand):',
    ' - A: b (line 1)',
    '   1 | FROM scratch as base',
    ' - C: d (line 2)',
    '   2 | RUN a \\',
    '   3 |   b',
    '',
  ]);
});

test('several about the same line show it once; a tab is blanks', () => {
  assert.deepEqual(warningLines([warning('A', 4), warning('B', 4)]).slice(2), [
    ' - A',
    ' - B',
    '   4 |         CMD x',
    '',
  ]);
});

test('of many, and of long instructions, no source is shown', () => {
  const many = Array.from({ length: 11 }, (_, i) => warning(`W${String(i)}`, (i % 3) + 1));
  assert.equal(warningLines(many).length, 14);
  assert.equal(warningLines([warning('A', 1, 4)]).length, 4);
});

test('on a narrow terminal words are wrapped, source is cut, long words are broken', () => {
  const long = `JSONArgsRecommended: JSON arguments recommended for ${'x'.repeat(90)}`;
  const lines = warningLines([warning(long, 1)], 40);
  for (const line of lines) assert.ok(columnsOf(line) <= 40, line);
  assert.deepEqual(lines.slice(1, 5), [
    ' 1 warning found (use --check to',
    '   expand):',
    ' - JSONArgsRecommended: JSON arguments',
    '   recommended for',
  ]);
  assert.equal(
    lines
      .filter((line) => line.includes('x'))
      .join('')
      .replace(/[^x]/g, '').length,
    91,
  );
});

test('what to do next stands under what went wrong, at any width', () => {
  const event: WarningEvent = {
    type: 'warning',
    vertex: vertexOf('a'),
    message: 'the cache was not exported',
    hint: 'push them to a registry: then the cache need not carry them\x1b[2J',
  };
  assert.deepEqual(warningLines([event]), [
    '',
    ' 1 warning found:',
    ' - the cache was not exported',
    '   hint: push them to a registry: then the cache need not carry them\\x1b[2J',
    '',
  ]);
  const narrow = warningLines([event], 40);
  for (const line of narrow) assert.ok(columnsOf(line) <= 40, line);
  assert.deepEqual(narrow.slice(3, 5), [
    '   hint: push them to a registry: then',
    '   the cache need not carry them\\x1b[2J',
  ]);
  const printed: string[] = [];
  const plain = new PlainPrinter((text) => printed.push(text));
  for (const each of [at.queued('a', 'exporting cache'), at.started('a', 0), event])
    plain.print(each);
  assert.match(printed.join(''), /^#1 WARN: the cache was not exported\n#1 hint: push them /m);
  const json = JSON.parse(new RawJson().line(event)) as { warnings: { detail: string[] }[] };
  const details = json.warnings.map(({ detail }) => detail.map((line) => atob(line)));
  assert.deepEqual(details, [[`hint: ${String(event.hint)}`]]);
});

test('colours and controls of a Dockerfile do not reach the terminal', () => {
  const lines = warningLines([warning('A: \x1b[31mred\x1b[2J', 1)]);
  assert.equal(lines[2], ' - A: red\\x1b[2J');
});

test('plain: under its step when it is met, and all of them last', () => {
  let out = '';
  const printer = new PlainPrinter((text) => (out += text));
  const events = [
    at.queued('a', '[internal] load build definition'),
    at.started('a', 0),
    at.done('a', 0),
    warning('A: b (line 1)', 1),
    warning('C: d (line 3)', 3),
    at.queued('b', 'RUN x'),
    at.cached('b', 0),
  ];
  for (const event of events) printer.print(event);
  printer.end();
  assert.deepEqual(out.split('\n').slice(3, 12), [
    '#1 [internal] load build definition',
    '#1 WARN: A: b (line 1)',
    '#1 WARN: C: d (line 3)',
    '',
    '#2 RUN x',
    '#2 CACHED',
    '',
    ' 2 warnings found (use --check to expand):',
    ' - A: b (line 1)',
  ]);
});
