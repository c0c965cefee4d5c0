import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { chunksOf, cut, MAX_CHUNK } from '../../src/travel/chunks.js';
import { noise } from '../helpers/cache-mount.js';

const BYTES = noise(1, 12 << 20);

function lengths(bytes: Buffer): number[] {
  const found: number[] = [];
  for (let at = 0; at < bytes.length; at += found.at(-1) ?? 0) found.push(cut(bytes.subarray(at)));
  return found;
}

test('chunks are as long as they are said to be, near 64 KiB on average', () => {
  const found = lengths(BYTES);
  assert.equal(
    found.reduce((sum, length) => sum + length, 0),
    BYTES.length,
  );
  assert.ok(found.every((length) => length > 0 && length <= MAX_CHUNK));
  assert.ok(found.slice(0, -1).every((length) => length >= 16 << 10));
  const average = BYTES.length / found.length;
  assert.ok(average > 48 << 10 && average < 96 << 10, String(average));
});

test('the same bytes elsewhere are the same chunks', () => {
  const ends = (bytes: Buffer): Set<string> => {
    const texts = new Set<string>();
    for (let at = 0; at < bytes.length;) {
      const length = cut(bytes.subarray(at));
      texts.add(bytes.subarray(at, at + length).toString('base64'));
      at += length;
    }
    return texts;
  };
  const before = ends(BYTES);
  const after = ends(Buffer.concat([noise(2, 12_345), BYTES]));
  const fresh = [...after].filter((text) => !before.has(text));
  assert.ok(fresh.length <= 4, `${String(fresh.length)} of ${String(after.size)} are new`);
});

test('a file is cut as its bytes are, whatever is read at once', () => {
  const dir = mkdtempSync(join(tmpdir(), 'stave-chunks-'));
  try {
    for (const bytes of [BYTES, Buffer.alloc(9 << 20), Buffer.from('x'), Buffer.alloc(0)]) {
      writeFileSync(join(dir, 'f'), bytes);
      const fd = openSync(join(dir, 'f'), 'r');
      const [found, parts]: [number[], Buffer[]] = [[], []];
      for (const chunk of chunksOf(fd)) {
        found.push(chunk.length);
        parts.push(Buffer.from(chunk));
      }
      closeSync(fd);
      assert.deepEqual(found, lengths(bytes));
      assert.ok(Buffer.concat(parts).equals(bytes));
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
});
