import assert from 'node:assert/strict';
import { readdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Store } from '../../src/cache/store.js';
import { BuildError } from '../../src/model/error.js';
import { familiarName, parseReference } from '../../src/model/reference.js';
import { makeImage, quiet, testStore } from '../helpers/test-store.js';
import { MediaType } from '../../src/model/oci.js';

/** An image without layers, told apart by its label. */
async function image(store: Store, label: string, ...tags: string[]) {
  const { document, config } = await makeImage(store, { layers: [] });
  const own = { ...config, config: { Labels: { label } }, created: `2026-01-01T00:00:0${label}Z` };
  const configBlob = await store.blobs.putJson(own, MediaType.ociConfig, quiet);
  const manifest = await store.blobs.putJson(
    { ...document, config: configBlob },
    MediaType.ociManifest,
    quiet,
  );
  for (const tag of tags) store.images.tag(parseReference(tag), manifest);
  return { manifest, id: configBlob.digest };
}

function names(store: Store): string[][] {
  return store.images.list().map(({ references }) => references.map(familiarName));
}

function refusal(work: () => unknown): BuildError {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof BuildError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'nothing was thrown' });
}

test('names resolve, move and go', async () => {
  await using world = testStore();
  const { store } = world;
  const { images } = store;
  const one = await image(store, '1', 'demo', 'example.org/x/demo:2');
  const name = parseReference('demo:latest');
  assert.deepEqual(images.resolve(name), one.manifest);
  assert.equal(images.resolve(parseReference('demo:other')), undefined);
  const two = await image(store, '2', 'demo');
  assert.deepEqual(images.resolve(name), two.manifest);
  const moved = images.refs().find((ref) => ref.name === 'docker.io/library/demo:latest');
  assert.equal(moved?.previous, one.manifest.digest);
  assert.equal(images.untag(name), true);
  assert.equal(images.untag(name), false);
  assert.deepEqual(names(store), [['example.org/x/demo:2']]);
});

test('an image that loses its last name to another stays as <none>', async () => {
  await using world = testStore();
  const { store } = world;
  const one = await image(store, '1', 'demo');
  await image(store, '2', 'demo');
  assert.deepEqual(names(store), [['demo:latest'], []]);
  assert.equal(store.images.list()[1]?.id, one.id);
  store.images.forget(one.manifest.digest);
  assert.deepEqual(names(store), [['demo:latest']]);
});

test('a name that is given while an image is removed stays', async () => {
  await using world = testStore();
  const { images } = world.store;
  const one = await image(world.store, '1', 'demo');
  images.untag(parseReference('demo'));
  images.tag(parseReference('later'), one.manifest); // By another process.
  assert.equal(images.forget(one.manifest.digest), false);
  assert.deepEqual(names(world.store), [['later:latest']]);
});

test('tagging the same again changes nothing on disk', async () => {
  await using world = testStore();
  const { store } = world;
  const one = await image(store, '1', 'demo');
  await image(store, '2', 'demo');
  store.images.tag(parseReference('demo'), one.manifest);
  const before = store.images.refs();
  store.images.tag(parseReference('demo'), one.manifest);
  assert.deepEqual(store.images.refs(), before);
});

test('an image kept without a name is listed once, and named later', async () => {
  await using world = testStore();
  const { store } = world;
  const { manifest, id } = await image(store, '1');
  store.images.keep(manifest);
  store.images.keep(manifest);
  assert.deepEqual(names(store), [[]]);
  store.images.tag(parseReference('demo'), manifest);
  assert.deepEqual(names(store), [['demo:latest']]);
  assert.equal(store.images.find('demo').id, id);
});

test('found by name, digest, id and prefix', async () => {
  await using world = testStore();
  const { store } = world;
  const { manifest, id } = await image(store, '1', 'registry.example:5000/team/demo:1.0');
  const hex = id.slice('sha256:'.length);
  const texts = ['registry.example:5000/team/demo:1.0', id, hex, hex.slice(0, 12)].concat([
    `sha256:${hex.slice(0, 20)}`,
    `registry.example:5000/team/demo@${manifest.digest}`,
  ]);
  for (const text of texts) assert.equal(store.images.find(text).id, id, text);
});

test('what is not there is told in the words of docker, with the nearest name', async () => {
  await using world = testStore();
  const { store } = world;
  await image(store, '1', 'debian:bookworm');
  const error = refusal(() => store.images.find('debian:bokworm'));
  assert.equal(error.code, 'not-found');
  assert.equal(error.message, 'No such image: debian:bokworm');
  assert.equal(error.hint, 'did you mean debian:bookworm?');
  assert.match(refusal(() => store.images.find('UPPER')).message, /^No such image/);
  assert.match(refusal(() => store.images.find('')).message, /^No such image/);
});

test('the start of several ids is refused', async () => {
  await using world = testStore();
  const { store } = world;
  const ids = new Map<string, number>();
  let shared: string | undefined;
  // By the birthday paradox some two of a hundred ids share three hex digits, and which ones never changes.
  for (let i = 0; shared === undefined && i < 400; i++) {
    const { id, manifest } = await image(store, String(i));
    store.images.keep(manifest);
    const start = id.slice(7, 10);
    if (ids.has(start)) shared = start;
    ids.set(start, i);
  }
  assert.ok(shared);
  const start = shared;
  assert.match(refusal(() => store.images.find(start)).message, /is the start of 2 image ids/);
});

test('a damaged image hides no other, and is told to who asks for it', async () => {
  await using world = testStore();
  const { store } = world;
  const good = await image(store, '1', 'good');
  const bad = await image(store, '2', 'bad');
  writeFileSync(store.blobs.path(bad.manifest.digest), '{}');
  assert.equal(refusal(() => store.images.find('bad')).code, 'integrity');
  assert.equal(store.images.find('good').id, good.id);
  assert.deepEqual(names(store), [['good:latest']]);
  await image(store, '3', 'gone');
  unlinkSync(store.blobs.path(good.id));
  assert.deepEqual(names(store), [['gone:latest']]);
});

test('a torn or foreign file among the refs is no ref', async () => {
  await using world = testStore();
  const { store } = world;
  await image(store, '1', 'good');
  for (const [name, text] of Object.entries({ torn: '{"na', empty: '', odd: '[]', none: 'null' })) {
    writeFileSync(join(store.path('refs'), name), text);
  }
  assert.deepEqual(names(store), [['good:latest']]);
  assert.equal(readdirSync(store.path('refs')).length, 5);
});
