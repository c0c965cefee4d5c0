import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { config, LAYER, sha, tarOf } from '../helpers/archives.js';
import { pullWorld } from '../helpers/pull-world.js';
import {
  type Answer,
  OCI_MANIFEST,
  redirect,
  scriptedRegistry,
  send,
  smallImage,
} from '../helpers/scripted-registry.js';

const noise = Buffer.concat(
  Array.from({ length: 8_000 }, (_, i) => Buffer.from(sha(String(i)), 'hex')),
);
const bigTar = tarOf({ name: 'big', body: noise });
const big = smallImage({ config: config(bigTar), layer: gzipSync(bigTar) });
const good = smallImage();
const LAYER_PATH = `/v2/app/blobs/${good.layerDigest}`;
const BIG_PATH = `/v2/app/blobs/${big.layerDigest}`;

/** The layer from where it is asked for, the connection cut after some bytes the first times. */
const broken =
  (cuts: number, ranges: boolean): Answer =>
  (request, response, before) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const body = ranges ? big.layer.subarray(from) : big.layer;
    response.writeHead(ranges && from > 0 ? 206 : 200, { 'content-length': body.length });
    if (before >= cuts) response.end(body);
    else response.write(body.subarray(0, 50_000), () => setImmediate(() => response.destroy()));
  };

test('a broken download is taken up where it broke, by a range', async () => {
  await using registry = await scriptedRegistry({ ...big.routes, [BIG_PATH]: broken(2, true) });
  await using world = pullWorld();
  await world.pull(`${registry.host}/app:v1`);
  const ranges = registry.seen.filter(({ path }) => path === BIG_PATH).map(({ range }) => range);
  assert.equal(ranges.length, 3);
  assert.equal(ranges[0], undefined);
  const starts = ranges.slice(1).map((range) => Number(/^bytes=(\d+)-$/.exec(range!)![1]));
  assert.ok(starts[0]! > 0 && starts[1]! > starts[0]!, String(ranges));
});

test('a server that knows no ranges is read from its start and cut', async () => {
  await using registry = await scriptedRegistry({ ...big.routes, [BIG_PATH]: broken(1, false) });
  await using world = pullWorld();
  await world.pull(`${registry.host}/app:v1`);
  assert.equal(registry.seen.filter(({ path }) => path === BIG_PATH).length, 2);
});

test('a download that breaks every time is given up, nothing of it is kept', async () => {
  const dead: Answer = (_request, response) => {
    response.writeHead(200, { 'content-length': big.layer.length });
    response.write(big.layer.subarray(0, 10), () => response.destroy());
  };
  await using registry = await scriptedRegistry({ ...big.routes, [BIG_PATH]: dead });
  await using world = pullWorld();
  const error = await world.refusal(`${registry.host}/app:v1`);
  assert.match(error.message, new RegExp(`broke off blob ${big.layerDigest}`));
  assert.ok(!world.blobs().includes(sha(big.layer)));
});

for (const status of [429, 502, 503]) {
  test(`${status} is tried again, after as long as the server asks`, async () => {
    const busy: Answer = (request, response, before) => {
      if (before < 2) response.writeHead(status, { 'retry-after': '0' }).end();
      else void good.routes['/v2/app/manifests/v1']!(request, response, before);
    };
    await using registry = await scriptedRegistry({ ...good.routes, '/v2/app/manifests/v1': busy });
    await using world = pullWorld();
    await world.pull(`${registry.host}/app:v1`);
    assert.equal(registry.seen.filter(({ path }) => path.endsWith('/v1')).length, 3);
  });
}

test('429 without end says so, and what helps; 404 and 400 are not tried again', async () => {
  const busy: Answer = (_request, response) => {
    response.writeHead(429, { 'retry-after': '0' }).end();
  };
  await using registry = await scriptedRegistry({
    '/v2/app/manifests/busy': busy,
    '/v2/app/manifests/bad': send('{"errors":[{"message":"no \\u001b[31m way"}]}', 'x', 400),
  });
  await using world = pullWorld();
  const error = await world.refusal(`${registry.host}/app:busy`);
  assert.match(error.message, /too many requests/);
  assert.match(error.hint ?? '', /mirror/);
  await world.refusal(`${registry.host}/app:bad`);
  await world.refusal(`${registry.host}/app:none`);
  const count = (end: string): number =>
    registry.seen.filter(({ path }) => path.endsWith(end)).length;
  assert.deepEqual(['busy', 'bad', 'none'].map(count), [5, 1, 1]);
});

test('cancelling stops waiting for a server, with the reason', async () => {
  const controller = new AbortController();
  const reason = new Error('user');
  const silent: Answer = () => controller.abort(reason);
  await using registry = await scriptedRegistry({ '/v2/app/manifests/v1': silent });
  await using world = pullWorld();
  await assert.rejects(
    world.pull(`${registry.host}/app:v1`, controller.signal),
    (e) => e === reason,
  );
});

