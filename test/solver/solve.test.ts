import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BuildError } from '../../src/model/error.js';
import type { BuildEvent } from '../../src/model/events.js';
import {
  constant,
  memoryRecords,
  parity,
  type Step,
  solveStep,
  sum,
} from '../helpers/arithmetic.js';

/** Resolves once `count` callers are inside. */
function meeting(count: number): () => Promise<void> {
  let open = (): void => undefined;
  const met = new Promise<void>((resolve) => (open = resolve));
  let here = 0;
  return () => {
    if (++here === count) open();
    return met;
  };
}

test('each vertex runs once, however many need it', async () => {
  const one = constant('one', 1);
  const two = sum('two', one, one);
  const five = sum('five', two, two, one);
  const { value, ran } = await solveStep(five, memoryRecords());
  assert.equal(value, 5);
  assert.deepEqual(ran, ['one', 'two', 'five']);
});

test('inputs run side by side: three that wait for each other all end', async () => {
  const meet = meeting(3);
  const waiting = [1, 2, 3].map((n): Step => {
    return { name: `n${n}`, compute: () => meet().then(() => n) };
  });
  assert.equal((await solveStep(sum('all', ...waiting), memoryRecords())).value, 6);
});

test('no more run at once than allowed', async () => {
  let now = 0;
  let most = 0;
  const steps = Array.from({ length: 12 }, (_, n): Step => {
    const compute = async (): Promise<number> => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      now--;
      return n;
    };
    return { name: `n${n}`, compute };
  });
  await solveStep(sum('all', ...steps), memoryRecords(), { parallel: 3 });
  assert.equal(most, 3);
});

test('a second time nothing runs, every step is shown, inputs first', async () => {
  const records = memoryRecords();
  const step = sum('sum', constant('a', 1), constant('b', 2));
  await solveStep(step, records);
  const { ran, story, value } = await solveStep(step, records);
  assert.equal(value, 3);
  assert.deepEqual(ran, []);
  assert.deepEqual(story, ['a: cached', 'b: cached', 'sum: cached']);
});

test('a hit needs nothing below it: not even a result that is gone', async () => {
  const records = memoryRecords();
  const step = sum('sum', constant('a', 1), constant('b', 2));
  await solveStep(step, records);
  const { ran } = await solveStep(step, records, { gone: new Set([1, 2]) });
  assert.deepEqual(ran, []);
});

test('early cutoff: an input changed, its result did not, and what follows is cached', async () => {
  const records = memoryRecords();
  const graph = (value: number): Step => {
    const even = parity('even', constant('n', value));
    return sum('last', sum('sum', even, constant('ten', 10)));
  };
  await solveStep(graph(1), records);
  const { value, ran, story } = await solveStep(graph(3), records);
  assert.equal(value, 11);
  assert.deepEqual(ran, ['n', 'even']);
  assert.deepEqual(story.slice(2), [
    `even: {"kind":"input-changed","input":"n"}`,
    'sum: cached (same result)',
    'last: cached (same result)',
  ]);
  // It was recorded under its new key as well: now the target alone is a hit.
  assert.deepEqual((await solveStep(graph(3), records)).story.at(-1), 'last: cached');
});

test('a step that says what it reads is cached while that is the same', async () => {
  const records = memoryRecords();
  const graph = (value: number): Step => ({
    name: 'tens',
    inputs: [constant('n', value)],
    compute: ([n = 0]) => Math.floor(n / 10),
    reads: ([n = 0]) => String(Math.floor(n / 10)),
  });
  await solveStep(graph(41), records);
  assert.equal((await solveStep(graph(42), records)).story.at(-1), 'tens: cached (same result)');
  assert.deepEqual((await solveStep(graph(52), records)).ran, ['n', 'tens']);
});

test('inputs that hold what they held are not looked into', async () => {
  const records = memoryRecords();
  let looks = 0;
  const graph = (text: string): Step => ({
    name: 'tens',
    inputs: [{ ...constant('n', 41), text }],
    compute: ([n = 0]) => Math.floor(n / 10),
    reads: ([n = 0]) => {
      looks++;
      return String(Math.floor(n / 10));
    },
  });
  await solveStep(graph('41'), records);
  looks = 0;
  assert.deepEqual((await solveStep(graph('40 + 1'), records)).ran, ['n']);
  assert.equal(looks, 0);
});

test('sources always run, are shown as cached and leave no record', async () => {
  const records = memoryRecords();
  const source: Step = { name: 'image', source: true, compute: () => 7 };
  const { ran, story } = await solveStep(source, records);
  assert.deepEqual([ran, story, records.log], [['image'], ['image: cached'], []]);
});

test('a result that is gone from the store is made again', async () => {
  const records = memoryRecords();
  const step = sum('sum', constant('a', 1), constant('b', 2));
  await solveStep(step, records);
  const again = await solveStep(step, records, { gone: new Set([3]) });
  assert.deepEqual(again.ran, ['sum']);
  assert.equal(again.story.at(-1), 'sum: {"kind":"evicted"}');
});

