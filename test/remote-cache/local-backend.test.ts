import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { digestOf } from '../../src/model/digest.js';
import { BuildError } from '../../src/model/error.js';
import { type Descriptor, MediaType } from '../../src/model/oci.js';
import { localBackend, localCache } from '../../src/remote-cache/local-backend.js';
import { collect, pieces, quiet } from '../helpers/test-store.js';

interface Place extends Disposable {
  readonly dir: string;
  /** One cache of these layers under a tag. */
  readonly write: (tag: string, layers: readonly string[]) => Promise<void>;
}

function place(): Place {
  const dir = mkdtempSync(join(tmpdir(), 'stave-cache-'));
  return {
    dir,
    write: async (tag, layers) => {
      const backend = localBackend({ dest: dir, tag });
      await using _lock = await backend.lock?.(quiet);
      const blobs = layers.map((text): Descriptor => {
        const bytes = Buffer.from(text);
        return { mediaType: MediaType.ociLayerGzip, digest: digestOf(bytes), size: bytes.length };
      });
      for (const [i, blob] of blobs.entries())
        if (!(await backend.has(blob, quiet)))
          await backend.put(blob, () => pieces(Buffer.from(layers[i] ?? '')), quiet);
      const config = Buffer.from(JSON.stringify({ layers: [], records: [], tag, layers_: layers }));
      await backend.write({ config, blobs }, quiet);
    },
    [Symbol.dispose]: () => {
      rmSync(dir, { recursive: true });
    },
  };
}

function bytesBelow(dir: string): number {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(join(dir, name)))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0);
}

test('twenty exports take the place of one; another name keeps what is its own', async () => {
  using grown = place();
  using once = place();
  const shared = 'shared'.repeat(1000);
  const layers = (i: number): string[] => [shared, `layer ${String(i)} `.repeat(1000)];
  await grown.write('other', layers(3));
  for (let i = 0; i < 20; i++) await grown.write('latest', layers(i));
  await once.write('other', layers(3));
  await once.write('latest', layers(19));
  assert.equal(bytesBelow(grown.dir), bytesBelow(once.dir));
  const other = await localCache({ src: grown.dir, tag: 'other' }).read(quiet);
  assert.equal(other?.blobs.length, 2);
  for (const blob of other.blobs)
    assert.equal(
      (await collect(localCache({ src: grown.dir }).blob(blob, quiet))).length,
      blob.size,
    );
});

test('a name, a digest, and what is not there', async () => {
  using own = place();
  assert.equal(await localCache({ src: join(own.dir, 'nothing') }).read(quiet), undefined);
  writeFileSync(join(own.dir, 'file'), '');
  const file = localCache({ src: join(own.dir, 'file') }).read(quiet);
  await assert.rejects(file, { code: 'archive', hint: /type=local,dest=DIR/ });
  await own.write('latest', ['a']);
  const read = async (more: object): Promise<string | undefined> =>
    (await localCache({ src: own.dir, ...more }).read(quiet))?.config.toString();
  assert.match((await read({})) ?? '', /"tag":"latest"/);
  assert.equal(await read({ tag: 'none' }), undefined);
  assert.equal(await read({ digest: digestOf('none') }), undefined);
  await assert.rejects(read({ digest: '../../etc' }), BuildError);
});

test('a damaged manifest, and an index that is none, are refused', async () => {
  using own = place();
  await own.write('latest', ['a']);
  const cache = localCache({ src: own.dir });
  const blobs = join(own.dir, 'blobs/sha256');
  for (const name of readdirSync(blobs)) writeFileSync(join(blobs, name), '{}');
  const read = async (): Promise<unknown> => cache.read(quiet);
  await assert.rejects(read(), /is damaged/);
  writeFileSync(join(own.dir, 'index.json'), '[]');
  await assert.rejects(read(), BuildError);
  writeFileSync(join(own.dir, 'index.json'), JSON.stringify({ manifests: [null] }));
  await assert.rejects(read(), BuildError);
});
