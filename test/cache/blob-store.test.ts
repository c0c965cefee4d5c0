import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { blobLock } from '../../src/cache/blob-lock.js';
import { createBlobStore } from '../../src/cache/blob-store.js';
import { lockIfFree } from '../../src/cache/lock-file.js';
import { partialBlobs, removePartial } from '../../src/cache/partial-blobs.js';
import { openStore } from '../../src/cache/store.js';
import { digestOf } from '../../src/model/digest.js';
import { BuildError } from '../../src/model/error.js';
import type { Bytes } from '../../src/model/stores.js';
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

describe('a blob of which a part is here', () => {
  const bytes = Buffer.from(Array.from({ length: 3 << 18 }, (_, i) => (i * 7) % 251));
  const blob = { mediaType, digest: digestOf(bytes), size: bytes.length };
  /** Gives all from an offset on, or breaks off; notes the offsets. */
  const source = (asked: number[], length = Infinity) =>
    async function* (offset: number): Bytes {
      asked.push(offset);
      yield* pieces(bytes.subarray(offset, offset + length), 1 << 16);
      if (length < bytes.length) throw new Error('broken off');
    };

  test('what broke off is gone on with, once', async () => {
    await using world = testStore();
    const { blobs, path } = world.store;
    const asked: number[] = [];
    for (const length of [200_000, 100_000])
      await assert.rejects(blobs.resume(blob, source(asked, length), quiet), /broken off/);
    assert.equal(statSync(path('partial', blob.digest.slice(7))).size, 300_000);
    await blobs.resume(blob, source(asked), quiet);
    assert.deepEqual(asked, [0, 200_000, 300_000]);
    assert.ok((await collect(blobs.open(blob, quiet))).equals(bytes));
    assert.deepEqual(readdirSync(path('partial')), []);
  });

  test('two that write one part, whose lock file was removed: both get the blob', async () => {
    await using world = testStore();
    const { blobs, path } = world.store;
    const places = { partial: path('partial'), locks: path('locks') };
    const whole = source([]);
    const slow = async function* (offset: number): Bytes {
      yield* pieces(bytes.subarray(offset, 100_000), 1 << 16);
      assert.equal(removePartial(places, blob.digest.slice(7)), false);
      await blobs.resume(blob, whole, quiet);
      rmSync(blobs.path(blob.digest));
      yield* pieces(bytes.subarray(100_000), 1 << 16);
    };
    await blobs.resume(blob, slow, quiet);
    assert.ok(readFileSync(blobs.path(blob.digest)).equals(bytes));
  });

  test('a part that is not what it was is brought anew, as is one too long', async () => {
    await using world = testStore();
    const { blobs, path } = world.store;
    const part = path('partial', blob.digest.slice(7));
    for (const torn of [
      Buffer.alloc(200_000),
      Buffer.concat([bytes, Buffer.of(1)]),
      bytes.subarray(1),
    ]) {
      // prettier-ignore
      writeFileSync(part, torn);
      const asked: number[] = [];
      await blobs.resume(blob, source(asked), quiet);
      assert.equal(asked.at(-1), 0);
      assert.ok((await collect(blobs.open(blob, quiet))).equals(bytes));
      rmSync(blobs.path(blob.digest));
    }
  });

  test('a whole part asks for nothing more; wrong bytes leave none', async () => {
    await using world = testStore();
    const { blobs, path } = world.store;
    const part = path('partial', blob.digest.slice(7));
    writeFileSync(part, bytes);
    const asked: number[] = [];
    await blobs.resume(blob, source(asked), quiet);
    assert.deepEqual(asked, []);
    rmSync(blobs.path(blob.digest));
    const wrong = (): Bytes => pieces(Buffer.alloc(bytes.length, 'x'), 1 << 16);
    await assert.rejects(blobs.resume(blob, wrong, quiet), /is damaged/);
    assert.deepEqual(readdirSync(path('partial')), []);
    assert.equal(blobs.hasSync(blob.digest), false);
  });

  test('nobody’s part goes after a day, and a prune takes it before; one that is written stays', async () => {
    await using world = testStore();
    const { path } = world.store;
    const places = { partial: path('partial'), locks: path('locks') };
    const [old, young, busy] = ['1', '2', '3'].map((digit) => digit.repeat(64));
    assert.ok(old !== undefined && young !== undefined && busy !== undefined);
    for (const hex of [old, young, busy]) writeFileSync(path('partial', hex), 'part');
    for (const hex of [old, busy]) utimesSync(path('partial', hex), 1, 1);
    using _held = lockIfFree(blobLock(places.locks, busy));
    await using _again = openStore({ root: path(), now: () => new Date() });
    assert.deepEqual(readdirSync(path('partial')).sort(), [young, busy]);
    assert.deepEqual(partialBlobs(places).map(({ inUse }) => inUse), [false, true]); // prettier-ignore
    assert.equal(removePartial(places, busy), false);
    assert.equal(removePartial(places, young), true);
    assert.deepEqual(readdirSync(path('partial')), [busy]);
  });
});
