import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createBlobStore } from '../../src/cache/blob-store.js';
import { digestOf } from '../../src/model/digest.js';
import { BuildError } from '../../src/model/error.js';
import { blobStoreContract } from '../contracts/blob-store.js';
import { collect, pieces, quiet, testStore } from '../helpers/test-store.js';

blobStoreContract('disk', () => {
  const world = testStore();
  const { store } = world;
  return {
    blobs: store.blobs,
    count: () => {
      // Nothing half-written stays beside the blobs either.
      const own = readdirSync(store.path('tmp'));
      assert.deepEqual(
        own.flatMap((id) => readdirSync(store.path('tmp', id))),
        [],
      );
      return readdirSync(store.path('blobs/sha256')).length;
    },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
});

const mediaType = 'application/json';

test('blobs are named by their digest and readable by their owner only', async () => {
  await using world = testStore();
  const { blobs } = world.store;
  const { digest } = await blobs.put(pieces(Buffer.from('x')), { mediaType }, quiet);
  assert.equal(blobs.path(digest), world.store.path('blobs/sha256', digest.slice(7)));
  assert.equal(statSync(blobs.path(digest)).mode & 0o777, 0o600);
});

test('a flipped bit is found on reading, and the next put heals it', async () => {
  await using world = testStore();
  const { blobs } = world.store;
  const bytes = Buffer.alloc(3 << 20, 'content');
  const blob = await blobs.put(pieces(bytes, 1 << 16), { mediaType }, quiet);
  const flipped = Buffer.from(bytes);
  flipped.writeUInt8(flipped.readUInt8(2_000_000) ^ 1, 2_000_000);
  writeFileSync(blobs.path(blob.digest), flipped);
  await assert.rejects(collect(blobs.open(blob, quiet)), (error) => {
    assert.ok(error instanceof BuildError);
    assert.equal(error.code, 'integrity');
    assert.match(error.hint ?? '', /taken out/);
    return true;
  });
  assert.equal(blobs.hasSync(blob.digest), false);
  await blobs.put(pieces(bytes, 1 << 16), blob, quiet);
  assert.ok((await collect(blobs.open(blob, quiet))).equals(bytes));
});

test('a blob of another length than its name promises is replaced by a put', async () => {
  await using world = testStore();
  const { blobs } = world.store;
  const bytes = Buffer.from('whole');
  const blob = await blobs.put(pieces(bytes), { mediaType }, quiet);
  writeFileSync(blobs.path(blob.digest), 'who');
  await blobs.put(pieces(bytes), blob, quiet);
  assert.equal(readFileSync(blobs.path(blob.digest), 'utf8'), 'whole');
});

test('documents: read once, checked, bounded', async () => {
  await using world = testStore();
  const { blobs } = world.store;
  const blob = await blobs.putJson({ a: [1] }, mediaType, quiet);
  assert.deepEqual(blobs.readJson(blob.digest), { a: [1] });
  assert.equal(blobs.readJson(blob.digest), blobs.readJson(blob.digest), 'decoded once');
  const refuse = async (bytes: Buffer, code: string, message: RegExp): Promise<void> => {
    const { digest } = await blobs.put(pieces(bytes, 1 << 20), { mediaType }, quiet);
    assert.throws(
      () => blobs.readJson(digest),
      (error) => error instanceof BuildError && error.code === code && message.test(error.message),
    );
  };
  await refuse(Buffer.from('{'), 'integrity', /is not JSON/);
  await refuse(Buffer.alloc((4 << 20) + 1, ' '), 'integrity', /too large/);
  assert.throws(
    () => blobs.readJson(digestOf('absent')),
    (error) => error instanceof BuildError && error.code === 'store',
  );
});

test('a damaged document is told and taken out', async () => {
  await using world = testStore();
  const { blobs } = world.store;
  const blob = await blobs.putJson({ a: 1 }, mediaType, quiet);
  writeFileSync(blobs.path(blob.digest), '{"a":2}');
  assert.throws(() => blobs.readJson(blob.digest), /is damaged/);
  assert.throws(() => blobs.readJson(blob.digest), /is not in the store/);
});

test('a full disk is told as such and leaves no part behind', async () => {
  await using world = testStore();
  const small = join(world.dir, 'small');
  mkdirSync(small);
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'none', small]);
  assert.equal(mount.status, 0, mount.stderr.toString());
  try {
    const [directory, temporary] = [join(small, 'blobs'), join(small, 'tmp')];
    mkdirSync(temporary);
    const blobs = createBlobStore(directory, () => Promise.resolve(temporary));
    const bytes = Buffer.alloc(1 << 20, 'x');
    await assert.rejects(blobs.put(pieces(bytes), { mediaType }, quiet), (error) => {
      assert.ok(error instanceof BuildError);
      assert.equal(error.code, 'no-space');
      assert.match(error.message, /no space left on .*small/);
      return true;
    });
    assert.deepEqual(readdirSync(temporary), []);
    await blobs.put(pieces(Buffer.from('fits')), { mediaType }, quiet);
  } finally {
    spawnSync('umount', [small]);
  }
});

test('a document that is put again is written anew where its bytes have become others', async () => {
  await using world = testStore();
  const { blobs } = world.store;
  const { digest } = await blobs.putJson({ one: 1 }, mediaType, quiet);
  writeFileSync(blobs.path(digest), '{"one":2}');
  await blobs.putJson({ one: 1 }, mediaType, quiet);
  assert.equal(readFileSync(blobs.path(digest), 'utf8'), '{"one":1}');
});
