import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../../src/model/digest.js';
import { BuildError } from '../../src/model/error.js';
import { MediaType } from '../../src/model/oci.js';
import { isCarriedBases, packBases, unpackBases } from '../../src/remote-cache/carried-bases.js';

const layer = { mediaType: MediaType.ociLayerGzip, digest: digestOf('layer'), size: 5 };
const config = JSON.stringify({
  architecture: 'amd64',
  os: 'linux',
  rootfs: { type: 'layers', diff_ids: [digestOf('tar')] },
});
const described = { mediaType: MediaType.ociConfig, digest: digestOf(config), size: config.length };
const manifest = JSON.stringify({ schemaVersion: 2, config: described, layers: [layer] });
const base = { name: 'docker.io/library/base:1', manifest, config, layers: [layer] };

test('base images come back as they left', () => {
  const { blob, bytes } = packBases([base]);
  assert.ok(isCarriedBases(blob));
  const [found, ...more] = unpackBases(bytes, 'x');
  assert.deepEqual(more, []);
  assert.deepEqual(found?.documents, { name: base.name, manifest, config });
  const { reference, manifest: digest, layers } = found.image;
  assert.deepEqual([reference, digest, layers], [base.name, digestOf(manifest), [layer]]);
});

for (const [what, wrong] of Object.entries({
  'no documents': { ...base, config: undefined },
  'another config': { ...base, config: `${config} ` },
  'a layer less': { ...base, layers: [] },
  'a layer that is none': { ...base, layers: [{ ...layer, digest: 'sha256:../../x' }] },
  'no manifest': { ...base, manifest: '{"schemaVersion": 1}' },
  'another number of diffIDs': {
    ...base,
    manifest: JSON.stringify({ schemaVersion: 2, config: described, layers: [layer, layer] }),
    layers: [layer, layer],
  },
})) {
  test(`what fits not together is refused: ${what}`, () => {
    const bytes = Buffer.from(JSON.stringify({ images: [wrong] }));
    assert.throws(() => unpackBases(bytes, 'x'), BuildError);
  });
}
