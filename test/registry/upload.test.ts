import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { digestOf } from '../../src/model/digest.js';
import { BuildError } from '../../src/model/error.js';
import { parseReference } from '../../src/model/reference.js';
import { readRegistryConfig } from '../../src/registry/config.js';
import { openUpload, type UploadRepository } from '../../src/registry/upload.js';
import { type Answer, scriptedRegistry, send } from '../helpers/scripted-registry.js';
import { pieces, quiet } from '../helpers/test-store.js';

const bytes = Buffer.from('some bytes of a layer'.repeat(1000));
const blob = { mediaType: 'x', digest: digestOf(bytes), size: bytes.length };
const START = '/v2/app/blobs/uploads/';
const PLACE = '/v2/app/blobs/uploads/place';

const begins =
  (location: string | undefined): Answer =>
  (request, response) => {
    request.resume();
    response.writeHead(202, location === undefined ? {} : { location }).end();
  };
const takes =
  (statuses: readonly number[], taken: Buffer[] = []): Answer =>
  async (request, response, before) => {
    taken.push(await bodyOf(request));
    response.writeHead(statuses[before] ?? 201).end();
  };

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function uploadTo(host: string): UploadRepository {
  const config = readRegistryConfig(undefined, '');
  return openUpload(parseReference(`${host}/app:v1`), { env: {}, home: '/nowhere', config });
}

const put = (host: string): Promise<void> =>
  uploadTo(host).putBlob(blob, () => pieces(bytes), quiet);

test('a blob is sent whole, with its digest, to the place that is given', async () => {
  const taken: Buffer[] = [];
  const routes = { [START]: begins(`${PLACE}?state=a`), [PLACE]: takes([], taken) };
  await using registry = await scriptedRegistry(routes);
  await put(registry.host);
  assert.ok(taken[0]?.equals(bytes));
});

test('an upload that fails begins anew, with a new place', async () => {
  const taken: Buffer[] = [];
  const routes = { [START]: begins(PLACE), [PLACE]: takes([503, 429], taken) };
  await using registry = await scriptedRegistry(routes);
  await put(registry.host);
  assert.deepEqual(
    registry.seen.map(({ method }) => method),
    ['POST', 'PUT', 'POST', 'PUT', 'POST', 'PUT'],
  );
  assert.ok(taken[2]?.equals(bytes));
});

test('a connection that breaks is taken up by another try', async () => {
  const routes: Record<string, Answer> = {
    [START]: begins(PLACE),
    [PLACE]: async (request, response, before) => {
      if (before === 0) request.destroy();
      else {
        await bodyOf(request);
        response.writeHead(201).end();
      }
    },
  };
  await using registry = await scriptedRegistry(routes);
  await put(registry.host);
});

const refusals: readonly [string, Record<string, Answer>, string, RegExp][] = [
  [
    'a refusal',
    { [START]: send('{"errors":[{"message":"no"}]}', 'application/json', 403) },
    'auth',
    /: no$/,
  ],
  ['no place', { [START]: begins(undefined) }, 'registry', /gives no place to upload to/],
  ['a malformed place', { [START]: begins('http://[') }, 'registry', /gives no place/],
  [
    'bytes it does not believe',
    { [START]: begins(PLACE), [PLACE]: takes([400]) },
    'registry',
    /status 400/,
  ],
];
for (const [name, routes, code, message] of refusals) {
  test(`${name} is an error at once`, async () => {
    await using registry = await scriptedRegistry(routes);
    await assert.rejects(put(registry.host), (error) => {
      assert.ok(error instanceof BuildError, String(error));
      assert.equal(error.code, code);
      assert.match(error.message, message);
      return true;
    });
    assert.ok(registry.seen.length <= 2);
  });
}

test('what is there is known by HEAD; another repository may lend a blob', async () => {
  const routes: Record<string, Answer> = {
    [`/v2/app/blobs/${blob.digest}`]: send(''),
    '/v2/app/manifests/v1': (_request, response) => {
      response.writeHead(200, { 'docker-content-digest': blob.digest }).end();
    },
    [START]: (request, response) => {
      request.resume();
      const isLent = request.url?.includes('from=other%2Frepository') === true;
      response.writeHead(isLent ? 201 : 202, { location: PLACE }).end();
    },
  };
  await using registry = await scriptedRegistry(routes);
  const upload = uploadTo(registry.host);
  assert.equal(await upload.has(blob.digest, quiet), true);
  assert.equal(await upload.has(digestOf('other'), quiet), false);
  assert.equal(await upload.manifestDigest('v1', quiet), blob.digest);
  assert.equal(await upload.manifestDigest('v2', quiet), undefined);
  assert.equal(await upload.mount(blob.digest, 'other/repository', quiet), true);
  assert.equal(await upload.mount(blob.digest, 'none', quiet), false);
});
