import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Store } from '../../src/cache/store.js';
import { loadArchive, type LoadedImage } from '../../src/exporter/load.js';
import { saveImages } from '../../src/exporter/save-images.js';
import { parseReference } from '../../src/model/reference.js';
import { config, dockerTar, LAYER, ociTar, sha } from '../helpers/archives.js';
import {
  addLayer,
  makeImage,
  noFetch,
  pieces,
  quiet,
  type TestStore,
  testStore,
} from '../helpers/test-store.js';

const platform = { os: 'linux', architecture: 'amd64' };

function load(store: Store, source: string | Uint8Array): Promise<readonly LoadedImage[]> {
  const bytes = typeof source === 'string' ? source : pieces(source);
  return loadArchive(bytes, { store, platform }, quiet);
}

async function twoImages(world: TestStore) {
  const { store } = world;
  const shared = await addLayer(store, [], (upper) => {
    writeFileSync(join(upper, 'shared'), 'x'.repeat(5000));
  });
  const top = await addLayer(store, [shared], (upper) => {
    writeFileSync(join(upper, 'top'), 'top');
  });
  return [
    await makeImage(store, { layers: [shared], tags: ['one:1', 'also.example/one:x'] }),
    await makeImage(store, { layers: [shared, top], tags: ['two'] }),
  ] as const;
}

for (const type of ['oci', 'docker'] as const) {
  test(`what is saved as ${type} loads with its names and ids, and saves to the same bytes`, async () => {
    await using world = testStore();
    await using other = testStore();
    const images = await twoImages(world);
    const dest = join(world.dir, 'images.tar');
    await saveImages(images, { type, dest }, { store: world.store, fetch: noFetch }, quiet);
    const loaded = await load(other.store, dest);
    assert.deepEqual(loaded, [
      { names: ['docker.io/library/one:1', 'also.example/one:x'], id: images[0].imageId },
      { names: ['docker.io/library/two:latest'], id: images[1].imageId },
    ]);
    const again = join(world.dir, 'again.tar');
    const found = ['one:1', 'two'].map((name) => other.store.images.find(name));
    const named = found.map((image, i) => ({ ...image, references: images[i]?.references ?? [] }));
    await saveImages(named, { type, dest: again }, { store: other.store, fetch: noFetch }, quiet);
    assert.ok(readFileSync(again).equals(readFileSync(dest)));
  });
}

test('a loaded image has its files', async () => {
  await using world = testStore();
  await using other = testStore();
  const [, two] = await twoImages(world);
  const dest = join(world.dir, 'image.tar');
  await saveImages([two], { type: 'oci', dest }, { store: world.store, fetch: noFetch }, quiet);
  await load(other.store, gzipSync(readFileSync(dest)));
  const { document, config } = other.store.images.find('two');
  const layers = await Promise.all(
    document.layers.map((blob, i) => {
      const diffID = config.rootfs.diff_ids[i];
      assert.ok(diffID);
      return other.store.snapshots.fromBlob(blob, diffID, (b, s) => other.store.blobs.open(b, s));
    }),
  );
  await using view = await other.store.snapshots.view(
    other.store.snapshots.snapshot(layers),
    quiet,
  );
  assert.equal(readFileSync(join(view.root, 'top'), 'utf8'), 'top');
  assert.equal(readFileSync(join(view.root, 'shared'), 'utf8').length, 5000);
});

test('archives of skopeo and podman load', async () => {
  await using world = testStore();
  const [, two] = await twoImages(world);
  const dest = join(world.dir, 'image.tar');
  await saveImages([two], { type: 'docker', dest }, { store: world.store, fetch: noFetch }, quiet);
  const run = (program: string, ...args: string[]): void => {
    const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  };
  const file = (name: string): string => join(world.dir, name);
  run('skopeo', 'copy', '-q', `docker-archive:${dest}`, `docker-archive:${file('s.tar')}:s/two:9`);
  run('skopeo', 'copy', '-q', `docker-archive:${dest}`, `oci-archive:${file('o.tar')}:s/two:oci`);
  const podman = ['--root', file('p'), '--runroot', file('pr'), '--storage-driver', 'vfs'];
  run('podman', ...podman, 'load', '-q', '-i', dest);
  run('podman', ...podman, 'save', '-q', '-o', file('podman.tar'), 'two');
  run('podman', ...podman, 'save', '-q', '--format', 'oci-archive', '-o', file('po.tar'), 'two');
  run('podman', ...podman, 'rmi', '-f', two.imageId);
  const expected: Record<string, string> = {
    's.tar': 'docker.io/s/two:9',
    'o.tar': 'docker.io/s/two:oci',
    'podman.tar': 'localhost/two:latest',
    'po.tar': 'localhost/two:latest',
  };
  for (const [name, reference] of Object.entries(expected)) {
    await using other = testStore();
    const [image] = await load(other.store, file(name));
    assert.deepEqual(
      image?.names.map((n) => n.replace('docker.io/library/two', 'localhost/two')),
      [reference],
    );
    const { config } = other.store.images.find(image.names[0] ?? '');
    assert.deepEqual(config.rootfs.diff_ids, two.config.rootfs.diff_ids, name);
  }
});

