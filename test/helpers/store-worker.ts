import { mkdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../../src/cache/store.js';
import { digestOf } from '../../src/model/digest.js';
import { MediaType } from '../../src/model/oci.js';
import { parseReference } from '../../src/model/reference.js';
import { pieces, quiet } from './test-store.js';

/*
 * A process to be killed: writes images into a store, one after the other, and says each number once it is durable.
 * argv: root, first number. With `hold` and a key: takes a lease and a lock, says so, and waits.
 */
const [root = '', from = '0', key = ''] = process.argv.slice(2);
const store = openStore({ root, now: () => new Date() });

if (from === 'hold') {
  const { dir } = await store.lease();
  mkdirSync(join(dir, 'live'));
  await store.records.lock(digestOf(key), quiet, () => undefined);
  writeSync(1, 'held\n');
  process.stdin.resume();
} else {
  for (let i = Number(from); ; i++) {
    const layer = await store.blobs.put(
      pieces(Buffer.alloc(300_000, `layer ${String(i)}`), 10_000),
      { mediaType: MediaType.ociLayer },
      quiet,
    );
    const config = {
      os: 'linux',
      architecture: 'amd64',
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    };
    const configBlob = await store.blobs.putJson(config, MediaType.ociConfig, quiet);
    const manifest = { schemaVersion: 2, config: configBlob, layers: [layer] };
    const blob = await store.blobs.putJson(manifest, MediaType.ociManifest, quiet);
    store.images.tag(parseReference(`image-${String(i)}`), blob);
    store.images.tag(parseReference('latest'), blob);
    await store.records.putDefinition(digestOf(String(i)), {
      result: String(i),
      digest: blob.digest,
      created: '',
    });
    writeSync(1, `${String(i)}\n`);
  }
}
