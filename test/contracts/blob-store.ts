import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../../src/model/digest.js';
import { BuildError } from '../../src/model/error.js';
import type { BlobStore, Bytes } from '../../src/model/stores.js';
import { collect, pieces, quiet } from '../helpers/test-store.js';

/** A store to try, and how many blobs it has. */
export interface ContractWorld extends AsyncDisposable {
  readonly blobs: BlobStore;
  readonly count: () => number;
}

const mediaType = 'application/octet-stream';
const bytes = Buffer.from('some bytes that are a blob'.repeat(1000));
const digest = digestOf(bytes);
const size = bytes.length;

function refusedAs(code: string): (error: unknown) => boolean {
  return (error) => error instanceof BuildError && error.code === code;
}

async function* failing(error: Error): Bytes {
  yield* pieces(bytes.subarray(0, 5000));
  throw error;
}

/** What every BlobStore promises; run it against each implementation. */
export function blobStoreContract(name: string, world: () => ContractWorld): void {
  test(`${name}: put and open`, async () => {
    await using w = world();
    assert.equal(await w.blobs.has(digest, quiet), false);
    const blob = await w.blobs.put(pieces(bytes), { mediaType, digest, size }, quiet);
    assert.deepEqual(blob, { mediaType, digest, size });
    assert.equal(await w.blobs.has(digest, quiet), true);
    assert.ok((await collect(w.blobs.open(blob, quiet))).equals(bytes));
  });

  test(`${name}: digest and size need not be known`, async () => {
    await using w = world();
    const blob = await w.blobs.put(pieces(bytes), { mediaType }, quiet);
    assert.deepEqual(blob, { mediaType, digest, size });
  });

  test(`${name}: an empty blob`, async () => {
    await using w = world();
    const blob = await w.blobs.put(pieces(Buffer.alloc(0)), { mediaType }, quiet);
    assert.equal(blob.size, 0);
    assert.equal((await collect(w.blobs.open(blob, quiet))).length, 0);
  });

  test(`${name}: putting twice, also at once, is one blob`, async () => {
    await using w = world();
    const put = (): Promise<unknown> => w.blobs.put(pieces(bytes), { mediaType }, quiet);
    await Promise.all([put(), put(), put()]);
    await put();
    assert.equal(w.count(), 1);
  });

  const liars = {
    'another digest': { mediaType, digest: digestOf('other'), size },
    'another digest, size unknown': { mediaType, digest: digestOf('other') },
    'a larger size': { mediaType, digest, size: size + 1 },
    'a smaller size': { mediaType, digest, size: size - 1 },
  };
  for (const [what, info] of Object.entries(liars)) {
    test(`${name}: ${what} than promised leaves nothing`, async () => {
      await using w = world();
      await assert.rejects(w.blobs.put(pieces(bytes), info, quiet), refusedAs('integrity'));
      assert.equal(w.count(), 0);
      assert.equal(await w.blobs.has(digest, quiet), false);
    });
  }

  test(`${name}: an endless source is cut off at the promised size`, async () => {
    await using w = world();
    let pulled = 0;
    // eslint-disable-next-line @typescript-eslint/require-await -- pulled like every other source of bytes
    async function* endless(): Bytes {
      for (;;) {
        pulled += 1000;
        yield Buffer.alloc(1000);
      }
    }
    await assert.rejects(w.blobs.put(endless(), { mediaType, digest, size: 5000 }, quiet));
    assert.ok(pulled <= 100_000, String(pulled));
    assert.equal(w.count(), 0);
  });

  test(`${name}: a source that fails passes its error on and leaves nothing`, async () => {
    await using w = world();
    const error = new Error('the source broke');
    await assert.rejects(w.blobs.put(failing(error), { mediaType, digest, size }, quiet), error);
    assert.equal(w.count(), 0);
  });

  test(`${name}: cancelling stops put and open with the reason`, async () => {
    await using w = world();
    const reason = new Error('stopped');
    const scope = { signal: AbortSignal.abort(reason), emit: () => undefined };
    await assert.rejects(w.blobs.put(pieces(bytes), { mediaType }, scope), reason);
    assert.equal(w.count(), 0);
    const blob = await w.blobs.put(pieces(bytes), { mediaType }, quiet);
    await assert.rejects(collect(w.blobs.open(blob, scope)), reason);
  });

  test(`${name}: opening what is not there, or with another size`, async () => {
    await using w = world();
    await assert.rejects(collect(w.blobs.open({ mediaType, digest, size }, quiet)), BuildError);
    await w.blobs.put(pieces(bytes), { mediaType }, quiet);
    for (const wrong of [size - 1, size + 1]) {
      const read = collect(w.blobs.open({ mediaType, digest, size: wrong }, quiet));
      await assert.rejects(read, refusedAs('integrity'));
    }
    assert.equal(await w.blobs.has(digest, quiet), true);
  });

  test(`${name}: a reader may stop early`, async () => {
    await using w = world();
    const blob = await w.blobs.put(pieces(bytes), { mediaType }, quiet);
    for await (const chunk of w.blobs.open(blob, quiet)) {
      assert.ok(chunk.length > 0);
      break;
    }
    assert.ok((await collect(w.blobs.open(blob, quiet))).equals(bytes));
  });
}
