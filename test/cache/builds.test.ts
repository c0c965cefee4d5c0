import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdtempSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { createBuilds, type Builds } from '../../src/cache/builds.js';
import { checkBuilds } from '../../src/cache/check-builds.js';
import type { Store } from '../../src/cache/store.js';
import type { BuildEnd, BuildFacts } from '../../src/model/build-record.js';
import type { BuildEvent } from '../../src/model/events.js';
import { EventEncoder } from '../../src/model/stored-event.js';
import { at as event } from '../helpers/build-events.js';

const factsOf = (id: string, started: number): BuildFacts => ({
  ...{ id, started, context: '/c', local: true, dockerfile: '/c/Dockerfile', platforms: [] },
  ...{ tags: [], buildArgs: {}, labels: {}, buildContexts: {}, flags: [], pid: 1 },
});
const END: BuildEnd = {
  time: 9000,
  status: 'completed',
  steps: { total: 1, completed: 1, cached: 0 },
};

describe('records of builds', () => {
  let root: string;
  let builds: Builds;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'stave-builds-'));
    mkdirSync(join(root, 'trash'));
    builds = createBuilds((...parts) => join(root, ...parts));
  });
  afterEach(() => {
    rmSync(root, { recursive: true, force: true });
  });
  const events: readonly BuildEvent[] = [
    event.queued('a', '[1/2] FROM base'),
    event.queued('b', '[2/2] RUN make', ['a']),
    event.cached('a', 1),
    event.started('b', 1, { kind: 'never-built' }),
    event.log('b', 2, 'out\0\xff'),
    event.log('b', 3, 'more'),
    event.done('b', 4),
    event.warning('careful'),
  ];
  const put = (id: string, started: number): void => {
    builds.put(id, { build: factsOf(id, started), events: [], end: END });
  };

  test('events come back as they were, logs byte by byte', () => {
    const encoder = new EventEncoder();
    const journal = builds.begin('bbb');
    const half = events.slice(0, 5).map((each) => encoder.encode(each));
    journal.add({ build: factsOf('bbb', 1), events: half }, Buffer.from('out\0\xff'));
    assert.equal(builds.find('bbb')?.status, 'running');
    assert.equal(builds.remove('bbb'), false);
    const rest = events.slice(5).map((each) => encoder.encode(each));
    journal.add({ events: rest, end: END }, Buffer.from('more'));
    journal.close();
    const record = builds.find('bbb');
    assert.equal(record?.status, 'completed');
    const back = [...record.events()].map((each) =>
      each.type === 'log' ? { ...each, data: Buffer.from(each.data).toString() } : each,
    );
    const wanted = events.map((each) =>
      each.type === 'log' ? { ...each, data: Buffer.from(each.data).toString() } : each,
    );
    assert.deepEqual(back, wanted);
  });

  test('a record cut at any byte tells what is whole, and nothing else', () => {
    const encoder = new EventEncoder();
    const journal = builds.begin('bbb');
    journal.add(
      { build: factsOf('bbb', 1), events: [encoder.encode(events[0]!)] },
      Buffer.alloc(0),
    );
    journal.add({ events: [encoder.encode(events[1]!)], end: END }, Buffer.alloc(0));
    journal.close();
    const file = join(root, 'builds/bbb/events');
    const path = (...parts: string[]): string => join(root, ...parts);
    const store = { path, builds } as unknown as Store; // Nothing else is asked for.
    const whole = readFileSync(file);
    const first = whole.indexOf(10) + 1;
    for (let length = whole.length - 1; length >= 0; length -= 7) {
      truncateSync(file, length);
      const record = builds.find('bbb');
      const count = length < first ? undefined : 1;
      assert.equal(record === undefined ? undefined : [...record.events()].length, count);
      assert.equal(record?.status, count === undefined ? undefined : 'killed');
      // No kill takes the end of a line alone: that is another byte there.
      const found = [first - 1, whole.length - 1].includes(length) ? 1 : 0;
      assert.equal(checkBuilds(store, true).problems.length, found, String(length));
    }
    appendFileSync(file, 'rubbish\n');
    assert.equal(builds.find('bbb'), undefined);
  });

  test('so many, so long, so much are kept; the last always, and one that runs', () => {
    const ids = Array.from({ length: 8 }, (_, i) => `build${String(i)}`);
    for (const [i, id] of ids.entries()) {
      put(id, i);
      utimesSync(join(root, 'builds', id, 'events'), 1000 + i, 1000 + i);
    }
    const kept = (): string[] => builds.list().map(({ facts }) => facts.id);
    const now = 1_007_000;
    const much = { count: 99, ageMs: 1e9, bytes: 1e9 };
    builds.prune(now, much);
    assert.equal(kept().length, 8);
    builds.prune(now, { ...much, ageMs: 5000 });
    assert.deepEqual(kept(), ids.slice(2).reverse());
    const running = builds.begin('runs');
    running.add({ build: factsOf('runs', 0) }, Buffer.alloc(0));
    utimesSync(join(root, 'builds/runs/events'), 1, 1);
    builds.prune(now, { ...much, count: 3 });
    assert.deepEqual(kept(), [...ids.slice(5).reverse(), 'runs']);
    running.close();
    builds.prune(now, { ...much, bytes: 1 });
    assert.deepEqual(kept(), [ids[7]]);
  });

  test('the clock was set back: what is made now is the newest, and what was made before goes first', () => {
    const now = Date.now();
    const year = 365 * 86_400_000;
    for (const [id, started] of [
      ['before', now - 9000],
      ['ahead', now + year],
      ['further', now + year + 5000],
      ['since', now],
    ] as const) {
      put(id, started);
      utimesSync(join(root, 'builds', id, 'events'), started / 1000, started / 1000);
    }
    const kept = (): string[] => builds.list().map(({ facts }) => facts.id);
    assert.deepEqual(kept(), ['since', 'before', 'further', 'ahead']);
    const limits = { count: 3, ageMs: 2 * year, bytes: 1e9 };
    builds.prune(now, limits);
    assert.deepEqual(kept(), ['since', 'before', 'ahead']);
    builds.prune(now, { ...limits, ageMs: 10_000 });
    assert.deepEqual(kept(), ['since', 'before']);
  });
});