test('--no-cache runs again, and the next build uses what it made', async () => {
  const records = memoryRecords();
  const graph = (ignoreCache: boolean): Step => ({ ...constant('a', 1), ignoreCache });
  await solveStep(graph(false), records);
  assert.deepEqual((await solveStep(graph(true), records)).story, ['a: {"kind":"no-cache"}']);
  assert.deepEqual((await solveStep(graph(false), records)).ran, []);
});

test('everything is recorded when solve resolves, and locks are given back', async () => {
  const records = memoryRecords();
  await solveStep(sum('sum', constant('a', 1), constant('b', 2)), records);
  const count = (what: string): number => records.log.filter((each) => each === what).length;
  assert.deepEqual(
    ['definition', 'place', 'content', 'unlock'].map(count),
    [3, 3, 3, 3],
    records.log.join(' '),
  );
});

test('a record that cannot be written is a warning, not a failure', async () => {
  const records = memoryRecords();
  const full = { ...records, putDefinition: () => Promise.reject(new Error('disk full')) };
  const { value, events } = await solveStep(constant('a', 1), full);
  assert.equal(value, 1);
  const warnings = events.filter(({ type }) => type === 'warning');
  assert.equal(warnings.length, 1);
  assert.match(JSON.stringify(warnings), /a step could not be recorded: disk full/);
  assert.ok(records.log.includes('unlock'));
});

test('a failure aborts what runs, starts nothing more, and is what is thrown, with its place', async () => {
  const meet = meeting(2);
  const stopped: string[] = [];
  const slow: Step = {
    name: 'slow',
    compute: async (_inputs, signal) => {
      await meet();
      if (!signal.aborted)
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
      stopped.push('slow');
      throw signal.reason;
    },
  };
  const bad: Step = {
    name: 'bad',
    compute: () =>
      meet().then(() => {
        throw new BuildError('run-failed', 'no');
      }),
  };
  const events: BuildEvent[] = [];
  const ran: string[] = [];
  await assert.rejects(
    solveStep(sum('after', slow, bad), memoryRecords(), { events, ran }),
    (error) =>
      error instanceof BuildError && error.message === 'no' && error.range?.file === 'Sumfile',
  );
  assert.deepEqual([stopped, ran.sort()], [['slow'], ['bad', 'slow']]);
  const ends = events.filter(({ type }) => /failed|cancelled/.test(type)).map(({ type }) => type);
  assert.deepEqual(ends, ['vertex-failed', 'vertex-cancelled']);
});

test('a failed step is not recorded: it runs again', async () => {
  const records = memoryRecords();
  let tries = 0;
  const step: Step = {
    name: 'flaky',
    compute: () => {
      if (++tries === 1) throw new Error('first');
      return tries;
    },
  };
  await assert.rejects(solveStep(step, records), /first/);
  assert.equal((await solveStep(step, records)).value, 2);
});

test('cancelling throws the reason untouched and ends every step', async () => {
  const controller = new AbortController();
  const reason = new Error('user');
  const step: Step = {
    name: 'endless',
    compute: (_inputs, signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
        controller.abort(reason);
      }),
  };
  const events: BuildEvent[] = [];
  const options = { signal: controller.signal, events };
  await assert.rejects(
    solveStep(sum('after', step), memoryRecords(), options),
    (e) => e === reason,
  );
  assert.equal(events.at(-1)?.type, 'vertex-cancelled');
  assert.equal(events.filter(({ type }) => type === 'vertex-started').length, 1);
});

test('two processes, one step: the second waits, says so once, and reuses', async () => {
  const records = memoryRecords();
  let finish = (): void => undefined;
  const gate = new Promise<void>((resolve) => (finish = resolve));
  const step: Step = { name: 'slow', compute: () => gate.then(() => 42) };
  const first = solveStep(step, records);
  const second = solveStep(step, records, {
    onEvent: (event) => {
      if (event.type === 'log') finish();
    },
  });
  const [a, b] = await Promise.all([first, second]);
  assert.deepEqual([a.value, b.value], [42, 42]);
  assert.deepEqual([a.ran, b.ran], [['slow'], []]);
  assert.equal(b.events.filter(({ type }) => type === 'log').length, 1);
  assert.deepEqual(b.story, ['slow: cached']);
});

test('the one that waits runs it itself when the other failed', async () => {
  const records = memoryRecords();
  let fail = (): void => undefined;
  const gate = new Promise<void>((resolve) => (fail = resolve));
  const failing: Step = {
    name: 'step',
    compute: () => gate.then(() => Promise.reject(new Error('killed'))),
  };
  const good: Step = { name: 'step', compute: () => 5 };
  const first = solveStep(failing, records);
  const second = solveStep(good, records, {
    onEvent: (event) => {
      if (event.type === 'log') fail();
    },
  });
  await assert.rejects(first, /killed/);
  assert.deepEqual((await second).ran, ['step']);
});
