import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { decompress } from '../../src/cache/decompress.js';
import { zstdFrames } from '../../src/exporter/zstd.js';
import { collect, pieces } from '../helpers/test-store.js';

const MIB = 1 << 20;

for (const size of [0, 1, MIB, 3 * MIB + 5]) {
  test(`${String(size)} bytes come back, for us and for zstd`, async () => {
    const bytes = Buffer.concat([randomBytes(size / 2), Buffer.alloc(size - Math.floor(size / 2))]);
    const packed = await collect(zstdFrames(pieces(bytes, 70_001)));
    assert.ok((await collect(decompress(pieces(packed, 70_001)))).equals(bytes));
    const { stdout, status } = spawnSync('zstd', ['-dc'], { input: packed, maxBuffer: 1 << 28 });
    assert.equal(status, 0);
    assert.ok(stdout.equals(bytes));
  });
}

test('the same bytes give the same file, however they are cut; a level makes another', async () => {
  const bytes = Buffer.alloc(3 * MIB + 17, 'some text of some length ');
  const [a, b, c] = [
    await collect(zstdFrames(pieces(bytes, 1000))),
    await collect(zstdFrames(pieces(bytes, 2 * MIB))),
    await collect(zstdFrames(pieces(bytes, MIB), 19)),
  ];
  assert.ok(a.equals(b));
  assert.ok(c.length < a.length);
});
