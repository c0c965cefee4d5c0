import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { encodeHeader, padding, tarEnd, type TarType } from '../../src/cache/tar.js';
import type { Store } from '../../src/cache/store.js';
import { loadArchive, type LoadedImage } from '../../src/exporter/load.js';
import { saveImages } from '../../src/exporter/save-images.js';
import { BuildError, type ErrorCode } from '../../src/model/error.js';
import { parseReference } from '../../src/model/reference.js';
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

interface File {
  readonly name: string;
  readonly body?: string | Uint8Array;
  readonly type?: TarType;
  readonly link?: string;
}

function tarOf(...files: File[]): Buffer {
  const parts = files.flatMap(({ name, body = '', type = 'file', link }) => {
    const bytes = Buffer.from(body);
    const linkname = link === undefined ? {} : { linkname: link };
    const rest = { mode: 0o644, uid: 0, gid: 0, mtimeNs: 0n, size: bytes.length, ...linkname };
    return [encodeHeader({ name, type, ...rest }), bytes, padding(bytes.length)];
  });
  return Buffer.concat([...parts, tarEnd()]);
}

function sha(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const LAYER = tarOf({ name: 'file', body: 'content' });
const config = (...layers: Uint8Array[]): string =>
  JSON.stringify({
    os: 'linux',
    architecture: 'amd64',
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${sha(layer)}`) },
  });
const dockerList = (entry: object): File => ({
  name: 'manifest.json',
  body: JSON.stringify([entry]),
});

/** An archive as docker before 25 saved it, with what a test changes. */
function dockerTar(
  change: { config?: string; tags?: unknown; layers?: unknown; files?: File[] } = {},
) {
  const { tags = ['demo:1'], layers = ['a/layer.tar'] } = change;
  return tarOf(
    { name: 'a', type: 'directory' },
    { name: 'a/VERSION', body: '1.0' },
    { name: 'a/json', body: '{}' },
    ...(change.files ?? [{ name: 'a/layer.tar', body: LAYER }]),
    { name: 'c.json', body: change.config ?? config(LAYER) },
    dockerList({ Config: 'c.json', RepoTags: tags, Layers: layers }),
  );
}

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

function ociTar(change: { manifest?: object; blobs?: readonly (string | Uint8Array)[] } = {}) {
  const text = config(LAYER);
  const descriptor = (mediaType: string, bytes: string | Uint8Array): object => ({
    mediaType,
    digest: `sha256:${sha(bytes)}`,
    size: Buffer.byteLength(bytes),
  });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    config: descriptor('application/vnd.oci.image.config.v1+json', text),
    layers: [descriptor('application/vnd.oci.image.layer.v1.tar', LAYER)],
    ...change.manifest,
  });
  const blobs = change.blobs ?? [LAYER, text];
  const index = {
    schemaVersion: 2,
    manifests: [descriptor('application/vnd.oci.image.manifest.v1+json', manifest)],
  };
  return tarOf(
    { name: 'oci-layout', body: '{"imageLayoutVersion":"1.0.0"}' },
    { name: 'index.json', body: JSON.stringify(index) },
    ...[...blobs, manifest].map((body) => ({ name: `blobs/sha256/${sha(body)}`, body })),
  );
}

test('loads: an OCI layout without names, kept as <none>', async () => {
  await using world = testStore();
  const [image] = await load(world.store, ociTar());
  assert.deepEqual(image?.names, []);
  assert.equal(world.store.images.list()[0]?.id, image.id);
});

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
