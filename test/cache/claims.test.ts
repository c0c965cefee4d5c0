import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { cacheEntries, removeEntries } from '../../src/cache/collect.js';
import { claimedIds } from '../../src/cache/lease.js';
import { addLayer, testStore } from '../helpers/test-store.js';

const NOBODY = '0'.repeat(32);

test('a claim that was only remembered takes no lease; one that was lost is told once', async () => {
  await using world = testStore();
  const { store } = world;
  const { id } = await addLayer(store, [], () => undefined);
  await store[Symbol.asyncDispose]();
  store.claims.defer();
  store.claims.claim([id, NOBODY]);
  assert.deepEqual(readdirSync(store.path('leases')), []);
  assert.equal(store.claims.lost(), false, 'what was never there is no loss');
  rmSync(store.path('trees', id), { recursive: true });
  assert.equal(store.claims.lost(), true);
});

test('who takes a lease claims what was remembered, and what comes later at once', async () => {
  await using world = testStore();
  const { store } = world;
  const { id } = await addLayer(store, [], () => undefined);
  await store[Symbol.asyncDispose]();
  store.claims.defer();
  store.claims.claim([id]);
  assert.equal(claimedIds(store.path('leases')).has(id), false);
  await store.lease();
  store.claims.claim([NOBODY]);
  const claimed = claimedIds(store.path('leases'));
  assert.ok(claimed.has(id) && claimed.has(NOBODY));
  assert.equal(store.claims.lost(), false);
});

test('who holds a lease already defers nothing: what it makes is claimed before it is there', async () => {
  await using world = testStore();
  const { store } = world;
  await store.lease();
  store.claims.defer();
  store.claims.claim([NOBODY]);
  assert.ok(claimedIds(store.path('leases')).has(NOBODY));
});

test('what is claimed by the time a removal decides stays, whatever was to go before', async () => {
  await using world = testStore();
  const { store } = world;
  const { id } = await addLayer(store, [], () => undefined);
  await store[Symbol.asyncDispose]();
  const entries = cacheEntries(store, { trees: new Set(), blobs: new Set() });
  store.claims.claim([id]);
  const gone = await removeEntries(store, entries, () => ({ trees: new Set(), blobs: new Set() }));
  assert.deepEqual(gone, [], 'what is claimed stays');
  assert.ok(existsSync(store.path('trees', id)));
});
