import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Store } from '../../src/cache/store.js';
import { loadArchive, type LoadedImage } from '../../src/exporter/load.js';
import { BuildError, type ErrorCode } from '../../src/model/error.js';
import { config, dockerTar, LAYER, ociTar, sha, tarOf } from '../helpers/archives.js';
import { pieces, quiet, testStore } from '../helpers/test-store.js';

function load(store: Store, source: string | Uint8Array): Promise<readonly LoadedImage[]> {
  const bytes = typeof source === 'string' ? source : pieces(source);
  const platform = { os: 'linux', architecture: 'amd64' };
  return loadArchive(bytes, { store, platform }, quiet);
}

const many = Array.from({ length: 501 }, () => LAYER);
const bad: readonly [string, Uint8Array, ErrorCode, RegExp][] = [
  ['nothing', new Uint8Array(), 'archive', /no images|not a valid tar/],
  ['noise', Buffer.from('x'.repeat(2048)), 'archive', /./],
  ['a root filesystem', tarOf({ name: 'etc/passwd', body: 'root' }), 'archive', /holds no images/],
  ['an empty list', tarOf({ name: 'manifest.json', body: '[]' }), 'archive', /holds no image/],
  ['no JSON', tarOf({ name: 'manifest.json', body: '{' }), 'archive', /manifest.json is not JSON/],
  ['an object', tarOf({ name: 'manifest.json', body: '{}' }), 'archive', /is not a list/],
  ['truncated', dockerTar().subarray(0, 3000), 'archive', /./],
  [
    'cut inside a file',
    dockerTar().subarray(0, 512 * 8 + 100),
    'archive',
    /cannot read|not a valid tar/,
  ],
  ['truncated gzip', gzipSync(dockerTar()).subarray(0, 200), 'archive', /./],
  ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), 'unsupported', /compressed with xz/],
  ['docker 1.9', tarOf({ name: 'repositories', body: '{}' }), 'unsupported', /older than 1.10/],
  ['a missing layer', dockerTar({ files: [] }), 'archive', /lacks "a\/layer.tar"/],
  ['a layer outside', dockerTar({ layers: ['../../etc/passwd'] }), 'archive', /lacks "..\/..\/etc/],
  [
    'a link outside',
    dockerTar({ files: [{ name: 'a/layer.tar', type: 'symlink', link: '/etc/passwd' }] }),
    'archive',
    /lacks/,
  ],
  [
    'a link to itself',
    dockerTar({ files: [{ name: 'a/layer.tar', type: 'symlink', link: 'layer.tar' }] }),
    'archive',
    /lacks/,
  ],
  [
    'a device',
    dockerTar({ files: [{ name: 'a/layer.tar', type: 'character-device' }] }),
    'archive',
    /character-device/,
  ],
  ['another layer', dockerTar({ config: config(Buffer.from('x')) }), 'integrity', /diffID/],
  ['too few diffIDs', dockerTar({ config: config() }), 'archive', /0 diffIDs for 1 layers/],
  ['a config that is no JSON', dockerTar({ config: 'x' }), 'integrity', /not JSON/],
  ['a config without os', dockerTar({ config: '{"architecture":"x"}' }), 'archive', /has no os/],
  [
    'a config with numbers for Env',
    dockerTar({ config: config(LAYER).replace('{', '{"config":{"Env":[1]},') }),
    'archive',
    /Env of c.json/,
  ],
  ['a bad name', dockerTar({ tags: ['../x'] }), 'syntax', /invalid reference/],
  ['a name that is no text', dockerTar({ tags: [1] }), 'archive', /not text/],
  [
    'too many layers',
    dockerTar({ config: config(...many), layers: many.map(() => 'a/layer.tar') }),
    'archive',
    /more than 500/,
  ],
  [
    'a blob that is not what its name says',
    tarOf({ name: `blobs/sha256/${'0'.repeat(64)}`, body: 'x' }),
    'integrity',
    /is damaged/,
  ],
  ['a missing blob', ociTar({ blobs: [LAYER] }), 'archive', /lacks blob/],
  ['a manifest of version 1', ociTar({ manifest: { schemaVersion: 1 } }), 'archive', /version 2/],
  ['a manifest without layers', ociTar({ manifest: { layers: 7 } }), 'archive', /not a list/],
  [
    'a layer of another type',
    ociTar({
      manifest: {
        layers: [
          {
            mediaType: 'application/x-foreign',
            digest: `sha256:${sha(LAYER)}`,
            size: LAYER.length,
          },
        ],
      },
    }),
    'unsupported',
    /application\/x-foreign/,
  ],
  [
    'a lying size',
    ociTar({
      manifest: {
        layers: [
          {
            mediaType: 'application/vnd.oci.image.layer.v1.tar',
            digest: `sha256:${sha(LAYER)}`,
            size: 7,
          },
        ],
      },
    }),
    'archive',
    /says 7/,
  ],
];
for (const [name, bytes, code, message] of bad) {
  test(`refuses: ${name}`, async () => {
    await using world = testStore();
    await assert.rejects(load(world.store, bytes), (error) => {
      assert.ok(error instanceof BuildError, String((error as Error).stack));
      assert.match(error.message, message);
      assert.equal(error.code, code);
      return true;
    });
    assert.deepEqual(world.store.images.refs(), []);
  });
}

test('an archive that is not there, or a directory', async () => {
  await using world = testStore();
  mkdirSync(join(world.dir, 'd'));
  await assert.rejects(load(world.store, join(world.dir, 'none')), /no such archive/);
  await assert.rejects(load(world.store, join(world.dir, 'd')), /is a directory/);
});
