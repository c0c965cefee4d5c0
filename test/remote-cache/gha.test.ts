import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { GhaCache } from '../../src/model/cache-options.js';
import { BuildError } from '../../src/model/error.js';
import type { Descriptor } from '../../src/model/oci.js';
import { ghaBackend } from '../../src/remote-cache/gha-backend.js';
import { all, blobOf, once } from '../helpers/blob-bytes.js';
import { noise } from '../helpers/cache-mount.js';
import { type GhaServer, startGha } from '../helpers/gha-server.js';
import { quiet } from '../helpers/test-store.js';

const MAIN = 'refs/heads/main';
const TOPIC = 'refs/heads/topic';

describe('a cache of GitHub Actions', () => {
  let server: GhaServer;
  before(async () => {
    server = await startGha();
  });
  beforeEach(() => {
    server.entries.length = 0;
    server.requests.length = 0;
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
  });
  /** As a runner gives it to an action. */
  const runner = (...scopes: string[]): NodeJS.ProcessEnv => ({
    ACTIONS_RESULTS_URL: server.url,
    ACTIONS_RUNTIME_TOKEN: server.token(...scopes),
    ACTIONS_CACHE_SERVICE_V2: 'True',
  });
  const open = (scopes: string[] = [MAIN], options: Partial<GhaCache> = {}, env = {}) =>
    ghaBackend({ type: 'gha', ...options }, { ...runner(...scopes), ...env });
  const layer = (blob: Descriptor) => ({
    blob: blob.digest,
    parent: -1,
    annotations: { diffID: blob.digest, mediaType: blob.mediaType, size: blob.size },
  });
  const configOf = (...blobs: Descriptor[]): Buffer =>
    Buffer.from(
      JSON.stringify({
        layers: blobs.map(layer),
        records: blobs.map(({ digest }, i) => ({ digest, layers: [{ layer: i, createdAt: '' }] })),
      }),
    );
  const refused = (work: () => unknown, words: RegExp): Promise<void> =>
    assert.rejects(
      async () => {
        await work();
      },
      (error) => {
        assert.ok(error instanceof BuildError, String(error));
        assert.match(`${error.message}\n${error.hint ?? ''}`, words);
        assert.ok(!JSON.stringify(error).includes('signature'));
        assert.ok(!error.message.includes('sig=secret'));
        return true;
      },
    );

  test("entries have BuildKit's keys and version; nothing is written twice", async () => {
    const backend = open([MAIN], { scope: 'app' });
    assert.equal(await backend.read(quiet), undefined);
    const bytes = noise(1, 1000);
    const blob = blobOf(bytes);
    assert.equal(await backend.has(blob, quiet), false);
    await backend.put(blob, () => once(bytes), quiet);
    await backend.put(blob, () => once(bytes), quiet);
    assert.equal(await backend.has(blob, quiet), true);
    const document = { config: configOf(blob), blobs: [blob] };
    await backend.write(document, quiet);
    await backend.write(document, quiet);
    await backend.write({ ...document, config: configOf(blob, blob) }, quiet);
    assert.deepEqual(
      server.entries.map(({ key }) => key),
      [
        `buildkit-blob-1-${blob.digest}`,
        // The first eight of sha256("refs/heads/main").
        'index-app-1-f921bd05#1',
        'index-app-1-f921bd05#2',
      ],
    );
    assert.ok(server.entries.every(({ version }) => /^[0-9a-f]{64}$/.test(version)));
    assert.deepEqual(await all(backend.blob(blob, quiet)), bytes);
    assert.deepEqual((await backend.read(quiet))?.blobs, [blob]);
  });

  test('a run reads the cache of its branch and of its base, and writes to its own', async () => {
    const [one, two] = [blobOf(noise(2, 10)), blobOf(noise(3, 10))];
    await open([MAIN]).write({ config: configOf(one), blobs: [one] }, quiet);
    const topic = open([TOPIC, MAIN]);
    await topic.write({ config: configOf(two), blobs: [two] }, quiet);
    assert.deepEqual(
      server.entries.map(({ scope }) => scope),
      [MAIN, TOPIC],
    );
    const both = await topic.read(quiet);
    assert.deepEqual(both?.blobs, [two, one]);
    const { layers, records } = JSON.parse(Buffer.from(both.config).toString()) as {
      layers: { blob: string }[];
      records: { digest: string; layers: [{ layer: number }] }[];
    };
    for (const { digest, layers: own } of records)
      assert.equal(layers[own[0].layer]?.blob, digest, 'a record still means its layer');
    assert.deepEqual((await open([MAIN]).read(quiet))?.blobs, [one]);
  });

  test('a large blob goes in blocks; a URL that ran out is asked for again', async () => {
    const bytes = noise(4, (40 << 20) + 1);
    const blob = blobOf(bytes);
    await open().put(blob, () => once(bytes), quiet);
    assert.equal(server.requests.filter((each) => each.includes('comp=block&')).length, 3);
    server.fail('GET /store/', 403);
    assert.ok((await all(open().blob(blob, quiet))).equals(bytes));
  });

  test('too many requests are waited for', async () => {
    const blob = blobOf(noise(5, 10));
    server.fail('GetCacheEntryDownloadURL', 429);
    assert.equal(await open().has(blob, quiet), false);
  });

  test("with ghtoken GitHub's list is asked, not each blob", async () => {
    const blobs = Array.from({ length: 120 }, (_, i) => noise(100 + i, 8));
    for (const bytes of blobs) await open().put(blobOf(bytes), () => once(bytes), quiet);
    server.requests.length = 0;
    const env = { GITHUB_API_URL: server.url.slice(0, -1), GITHUB_REPOSITORY: 'me/app' };
    const backend = open([MAIN], { ghtoken: 'ghp_token' }, env);
    for (const bytes of blobs) assert.equal(await backend.has(blobOf(bytes), quiet), true);
    assert.equal(await backend.has(blobOf(noise(6, 6)), quiet), false);
    assert.equal(server.requests.length, 2, 'two pages');
    const wrong = open([MAIN], { ghtoken: 'other' }, env);
    await refused(
      () => wrong.has(blobOf(noise(6, 6)), quiet),
      /me\/app: status 401\n.*actions: read/,
    );
  });

  test('outside of an action, and with what is no token, it is said what to do', async () => {
    const none =
      (env: NodeJS.ProcessEnv, options = {}) =>
      () =>
        ghaBackend({ type: 'gha', ...options }, env);
    await refused(
      none({}),
      /token not set .*ACTIONS_RUNTIME_TOKEN[^]*crazy-max\/ghaction-github-runtime/,
    );
    const token = { ACTIONS_RUNTIME_TOKEN: server.token(MAIN) };
    await refused(none(token), /url not set .*ACTIONS_RESULTS_URL[^]*ghaction-github-runtime/);
    const old = { ...token, ACTIONS_CACHE_URL: 'https://artifactcache.example/' };
    await refused(none(old), /version 1 .* is not supported/);
    await refused(none(runner(MAIN), { version: 1 }), /version 1 .* is not supported/);
    await refused(none({ ...runner(MAIN), ACTIONS_RUNTIME_TOKEN: 'ghs_x' }), /no JSON web token/);
    const wrong = open([MAIN], { token: `${server.token(MAIN)}x` });
    await refused(() => wrong.read(quiet), /bad token/);
    const fork = ghaBackend(
      { type: 'gha', token: readOnly(server.token(MAIN)) },
      { ...runner(MAIN) },
    );
    assert.equal(await fork.read(quiet), undefined);
    const empty = { config: configOf(), blobs: [] };
    await refused(() => fork.write(empty, quiet), /may not write[^]*fork/);
  });
});

/** The token of a pull request from a fork. */
function readOnly(token: string): string {
  const [head = '', payload = '', signature = ''] = token.split('.');
  const text = Buffer.from(payload, 'base64url')
    .toString()
    .replace('\\"Permission\\":3', '\\"Permission\\":1');
  return `${head}.${Buffer.from(text).toString('base64url')}.${signature}`;
}
