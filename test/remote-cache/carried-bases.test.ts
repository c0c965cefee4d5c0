import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { digestOf } from '../../src/model/digest.js';
import { BuildError } from '../../src/model/error.js';
import { type Descriptor, MediaType } from '../../src/model/oci.js';
import {
  isCarriedBases,
  mergeBases,
  packBases,
  unpackBases,
} from '../../src/remote-cache/carried-bases.js';
import { keptOfOthers } from '../../src/remote-cache/kept-of-others.js';
import { localBackend } from '../../src/remote-cache/local-backend.js';
import { pieces, quiet } from '../helpers/test-store.js';

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

test('of bases that others brought the latest stay, as many as there is room for', () => {
  const named = (name: string, more: Partial<typeof base> = {}): typeof base => ({
    ...{ ...base, name },
    ...more,
  });
  const arm = config.replace('amd64', 'arm64');
  const own = [named('a')];
  const before = [named('b'), named('a', { manifest: 'old' }), named('a', { config: arm })];
  const merged = mergeBases(own, [...before, named('b', { manifest: 'old' })]);
  assert.deepEqual(merged, [named('a'), named('b'), named('a', { config: arm })]);
  assert.deepEqual(mergeBases(merged, merged), merged);
  const many = Array.from({ length: 50 }, (_, i) => named(String(i)));
  assert.deepEqual(mergeBases(own, many), [...own, ...many.slice(0, 32)]);
  // By bytes: a build may say as much as ever, others what is left of that.
  const large = (name: string): typeof base => named(name, { manifest: name.repeat(6 << 20) });
  const full = mergeBases([large('x')], [large('y'), large('z'), named('small')]);
  assert.deepEqual(
    full.map(({ name }) => name),
    ['x', 'y'],
  );
  assert.ok(isCarriedBases(packBases(full).blob));
  for (const all of [Array.from({ length: 1001 }, (_, i) => named(String(i))), [large('xyz')]])
    assert.throws(() => packBases(all), { code: 'unsupported', hint: /push them to a registry/ });
});

test('layers of bases that stay are named with them; what is gone, or damaged, is not', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'stave-kept-'));
  t.after(() => {
    rmSync(dir, { recursive: true });
  });
  const backend = localBackend({ dest: dir });
  await using _lock = await backend.lock?.(quiet);
  const put = async (text: string, mediaType: string): Promise<Descriptor> => {
    const bytes = Buffer.from(text);
    const blob = { mediaType, digest: digestOf(bytes), size: bytes.length };
    await backend.put(blob, () => pieces(bytes), quiet);
    return blob;
  };
  const layers = await Promise.all(['one', 'two'].map((text) => put(text, MediaType.ociLayerGzip)));
  const [one, two] = layers.map((each, i) => ({
    ...base,
    name: `base${String(i)}`,
    layers: [each],
  }));
  assert.ok(one && two);
  const note = packBases([one, two]);
  await put(note.bytes.toString(), note.blob.mediaType);
  const own = { ...base, name: 'own', layers: [] };
  const said: string[] = [];
  const say = (line: string) => said.push(line);
  const kept = () => keptOfOthers([own], { backend, say, keeps: () => false }, quiet);
  assert.deepEqual(await kept(), { bases: [own], blobs: [] });
  const blobs = [...layers, note.blob];
  await backend.write({ config: Buffer.from('{}'), blobs }, quiet);
  assert.deepEqual(await kept(), { bases: [own, one, two], blobs: layers });
  const pathOf = ({ digest }: Descriptor) => join(dir, 'blobs', digest.replace(':', '/'));
  rmSync(pathOf(two.layers[0]!));
  assert.deepEqual(await kept(), { bases: [own, one], blobs: one.layers });
  assert.deepEqual(said, []);
  writeFileSync(pathOf(note.blob), '');
  assert.deepEqual(await kept(), { bases: [own], blobs: [] });
  assert.match(said.join(), /^the base images in the cache of client directory \S+ are not kept: /);
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
