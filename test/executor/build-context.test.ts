import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileStatus } from '../../src/sys/file-status.js';
import { sys } from '../../src/sys/sys.js';
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

test('what is kept for the next build is of a path, whatever is asked first; attributes are seen', (t) => {
  const top = mkdtempSync(join(tmpdir(), 'stave-context-'));
  t.after(() => {
    rmSync(top, { recursive: true });
  });
  const dir = join(top, 'context');
  for (const path of ['', 'a', 'a/deep', 'z']) mkdirSync(join(dir, path));
  for (const path of ['a/1', 'a/deep/2', 'm', 'z/3']) writeFileSync(join(dir, path), path);
  // A century on: what changed just before is kept as well.
  const now = BigInt(Date.now() + 3_000_000_000_000) * 1_000_000n;
  const open = () =>
    openContext({ dir, ignore: compileIgnore('', 'none'), statCacheFile: join(top, 'cache'), now });
  const factsOf = (paths: readonly string[]): Map<string, string> => {
    const context = open();
    const facts = paths.map((path) => {
      const entry = context.entry(path) ?? assert.fail(path);
      const hash = entry.type === 'file' ? context.contentHash(entry) : '';
      return [path, `${hash} ${context.xattrDigest(entry)}`] as const;
    });
    context.save();
    return new Map(facts);
  };
  const paths = ['a', 'a/1', 'a/deep', 'a/deep/2', 'm', 'z', 'z/3'];
  const first = factsOf(paths);
  const backwards = factsOf([...paths].reverse());
  for (const path of paths) assert.equal(backwards.get(path), first.get(path), path);
  for (const path of ['a/deep', 'm']) sys().lsetxattr(join(dir, path), 'user.note', Buffer.of(1));
  const noted = factsOf(paths);
  const changed = paths.filter((path) => noted.get(path) !== first.get(path));
  assert.deepEqual(changed, ['a/deep', 'm']);
  assert.deepEqual(factsOf(paths), noted);
});
