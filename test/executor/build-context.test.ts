import assert from 'node:assert/strict';
import { lstatSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openContext } from '../../src/executor/build-context.js';
import { compileIgnore } from '../../src/executor/match.js';

test('a file is read once for its hash, and its bytes are handed out once', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'stave-context-'));
  t.after(() => {
    rmSync(dir, { recursive: true });
  });
  writeFileSync(join(dir, 'f'), 'hello');
  const context = openContext({ dir, ignore: compileIgnore('', 'none'), now: 0n });
  const hash = (): string => {
    const entry = context.entry('f');
    assert.ok(entry !== undefined);
    return context.contentHash(entry);
  };
  const first = hash();
  const entry = context.entry('f');
  assert.ok(entry !== undefined);
  assert.equal(context.takeContent?.(entry)?.toString(), 'hello');
  assert.equal(hash(), first);
  assert.equal(context.takeContent(entry), undefined, 'it was read again');
  writeFileSync(join(dir, 'f'), 'another');
  assert.notEqual(hash(), first);
});

test('times are exact to the nanosecond; of a file that changed there is none', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'stave-context-'));
  t.after(() => {
    rmSync(dir, { recursive: true });
  });
  const [file, before] = [join(dir, 'f'), join(dir, 'old')];
  writeFileSync(file, 'hello');
  writeFileSync(before, 'hello');
  utimesSync(before, -1.5, -1.5);
  const context = openContext({ dir, ignore: compileIgnore('', 'none'), now: 0n });
  for (const path of ['f', 'old', '']) {
    const { mtimeNs } = lstatSync(join(dir, path), { bigint: true });
    assert.equal(context.entry(path)?.mtimeNs, mtimeNs, path);
  }
  const [entry, top] = [context.entry('f'), context.entry('')];
  writeFileSync(file, 'another');
  writeFileSync(join(dir, 'new'), '');
  assert.throws(() => entry?.mtimeNs, /f changed during the build/);
  assert.ok((top?.mtimeNs ?? 0n) > 0n);
});
