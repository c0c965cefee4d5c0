import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../../src/model/digest.js';
import { BuildError } from '../../src/model/error.js';
import { type Descriptor, MediaType } from '../../src/model/oci.js';
import { type CachedLayer, readContents } from '../../src/remote-cache/cache-contents.js';
import { unpackBases } from '../../src/remote-cache/carried-bases.js';
import { inlineDocument } from '../../src/remote-cache/inline.js';
import { cacheParts, manifestOf } from '../../src/remote-cache/oci-document.js';
import {
  cacheConfig,
  inlineRecords,
  type OutgoingStep,
} from '../../src/remote-cache/write-config.js';

const created = '2026-01-02T03:04:05.000Z';
const blob = (name: string): Descriptor => ({
  mediaType: MediaType.ociLayerGzip,
  digest: digestOf(`blob ${name}`),
  size: 100,
});
const layer = (name: string, held = true): CachedLayer => ({
  diffID: digestOf(`tar ${name}`),
  blob: blob(name),
  held,
  created,
});
const step = (name: string, ...layers: CachedLayer[]): OutgoingStep => ({
  key: digestOf(`key ${name}`),
  op: digestOf(`op ${name}`),
  content: digestOf(`content ${name}`),
  tree: digestOf(`tree ${name}`),
  created,
  name,
  layers,
});
const base = layer('base', false);
const [a, b, c] = ['a', 'b', 'c'].map((name) => layer(name)) as [
  CachedLayer,
  CachedLayer,
  CachedLayer,
];
const steps = [
  step('a', base, a),
  step('b', base, a, b),
  step('c', base, b),
  step('link', c),
  step('empty'),
];
const blobs = [a, b, c].map((each) => each.blob);
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

test('what is written is what is read', () => {
  const config = bytes(cacheConfig(steps));
  const { steps: read, foreign } = readContents({ config, blobs }, 'x');
  assert.equal(foreign, 0);
  const plain = read.map((each) => ({ ...each, layers: each.layers().map(plainLayer) }));
  assert.deepEqual(
    plain,
    steps.map((each) => ({ ...each, layers: each.layers.map(plainLayer) })),
  );
});

function plainLayer({ diffID, blob: { digest, mediaType, size }, held, created: at }: CachedLayer) {
  return { diffID, digest, mediaType, size, held, at };
}

test('layers that results share stand in the config once; equal steps give equal bytes', () => {
  const config = cacheConfig(steps);
  // base; a and b on it; b on a; c alone.
  assert.equal(config.layers.length, 5);
  assert.deepEqual(bytes(config), bytes(cacheConfig(steps)));
});

for (const [form, type, parts] of [
  [{}, MediaType.ociManifest, 'layers'],
  [{ imageManifest: false }, MediaType.ociIndex, 'manifests'],
  [{ ociMediaTypes: false }, MediaType.dockerList, 'manifests'],
] as const) {
  test(`a manifest ${JSON.stringify(form)} and back`, () => {
    const config = bytes(cacheConfig(steps));
    const manifest = manifestOf({ config, blobs }, form);
    assert.equal(manifest.mediaType, type);
    const document = JSON.parse(manifest.bytes.toString()) as Record<string, unknown>;
    assert.ok(Array.isArray(document[parts]));
    const read = cacheParts({ mediaType: type, document }, 'x');
    assert.deepEqual(read?.config, manifest.config);
    assert.deepEqual(
      read.blobs.map(({ digest }) => digest),
      blobs.map(({ digest }) => digest),
    );
  });
}

test('docker types and the image manifest exclude each other', () => {
  const form = { ociMediaTypes: false, imageManifest: true };
  assert.throws(() => manifestOf({ config: bytes({}), blobs }, form), BuildError);
});

test('an image carries the steps whose layers it has, by position, whatever their order', () => {
  const image = [base, a, b, c];
  const records = inlineRecords([...steps, step('other', layer('elsewhere'))], image);
  const manifest = { layers: image.map((each) => each.blob) };
  const config = bytes({
    rootfs: { diff_ids: image.map(({ diffID }) => diffID) },
    'moby.buildkit.cache.v0': bytes(records).toString('base64'),
  });
  const document = inlineDocument(
    [
      { manifest, config },
      { manifest, config },
    ],
    'x',
  );
  assert.ok(document);
  const read = readContents(document, 'x');
  const names = (list: readonly CachedLayer[]): string => list.map(({ diffID }) => diffID).join();
  assert.equal(read.steps.length, 2 * steps.length);
  for (const [i, each] of read.steps.entries())
    assert.equal(names(each.layers()), names(steps[i % steps.length]?.layers ?? []));
});

test('an image without records carries no cache', () => {
  const config = bytes({ rootfs: { diff_ids: [] } });
  assert.equal(inlineDocument([{ manifest: { layers: [] }, config }], 'x'), undefined);
});

