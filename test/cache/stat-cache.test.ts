import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { openStatCache, type StatFacts } from '../../src/cache/stat-cache.js';

const HEX = 'ab'.repeat(32);
const OTHER = 'cd'.repeat(32);
const NOW = 2_000_000_000_000n; // 2,000,000 ms
const stat: StatFacts = { size: 1, mtimeMs: 1000.25, ctimeMs: 1000.5, ino: 7, mode: 0o100644 };

describe('the stat cache', () => {
  const dir = mkdtempSync(join(tmpdir(), 'stave-stat-'));
  test.after(() => {
    rmSync(dir, { recursive: true });
  });

  test('remembers what stays the same, by every fact', () => {
    const file = join(dir, 'facts');
    const cache = openStatCache(file, NOW);
    cache.set('a', stat, HEX);
    cache.set('b', stat, OTHER);
    cache.save();
    const next = openStatCache(file, NOW);
    assert.equal(next.get('a', stat), HEX);
    assert.equal(next.get('b', stat), OTHER);
    assert.equal(next.get('c', stat), undefined);
    for (const fact of Object.keys(stat) as (keyof StatFacts)[])
      assert.equal(next.get('a', { ...stat, [fact]: stat[fact] + 0.25 }), undefined, fact);
  });

  test('keeps what was asked for, and drops what is gone', () => {
    const file = join(dir, 'kept');
    const cache = openStatCache(file, NOW);
    for (const path of ['kept', 'gone', 'replaced']) cache.set(path, stat, HEX);
    cache.save();
    const next = openStatCache(file, NOW);
    next.get('kept', stat);
    next.set('replaced', stat, OTHER);
    next.save();
    const last = openStatCache(file, NOW);
    assert.deepEqual(
      ['kept', 'gone', 'replaced'].map((path) => last.get(path, stat)),
      [HEX, undefined, OTHER],
    );
  });

  test('a file changed just before the scan may change again unseen: it is not kept', () => {
    const file = join(dir, 'racy');
    const cache = openStatCache(file, NOW);
    const recent = Number(NOW / 1_000_000n) - 49;
    cache.set('mtime', { ...stat, mtimeMs: recent }, HEX);
    cache.set('ctime', { ...stat, ctimeMs: recent }, HEX);
    cache.set('old', { ...stat, ctimeMs: recent - 2 }, HEX);
    cache.save();
    const next = openStatCache(file, NOW);
    assert.equal(next.get('mtime', { ...stat, mtimeMs: recent }), undefined);
    assert.equal(next.get('ctime', { ...stat, ctimeMs: recent }), undefined);
    assert.equal(next.get('old', { ...stat, ctimeMs: recent - 2 }), HEX);
  });

  test('nothing new and nothing gone: the file is not written again', () => {
    const file = join(dir, 'same');
    const cache = openStatCache(file, NOW);
    cache.set('a', stat, HEX);
    cache.save();
    const next = openStatCache(file, NOW);
    next.get('a', stat);
    rmSync(file);
    next.save();
    assert.throws(() => readFileSync(file), { code: 'ENOENT' });
  });

  test('a damaged file, or one of another version, is as if absent', () => {
    const file = join(dir, 'damaged');
    const cache = openStatCache(file, NOW);
    cache.set('a', stat, HEX);
    cache.save();
    const bytes = readFileSync(file);
    for (const damage of [bytes.subarray(0, -1), Buffer.from('nonsense'), Buffer.alloc(0)]) {
      writeFileSync(file, damage);
      assert.equal(openStatCache(file, NOW).get('a', stat), undefined);
    }
  });
});
