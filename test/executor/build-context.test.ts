import assert from 'node:assert/strict';
import { lstatSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileStatus } from '../../src/sys/file-status.js';
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

test('times are exact to the nanosecond; a file that changed is seen', (t) => {
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
  const entry = context.entry('f');
  const isStill = (): boolean | undefined => entry?.isStill?.(fileStatus(file) ?? assert.fail());
  assert.equal(isStill(), true);
  writeFileSync(file, 'HELLO');
  assert.equal(isStill(), false);
});
