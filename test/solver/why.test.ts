import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeWhy, type Why } from '../../src/model/events.js';
import type { ListedFact } from '../../src/model/op.js';
import { diffLists } from '../../src/solver/why.js';
import { constant, memoryRecords, type Step, solveStep, sum } from '../helpers/arithmetic.js';

/** Solves `before`, then `after`; the reason the last step ran the second time. */
async function why(before: Step, after: Step): Promise<string> {
  const records = memoryRecords();
  await solveStep(before, records);
  const { events } = await solveStep(after, records);
  const started = events.filter((event) => event.type === 'vertex-started').at(-1);
  return started?.why === undefined ? 'cached' : describeWhy(started.why);
}

const step = (change: Partial<Step>): Step => ({ ...constant('s', 1), ...change });
const file = (path: string, content: string, mode = '644'): ListedFact => ({
  path,
  facts: { content, mode },
});
const FILES = [file('a', '1'), file('b', '2'), file('c', '3')];

const REASONS: readonly (readonly [before: Partial<Step>, after: Partial<Step>, why: string])[] = [
  [{}, {}, 'cached'],
  [{}, { text: 'other' }, 'changed: instruction text (constant 1 -> other)'],
  [
    { settings: { 'ARG VERSION': '1' } },
    { settings: { 'ARG VERSION': '2' } },
    'changed: ARG VERSION (1 -> 2)',
  ],
  [{}, { settings: { 'ENV A': '1' } }, 'changed: ENV A (added)'],
  [{ settings: { 'ENV A': '1' } }, {}, 'changed: ENV A (removed)'],
  [
    { settings: { user: 'root', network: 'default' } },
    { settings: { user: 'app', network: 'none' } },
    'changed: user (root -> app) and 1 more',
  ],
  [{ files: FILES }, { files: [FILES[0]!, file('b', 'x'), FILES[2]!] }, 'changed: b (content)'],
  [{ files: FILES }, { files: [FILES[0]!, file('b', '2', '755'), FILES[2]!] }, 'changed: b (mode)'],
  [
    { files: FILES },
    { files: [FILES[0]!, file('b', 'x', '755'), FILES[2]!] },
    'changed: b (content, mode)',
  ],
  [{ files: FILES }, { files: [...FILES, file('d', '4')] }, 'changed: d (added)'],
  [{ files: FILES }, { files: FILES.slice(1) }, 'changed: a (removed)'],
  [
    { files: FILES },
    { files: [FILES[0]!, file('bb', '2'), FILES[2]!] },
    'changed: b -> bb (renamed)',
  ],
  [{ inputs: [constant('n', 1)] }, { inputs: [constant('n', 2)] }, 'input changed: n'],
  [
    { inputs: [constant('n', 1), constant('m', 1)] },
    { inputs: [constant('n', 1), constant('m', 2)] },
    'input changed: m',
  ],
  [{ inputs: [constant('n', 1)] }, { ignoreCache: true, inputs: [constant('n', 1)] }, '--no-cache'],
];

for (const [before, after, expected] of REASONS) {
  test(`a reason: ${expected}`, async () => {
    assert.equal(await why(step(before), step(after)), expected);
  });
}

test('a step never seen says so', async () => {
  const { events } = await solveStep(constant('s', 1), memoryRecords());
  const started = events.find((event) => event.type === 'vertex-started');
  assert.deepEqual(started?.why, { kind: 'never-built' });
});

test('a step moved in its file is found by its text, one with another text by its position', async () => {
  const at = (position: number, text: string, user: string): Step => ({
    ...constant('s', 1),
    position,
    text,
    settings: { user },
  });
  assert.equal(await why(at(0, 'x', 'a'), at(5, 'x', 'b')), 'changed: user (a -> b)');
  assert.equal(await why(at(3, 'x', 'a'), at(3, 'y', 'a')), 'changed: instruction text (x -> y)');
  assert.equal(await why(at(3, 'x', 'a'), at(4, 'y', 'a')), 'never built');
});