test('documents of a base that an image carries: what fits not together is refused', () => {
  const rootfs = { diff_ids: [a.diffID] };
  const inlined = (images: unknown): ReturnType<typeof inlineDocument> => {
    const note = { 'stave.cache.bases.v0': bytes({ images }).toString('base64') };
    const config = bytes({ rootfs, ...note });
    return inlineDocument([{ manifest: { layers: [a.blob] }, config }], 'x');
  };
  const [os, architecture] = ['linux', 'amd64'];
  const config = JSON.stringify({ os, architecture, rootfs: { type: 'layers', ...rootfs } });
  const layers = [{ ...a.blob, digest: digestOf('in another form') }];
  const described = {
    mediaType: MediaType.ociConfig,
    digest: digestOf(config),
    size: config.length,
  };
  const manifest = JSON.stringify({ schemaVersion: 2, config: described, layers });
  const good = { name: 'docker.io/library/base:1', manifest, config };
  const [found] = unpackBases(inlined([good])?.bases ?? Buffer.from(''), 'x');
  // In the form that the image has it in.
  assert.equal(found?.image.layers[0]?.digest, a.blob.digest);
  for (const bad of [{ ...good, config: '{}' }, { ...good, name: 7 }, { name: 'x' }, null])
    assert.throws(() => inlined([bad]), BuildError);
  for (const bad of ['x', { 0: good }]) assert.throws(() => inlined(bad), BuildError);
});

test("records of BuildKit's are counted, and give no step", () => {
  const config = bytes({
    layers: [{ blob: blob('a').digest, parent: -1 }, { blob: blob('b').digest }],
    records: [
      { digest: digestOf('x') },
      { digest: digestOf('y'), inputs: [[{ link: 0, selector: 's' }]], layers: [{ layer: 1 }] },
    ],
  });
  assert.deepEqual(readContents({ config, blobs }, 'x'), { steps: [], foreign: 2 });
});

const note = { op: digestOf('o'), tree: digestOf('t'), layers: 1, created };
const entry = (parent: number): object => ({
  blob: a.blob.digest,
  parent,
  annotations: { diffID: a.diffID },
});
const hostile: Readonly<Record<string, unknown>> = {
  'a parent that is not there': { layers: [entry(7)] },
  'a parent below none': { layers: [entry(-2)] },
  'a layer on itself': { layers: [entry(0)] },
  'a loop of two': { layers: [entry(1), entry(0)] },
  'too deep': { layers: Array.from({ length: 600 }, (_, i) => entry(i - 1)) },
  'too deep, told from the top': {
    layers: Array.from({ length: 600 }, (_, i) => entry(i === 599 ? -1 : i + 1)),
  },
  'a digest that is a path': { layers: [{ blob: 'sha256:../../x', parent: -1 }] },
  'another algorithm': { layers: [{ blob: `sha512:${'0'.repeat(128)}`, parent: -1 }] },
  'a fraction as parent': { layers: [{ ...entry(-1), parent: 0.5 }] },
  'layers that are no list': { layers: {} },
  'a record with a malformed key': { records: [{ digest: 'x', stave: note }] },
  'a record with a negative layer': {
    records: [{ digest: digestOf('k'), layers: [{ layer: -1 }], stave: note }],
  },
  'a size that is none': {
    layers: [
      {
        blob: digestOf('z'),
        parent: -1,
        annotations: { diffID: a.diffID, mediaType: 'x', size: -1 },
      },
    ],
  },
  'a null': null,
  'a list': [],
};
for (const [name, config] of Object.entries(hostile)) {
  test(`refused: ${name}`, () => {
    assert.throws(
      () => readContents({ config: bytes(config), blobs }, 'the cache'),
      (error) => {
        assert.ok(error instanceof BuildError, String(error));
        assert.match(error.message, /the cache/);
        return true;
      },
    );
  });
}

for (const [name, config] of Object.entries({
  'fewer layers than it says': {
    layers: [entry(-1)],
    records: [{ digest: digestOf('k'), stave: note }],
  },
  'a layer that is not there': {
    records: [{ digest: digestOf('k'), layers: [{ layer: 3 }], stave: note }],
  },
  'a layer without a diffID': {
    layers: [{ blob: a.blob.digest, parent: -1 }],
    records: [{ digest: digestOf('k'), layers: [{ layer: 0 }], stave: note }],
  },
})) {
  test(`a step with ${name} is refused when it is asked for`, () => {
    const { steps: read } = readContents({ config: bytes(config), blobs }, 'x');
    assert.throws(() => read[0]?.layers(), BuildError);
  });
}

test('a key twice, too deep JSON and no JSON are refused', () => {
  for (const text of ['{"layers":[],"layers":[]}', '['.repeat(100) + ']'.repeat(100), 'x'])
    assert.throws(() => readContents({ config: Buffer.from(text), blobs }, 'x'), BuildError);
});