test('layers come three at a time, each once', async () => {
  const tars = Array.from({ length: 7 }, (_, i) => tarOf({ name: `file${i}` }));
  const layers = tars.map((tar) => gzipSync(tar));
  const waiting: ServerResponse[] = [];
  let most = 0;
  const held: Answer = (_request, response) => {
    waiting.push(response);
    most = Math.max(most, waiting.length);
    // Answers when three wait, or when no more can come.
    const last = registry.seen.filter(({ path }) => path.includes('/blobs/')).length === 8;
    if (waiting.length === 3 || last)
      for (const each of waiting.splice(0)) each.end(bodies.get(each));
  };
  const bodies = new Map<ServerResponse, Buffer>();
  const image = smallImage({
    config: config(...tars),
    manifest: {
      layers: layers.map((layer) => ({
        mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
        digest: `sha256:${sha(layer)}`,
        size: layer.length,
      })),
    },
  });
  const routes: Record<string, Answer> = { ...image.routes };
  for (const layer of layers) {
    routes[`/v2/app/blobs/sha256:${sha(layer)}`] = (request, response, before) => {
      bodies.set(response, layer);
      return held(request, response, before);
    };
  }
  await using registry = await scriptedRegistry(routes);
  await using world = pullWorld();
  await world.pull(`${registry.host}/app:v1`);
  assert.equal(most, 3);
  assert.equal(new Set(registry.seen.map(({ path }) => path)).size, registry.seen.length);
});

const BASIC = `Basic ${Buffer.from('user:hunter2').toString('base64')}`;
const auths = (host: string): object => ({
  auths: { [host]: { auth: Buffer.from('user:hunter2').toString('base64') } },
});
/** 401 without the right header. */
const wants =
  (value: string, challenge: string) =>
  (
    request: { headers: { authorization?: string | undefined } },
    response: ServerResponse,
  ): boolean => {
    if (request.headers.authorization === value) return false;
    response.writeHead(401, { 'www-authenticate': challenge }).end();
    return true;
  };

test('D9: credentials do not follow a redirect to another host, port or back again', async () => {
  await using foreign = await scriptedRegistry({}, { address: '127.0.0.2' });
  await using registry = await scriptedRegistry(good.routes);
  registry.guard = (request, response) =>
    request.url === '/back' ? false : wants(BASIC, 'Basic realm="x"')(request, response);
  registry.routes.set(LAYER_PATH, redirect(`http://${foreign.host}/layer`));
  registry.routes.set('/back', send(good.layer));
  foreign.routes.set('/layer', redirect(`http://${registry.host}/back`));
  await using world = pullWorld();
  world.dockerConfig(auths(registry.host));
  await world.pull(`${registry.host}/app:v1`);
  const at = (path: string) =>
    [...registry.seen, ...foreign.seen].filter((each) => each.path === path).at(-1)?.authorization;
  assert.deepEqual([at(LAYER_PATH), at('/layer'), at('/back')], [BASIC, undefined, undefined]);
});

test('D9: a manifest may be redirected too; a foreign host that wants credentials gets none', async () => {
  await using foreign = await scriptedRegistry({}, { address: '127.0.0.2' });
  foreign.guard = wants(BASIC, 'Basic realm="x"');
  await using registry = await scriptedRegistry({
    ...good.routes,
    '/v2/app/manifests/v1': redirect('/elsewhere', 302),
    '/elsewhere': good.routes['/v2/app/manifests/v1']!,
    '/v2/app/manifests/away': redirect(`http://${foreign.host}/m`),
  });
  await using world = pullWorld();
  world.dockerConfig({ ...auths(registry.host) });
  await world.pull(`${registry.host}/app:v1`);
  await world.refusal(`${registry.host}/app:away`);
  assert.deepEqual(
    foreign.seen.map(({ authorization }) => authorization),
    [undefined],
  );
});

const BAD_REDIRECTS = [
  'ftp://127.0.0.1/x',
  'file:///etc/passwd',
  'http://[',
  'http://user:pw@127.0.0.1/x',
];
for (const location of BAD_REDIRECTS) {
  test(`a redirect to ${location} is refused`, async () => {
    await using registry = await scriptedRegistry({
      ...good.routes,
      [LAYER_PATH]: redirect(location),
    });
    await using world = pullWorld();
    assert.match((await world.refusal(`${registry.host}/app:v1`)).message, /redirects to/);
  });
}

test('a redirect in a circle is given up', async () => {
  await using registry = await scriptedRegistry({
    ...good.routes,
    [LAYER_PATH]: redirect(LAYER_PATH),
  });
  await using world = pullWorld();
  assert.match((await world.refusal(`${registry.host}/app:v1`)).message, /redirects too often/);
});