const at = (text: string, user: string): Step => ({
  ...constant('s', 1),
  text,
  settings: { user },
});

/** Builds one step after the other on the same records: why each ran, undefined if it did not. */
function teller(): (built: Step) => Promise<string | undefined> {
  const records = memoryRecords();
  return async (built) => {
    const { events } = await solveStep(built, records);
    const started = events.find((event) => event.type === 'vertex-started');
    return started?.why === undefined ? undefined : describeWhy(started.why);
  };
}

test('a text that comes back is compared with the last build, not with the one that had it', async () => {
  const told = teller();
  await told(at('x', 'a'));
  await told(at('y', 'a'));
  assert.equal(await told(at('y', 'b')), 'changed: user (a -> b)');
  assert.equal(await told(at('x', 'b')), 'changed: instruction text (y -> x)');
  // The last build had it, though it did not run.
  assert.equal(await told(at('y', 'b')), undefined);
  assert.equal(await told(at('y', 'c')), 'changed: user (b -> c)');
});

test('the newest run that a build used, though it was cached then, or its inputs differed', async () => {
  const told = teller();
  await told(at('A', 'a'));
  for (const user of ['b', 'c']) await told(at('B', user));
  assert.equal(await told(at('A', 'a')), undefined);
  assert.equal(await told(at('C', 'a')), 'changed: instruction text (A -> C)');
  // Of one text, too, not what ran last.
  for (const user of ['x', 'y']) await told(at('D', user));
  assert.equal(await told(at('D', 'x')), undefined);
  assert.equal(await told(at('D', 'z')), 'changed: user (x -> z)');
});

test('a step that this build has elsewhere is no earlier run of another', async () => {
  const records = memoryRecords();
  const step = (name: string, position: number, text: string): Step => ({
    ...constant(name, 1),
    ...{ text, position },
  });
  await solveStep(sum('all', step('s', 0, 'a')), records);
  await solveStep(sum('all', step('s', 1, 'a'), step('s', 0, 'b')), records);
  const { story } = await solveStep(sum('all', step('s', 1, 'a'), step('s', 0, 'c')), records);
  assert.ok(story.includes('s: {"kind":"changed","what":"instruction text (b -> c)","more":0}'));
});

test('a file that is nowhere known is compared with the same file elsewhere, the likeliest first', async () => {
  const records = memoryRecords();
  const at = (file: string, text: string): Step => ({ ...constant('s', 1), file, text });
  await solveStep(at('/one/Sumfile', 'a'), records);
  await solveStep(at('/two/Sumfile', 'b'), records);
  const sameFiles = (): Promise<readonly string[]> =>
    Promise.resolve(['/nothing', '/one/Sumfile', '/two/Sumfile']);
  const { story } = await solveStep(at('/three/Sumfile', 'c'), records, { sameFiles });
  assert.deepEqual(story, ['s: {"kind":"changed","what":"instruction text (a -> c)","more":0}']);
  const alone = await solveStep(at('/four/Sumfile', 'd'), records);
  assert.deepEqual(alone.story, ['s: {"kind":"never-built"}']);
  // Its own is asked first.
  const own = await solveStep(at('/two/Sumfile', 'e'), records, { sameFiles });
  assert.deepEqual(own.story, [
    's: {"kind":"changed","what":"instruction text (b -> e)","more":0}',
  ]);
});

test('evicted: both keys as last time, the result gone', async () => {
  const records = memoryRecords();
  await solveStep(constant('s', 1), records);
  records.forget();
  const { events } = await solveStep(constant('s', 1), records);
  const started = events.find((event) => event.type === 'vertex-started');
  assert.deepEqual(started?.why, { kind: 'evicted' } satisfies Why);
});

test('lists differ by path and fact', () => {
  assert.deepEqual(diffLists([], []), []);
  assert.deepEqual(diffLists([file('a', '1')], [{ path: 'a', facts: { content: '1' } }]), [
    'a (mode)',
  ]);
});
