import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createJournal, type Journal } from '../../src/cache/journal.js';
import type { EngineEvent } from '../../src/model/engine-event.js';

function event(id: number): EngineEvent {
  return { type: 'volume', action: 'create', id: String(id), attributes: {}, timeUs: id };
}

function journalOf(t: TestContext, most?: number): Journal {
  const directory = mkdtempSync(join(tmpdir(), 'stave-journal-'));
  t.after(() => {
    rmSync(directory, { recursive: true });
  });
  return createJournal(join(directory, 'events'), most);
}

test('a reader gets what is there, then what comes, through every change of files', (t) => {
  const journal = journalOf(t, 500);
  using reader = journal.open();
  const seen: string[] = [];
  for (let id = 0; id < 100; id++) {
    journal.append([event(id)]);
    if (id % 5 === 0) seen.push(...reader.next().map((each) => each.id));
  }
  seen.push(...reader.next().map((each) => each.id));
  assert.deepEqual(
    seen,
    Array.from({ length: 100 }, (_, id) => String(id)),
  );
});

test('it keeps the newest in two bounded files', (t) => {
  const journal = journalOf(t, 1000);
  for (let id = 0; id < 1000; id++) journal.append([event(id)]);
  using reader = journal.open();
  const ids = reader.next().map((each) => Number(each.id));
  assert.equal(ids.at(-1), 999);
  assert.ok(ids.length >= 10 && ids.length < 50);
  assert.ok(ids.every((id, i) => id === (ids[0] ?? 0) + i));
  assert.ok(statSync(join(journal.directory, 'journal.1')).size < 1200);
});

test('half a line is nothing, and takes nothing with it', (t) => {
  const journal = journalOf(t);
  journal.append([event(1)]);
  appendFileSync(join(journal.directory, 'journal'), '{"type":"vol');
  using reader = journal.open();
  assert.deepEqual(
    reader.next().map((each) => each.id),
    ['1'],
  );
  appendFileSync(join(journal.directory, 'journal'), '\n');
  journal.append([event(2)]);
  assert.deepEqual(
    reader.next().map((each) => each.id),
    ['2'],
  );
});

test('what does not fit on the disk is left out whole', (t) => {
  const journal = journalOf(t);
  mkdirSync(journal.directory);
  using _mounted = mounted(journal.directory, 'size=8k');
  const large: EngineEvent = { ...event(2), attributes: { name: 'x'.repeat(9000) } };
  for (const each of [event(1), large, event(3)]) journal.append([each]);
  using reader = journal.open();
  assert.deepEqual(
    reader.next().map((each) => each.id),
    ['1', '3'],
  );
});

function mounted(directory: string, options: string): Disposable {
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tiny', directory]);
  assert.equal(status, 0, stderr.toString());
  return {
    [Symbol.dispose]: () => {
      spawnSync('umount', ['-l', directory]);
    },
  };
}
