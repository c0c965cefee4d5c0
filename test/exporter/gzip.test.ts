import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { gzipParallel } from '../../src/exporter/gzip.js';
import type { Bytes } from '../../src/model/stores.js';
import { collect, pieces } from '../helpers/test-store.js';

const MIB = 1 << 20;

for (const size of [0, 1, MIB - 1, MIB, MIB + 1, 9 * MIB + 5]) {
  test(`${String(size)} bytes come back, for us and for gzip`, async () => {
    const bytes = Buffer.concat([randomBytes(size / 2), Buffer.alloc(size - Math.floor(size / 2))]);
    const packed = await collect(gzipParallel(pieces(bytes, 70_001)));
    assert.ok(gunzipSync(packed).equals(bytes));
    const { stdout, status } = spawnSync('gzip', ['-dc'], { input: packed, maxBuffer: 1 << 28 });
    assert.equal(status, 0);
    assert.ok(stdout.equals(bytes));
  });
}

test('the same bytes give the same file, however they are cut', async () => {
  const bytes = Buffer.alloc(3 * MIB + 17, 'some text ');
  const [a, b] = await Promise.all(
    [1000, 2 * MIB].map((n) => collect(gzipParallel(pieces(bytes, n)))),
  );
  assert.ok(a?.equals(b ?? Buffer.alloc(0)));
});

test('no time and no name are in it', async () => {
  const packed = await collect(gzipParallel(pieces(Buffer.from('x'))));
  assert.deepEqual([...packed.subarray(3, 8)], [0, 0, 0, 0, 0]);
});

test('a source that fails is passed on, and a slow reader slows it', async () => {
  const error = new Error('the source broke');
  let pulled = 0;
  // eslint-disable-next-line @typescript-eslint/require-await -- pulled like every other source of bytes
  async function* source(): Bytes {
    for (; pulled < 20; pulled++) yield Buffer.alloc(MIB);
    throw error;
  }
  const packed = gzipParallel(source());
  await packed[Symbol.asyncIterator]().next();
  assert.ok(pulled <= 6, String(pulled));
  await assert.rejects(collect(packed), error);
});