const REALMS: readonly (readonly [realm: string, why: RegExp])[] = [
  ['http://192.0.2.1/token', /not safe|not of its site/],
  ['ftp://127.0.0.1/token', /not safe/],
  ['http://user:pw@127.0.0.1/token', /not safe/],
  ['', /malformed/],
  ['//', /malformed/],
];
for (const [realm, why] of REALMS) {
  test(`D8: a token server at ${JSON.stringify(realm)} gets no password`, async () => {
    await using registry = await scriptedRegistry(good.routes);
    registry.guard = wants('no', `Bearer realm="${realm}",service="s"`);
    await using world = pullWorld();
    world.dockerConfig(auths(registry.host));
    const error = await world.refusal(`${registry.host}/app:v1`);
    assert.equal(error.code, 'auth');
    assert.match(error.message, why);
    assert.ok(!JSON.stringify(error).includes('hunter2'));
    assert.ok(registry.seen.every(({ authorization }) => authorization === undefined));
  });
}

test('D8: 100 challenges, a header that never ends, and schemes nobody knows', async () => {
  const challenges = [
    `${'Negotiate, '.repeat(99)}Negotiate`,
    'Digest realm="x", nonce="y"',
    `Bearer realm="${'x'.repeat(10_000)}`,
    'Bearer realm="http://127.0.0.1/\r'.replace('\r', '%0d'),
  ];
  for (const challenge of challenges) {
    await using registry = await scriptedRegistry(good.routes);
    registry.guard = wants('no', challenge);
    await using world = pullWorld();
    assert.equal((await world.refusal(`${registry.host}/app:v1`)).code, 'auth');
  }
});

test('D4: a token answer that never ends, or is no token', async () => {
  for (const answer of [
    send('x'.repeat(2 << 20)),
    send('{"token":""}'),
    send('null'),
    send('nope'),
    send('{}', 'x', 500),
  ]) {
    await using registry = await scriptedRegistry({ ...good.routes, '/token': answer });
    registry.guard = (request, response) =>
      request.url?.startsWith('/token') === true
        ? false
        : wants('no', `Bearer realm="http://${registry.host}/token"`)(request, response);
    await using world = pullWorld();
    await world.refusal(`${registry.host}/app:v1`);
  }
});

test('an anonymous token: asked once, for the scope that was named, then used', async () => {
  await using registry = await scriptedRegistry(good.routes);
  const asked: string[] = [];
  registry.guard = (request, response) => {
    if (request.url?.startsWith('/token') !== true)
      return wants(
        'Bearer t0ken',
        `Bearer realm="http://${registry.host}/token",service="reg",scope="repository:app:pull"`,
      )(request, response);
    asked.push(request.url);
    response.end('{"token":"t0ken"}');
    return true;
  };
  await using world = pullWorld();
  await world.pull(`${registry.host}/app:v1`);
  assert.ok(asked.every((url) => url === '/token?service=reg&scope=repository%3Aapp%3Apull'));
  assert.ok(asked.length > 0);
});

test('D11: no fall from TLS to plain text: a plain server behind https is an error', async () => {
  await using registry = await scriptedRegistry(good.routes);
  await using world = pullWorld();
  world.staveConfig({
    registries: { 'reg.example.org': { mirrors: [`https://${registry.host}`] } },
  });
  await world.refusal('reg.example.org/app:v1');
  assert.deepEqual(registry.seen, []);
});

test('mirrors are asked in order, then the registry; config and manifest of the same one', async () => {
  await using empty = await scriptedRegistry({});
  await using full = await scriptedRegistry(good.routes);
  await using world = pullWorld();
  const mirrors = ['http://127.0.0.1:1', `http://${empty.host}/`, `http://${full.host}`];
  world.staveConfig({ registries: { 'reg.example.org': { mirrors } } });
  await world.pull('reg.example.org/app:v1');
  assert.ok(empty.seen.length > 0);
  assert.equal(world.names(), 1);
});

test('a manifest with bytes that are no UTF-8 keeps its digest', async () => {
  const bytes = Buffer.from(good.manifest.replace('{', '{"x":"\u00ff",'), 'latin1');
  const lie = `/v2/app/manifests/sha256:${sha(bytes)}`;
  await using registry = await scriptedRegistry({
    ...good.routes,
    [lie]: send(bytes, OCI_MANIFEST),
  });
  await using world = pullWorld();
  const lines = await world.pull(`${registry.host}/app@sha256:${sha(bytes)}`);
  assert.ok(lines.includes(`Digest: sha256:${sha(bytes)}`));
  assert.ok(LAYER.length > 0);
});
