import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constant, memoryRecords, parity, solveStep, sum } from '../helpers/arithmetic.js';

const five = constant('five', 5);
const target = sum('target', parity('odd', five), constant('one', 1));

test('a step that another machine ran does not run, nor what is below it', async () => {
  const theirs = memoryRecords();
  await solveStep(target, theirs);
  const { value, ran, story } = await solveStep(target, memoryRecords(), { elsewhere: theirs });
  assert.equal(value, 2);
  assert.deepEqual(ran, []);
  assert.ok(story.every((line) => line.endsWith(': cached')));
});

test('our own records go first', async () => {
  const [ours, theirs] = [memoryRecords(), memoryRecords()];
  await solveStep(target, ours);
  await solveStep(target, theirs);
  let asked = 0;
  const byDefinition = () => {
    asked++;
    return Promise.resolve(undefined);
  };
  const elsewhere = { ...theirs, byDefinition };
  await solveStep(target, ours, { elsewhere });
  assert.equal(asked, 0);
});

test('a record of ours whose result is gone is looked for elsewhere', async () => {
  const [ours, theirs] = [memoryRecords(), memoryRecords()];
  await solveStep(constant('seven', 7), ours);
  await solveStep(constant('seven', 7), theirs);
  const elsewhere = {
    ...theirs,
    byDefinition: async (key: Parameters<typeof theirs.byDefinition>[0]) => {
      const record = await theirs.byDefinition(key);
      return record && { ...record, result: '70' };
    },
  };
  const gone = new Set([7]);
  const { ran, value } = await solveStep(constant('seven', 7), ours, { elsewhere, gone });
  assert.deepEqual([ran, value], [[], 70]);
});

test('what holds the same is a hit by content, and is not recorded as ours before its layers are', async () => {
  const theirs = memoryRecords();
  await solveStep(sum('target', parity('odd', five)), theirs);
  const ours = memoryRecords();
  const changed = sum('target', parity('odd', constant('seven', 7)));
  const told: [string, number][] = [];
  const { ran, story } = await solveStep(changed, ours, {
    elsewhere: theirs,
    onUnsaved: (...each) => told.push(each),
  });
  assert.deepEqual(told, [['target', 1]]);
  // The constant is another; its parity is that of the other machine.
  assert.deepEqual(ran, ['seven', 'odd']);
  assert.ok(story.includes('target: cached (same result)'));
  assert.equal(ours.log.filter((line) => line === 'definition').length, 2);
});

test('a result that is not here yet is told, not recorded', async () => {
  const ours = memoryRecords();
  const told: [string, number][] = [];
  const onUnsaved = (...each: [string, number]) => told.push(each);
  const target = sum('target', constant('one', 1), five);
  await solveStep(target, ours, { notHere: new Set([6]), onUnsaved });
  assert.deepEqual(told, [['target', 6]]);
  assert.deepEqual((await solveStep(target, ours)).ran, ['target']);
});

test('a miss is explained by what the other machine knows of the place', async () => {
  const theirs = memoryRecords();
  const step = (value: string) => ({ ...constant('step', 1), settings: { 'ARG V': value } });
  await solveStep(step('1'), theirs);
  const { story } = await solveStep(step('2'), memoryRecords(), { elsewhere: theirs });
  assert.deepEqual(story, ['step: {"kind":"changed","what":"ARG V (1 -> 2)","more":0}']);
});

test('--no-cache asks nobody', async () => {
  const theirs = memoryRecords();
  await solveStep(five, theirs);
  const again = { ...five, ignoreCache: true };
  const { ran } = await solveStep(again, memoryRecords(), { elsewhere: theirs });
  assert.deepEqual(ran, ['five']);
});

test('who loads what was found by its inputs is told them: what it took over may be taken from these', async () => {
  const records = memoryRecords();
  await solveStep(sum('target', parity('odd', five)), records);
  const loads: [string, readonly number[] | undefined][] = [];
  const changed = sum('target', parity('odd', constant('seven', 7)));
  await solveStep(changed, records, { onLoad: (...each) => loads.push(each) });
  assert.deepEqual(loads, [['1', [1]]]);
  await solveStep(changed, records, { onLoad: (...each) => loads.push(each) });
  assert.deepEqual(loads.at(-1), ['1', undefined]);
});