const good: readonly [string, Uint8Array, readonly string[]][] = [
  ['docker', dockerTar(), ['docker.io/library/demo:1']],
  ['docker without a name', dockerTar({ tags: null }), []],
  ['docker, gzip', gzipSync(dockerTar()), ['docker.io/library/demo:1']],
  [
    'a compressed layer',
    dockerTar({ files: [{ name: 'a/layer.tar', body: gzipSync(LAYER) }] }),
    ['docker.io/library/demo:1'],
  ],
  [
    'a layer that is a link to another',
    dockerTar({
      config: config(LAYER, LAYER),
      layers: ['a/layer.tar', 'b/layer.tar'],
      files: [
        { name: 'b/layer.tar', type: 'symlink', link: '../a/layer.tar' },
        { name: 'a/layer.tar', body: LAYER },
      ],
    }),
    ['docker.io/library/demo:1'],
  ],
];
for (const [name, bytes, names] of good) {
  test(`loads: ${name}`, async () => {
    await using world = testStore();
    assert.deepEqual(
      (await load(world.store, bytes)).map((image) => image.names),
      [names],
    );
    assert.equal(world.store.images.list().length, 1);
  });
}

test('loads: an OCI layout without names, kept as <none>', async () => {
  await using world = testStore();
  const [image] = await load(world.store, ociTar());
  assert.deepEqual(image?.names, []);
  assert.equal(world.store.images.list()[0]?.id, image.id);
});

test('the image for our platform is taken from a nested index', async () => {
  await using world = testStore();
  const [one, two] = await twoImages(world);
  const dest = join(world.dir, 'image.tar');
  await saveImages(
    [one, two],
    { type: 'oci', dest },
    { store: world.store, fetch: noFetch },
    quiet,
  );
  const layout = join(world.dir, 'layout');
  mkdirSync(layout);
  assert.equal(spawnSync('tar', ['-xf', dest, '-C', layout]).status, 0);
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as {
    manifests: { digest: string; annotations?: object; platform?: object }[];
  };
  const [first, , last] = index.manifests;
  const inner = JSON.stringify({
    schemaVersion: 2,
    manifests: [
      { ...first, annotations: {}, platform: { os: 'linux', architecture: 's390x' } },
      { ...last, annotations: {}, platform },
    ],
  });
  const type = 'application/vnd.oci.image.index.v1+json';
  const outer = { mediaType: type, digest: `sha256:${sha(inner)}`, size: inner.length };
  const annotations = { 'io.containerd.image.name': 'docker.io/library/multi:1' };
  writeFileSync(join(layout, 'blobs/sha256', sha(inner)), inner);
  writeFileSync(
    join(layout, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...outer, annotations }] }),
  );
  const tar = spawnSync('tar', ['-cf', '-', '-C', layout, '.'], { maxBuffer: 1 << 28 }).stdout;
  await using other = testStore();
  const loaded = await load(other.store, tar);
  assert.deepEqual(loaded, [{ names: ['docker.io/library/multi:1'], id: two.imageId }]);
  assert.equal(other.store.images.resolve(parseReference('multi:1'))?.digest, last?.digest);
});

test('saving nothing is refused', async () => {
  await using world = testStore();
  const spec = { type: 'oci', dest: join(world.dir, 'x') } as const;
  await assert.rejects(
    saveImages([], spec, { store: world.store, fetch: noFetch }, quiet),
    /no image/,
  );
});

test('a layer that left the store is told', async () => {
  await using world = testStore();
  const [one] = await twoImages(world);
  await using other = testStore();
  const context = { store: other.store, fetch: noFetch };
  for (const blob of [one.manifest, one.document.config]) {
    await other.store.blobs.put(world.store.blobs.open(blob, quiet), blob, quiet);
  }
  const spec = { type: 'docker', dest: join(world.dir, 'x') } as const;
  await assert.rejects(saveImages([one], spec, context, quiet), /no longer in the store/);
});
