import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assembleImage } from '../../src/exporter/assemble.js';
import type { BuildPlan, Vertex } from '../../src/model/graph.js';
import { digestOf } from '../../src/model/digest.js';
import { type Descriptor, type ImageConfig, MediaType } from '../../src/model/oci.js';
import type { Layer, LayerMeta } from '../../src/model/stores.js';
import { addLayer, quiet, testStore } from '../helpers/test-store.js';

/** A layer as far as assembling looks at it. */
function layer(name: string, created: string): Layer {
  const meta: LayerMeta = {
    diffID: digestOf(name),
    content: digestOf(name),
    tarBytes: 1000,
    fileBytes: 10,
    entries: 1,
    created,
  };
  return {
    isHere: true,
    id: name,
    path: '/',
    ensure: () => Promise.resolve(),
    meta: () => Promise.resolve(meta),
    content: () => Promise.resolve(meta.content),
  };
}

const vertex = {} as Vertex;
const step = (createdBy: string, withLayer = true) => ({
  createdBy,
  ...(withLayer ? { vertex } : {}),
});

function plan(history: BuildPlan['history'], base?: ImageConfig): BuildPlan {
  const config = { architecture: 'amd64', os: 'linux', config: { Env: ['A=1'] } };
  return { config, history, ...(base === undefined ? {} : { base }) } as unknown as BuildPlan;
}

const baseLayer: Descriptor = {
  mediaType: MediaType.dockerLayerGzip,
  digest: digestOf('compressed base'),
  size: 77,
};

function base(history: ImageConfig['history']): ImageConfig {
  return {
    architecture: 'amd64',
    os: 'linux',
    created: 'base time',
    rootfs: { type: 'layers', diff_ids: [digestOf('base')] },
    ...(history === undefined ? {} : { history }),
  };
}

async function assemble(
  history: BuildPlan['history'],
  layers: readonly Layer[],
  from?: ImageConfig,
) {
  await using world = testStore();
  const { store } = world;
  const all = from === undefined ? layers : [layer('base', 'base time'), ...layers];
  return await assembleImage(
    {
      plan: plan(history, from),
      snapshot: store.snapshots.snapshot(all),
      baseLayers: from === undefined ? [] : [baseLayer],
      store,
    },
    quiet,
  );
}

test('history: one line an instruction, times from the layers', async () => {
  const steps = [
    step('ENV', false),
    step('RUN 1'),
    step('USER', false),
    step('COPY'),
    step('CMD', false),
  ];
  const { config } = await assemble(steps, [layer('a', 'time 1'), layer('b', 'time 2')]);
  assert.deepEqual(
    config.history?.map((line) => [line.created_by, line.created, line.empty_layer === true]),
    [
      ['ENV', 'time 1', true],
      ['RUN 1', 'time 1', false],
      ['USER', 'time 1', true],
      ['COPY', 'time 2', false],
      ['CMD', 'time 2', true],
    ],
  );
  assert.equal(config.created, 'time 2');
  assert.ok(config.history.every((line) => line.comment === 'buildkit.dockerfile.v0'));
});

test('layers: the base keeps its blobs under OCI types, built ones are their own tar', async () => {
  const { document, config } = await assemble([step('RUN')], [layer('a', 't')], base(undefined));
  assert.deepEqual(document.layers, [
    { ...baseLayer, mediaType: MediaType.ociLayerGzip },
    { mediaType: MediaType.ociLayer, digest: digestOf('a'), size: 1000 },
  ]);
  assert.deepEqual(config.rootfs.diff_ids, [digestOf('base'), digestOf('a')]);
});

const bases: readonly [string, ImageConfig['history'], readonly boolean[]][] = [
  ['without history gets a line a layer', undefined, [false]],
  [
    'with only metadata lines gets the missing one',
    [{ created_by: 'ENV', empty_layer: true }],
    [true, false],
  ],
  ['with its lines keeps them', [{ created_by: 'ADD' }], [false]],
  [
    'with a line too many has the oldest marked empty',
    [{ created_by: 'x' }, { created_by: 'y' }],
    [true, false],
  ],
];
for (const [name, history, empty] of bases) {
  test(`a base ${name}`, async () => {
    const { config } = await assemble([step('RUN')], [layer('a', 't')], base(history));
    const lines = config.history ?? [];
    assert.deepEqual(
      lines.map((line) => line.empty_layer === true),
      [...empty, false],
    );
    assert.equal(lines.filter((line) => line.empty_layer !== true).length, 2);
  });
}

test('metadata on a base alone has the time of the base', async () => {
  const { config } = await assemble([step('ENV', false)], [], base(undefined));
  assert.equal(config.created, 'base time');
});

test('a history that does not fit its layers is a defect', async () => {
  await assert.rejects(assemble([step('RUN')], []), /history describes 1 layers of 0/);
});

test('the same layers assembled later give the same image', async () => {
  await using world = testStore();
  const { store } = world;
  const built = await addLayer(store, [], (upper) => {
    writeFileSync(join(upper, 'f'), 'x');
  });
  const assembleOnce = () =>
    assembleImage(
      {
        plan: plan([step('RUN')]),
        snapshot: store.snapshots.snapshot([built]),
        baseLayers: [],
        store,
      },
      quiet,
    );
  const first = await assembleOnce();
  const again = await assembleOnce();
  assert.deepEqual(again.manifest, first.manifest);
  assert.equal(again.imageId, first.imageId);
  assert.deepEqual(store.blobs.readJson(first.imageId), JSON.parse(JSON.stringify(first.config)));
});
