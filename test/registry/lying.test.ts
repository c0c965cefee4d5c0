import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { config, LAYER, sha, tarOf } from '../helpers/archives.js';
import { pullWorld } from '../helpers/pull-world.js';
import {
  type Answer,
  endless,
  OCI_INDEX,
  OCI_MANIFEST,
  scriptedRegistry,
  send,
  smallImage,
} from '../helpers/scripted-registry.js';

// RELIABILITY 1D: a registry, or something on the way, that lies.

const good = smallImage();
const MANIFEST = '/v2/app/manifests/v1';
const LAYER_PATH = `/v2/app/blobs/${good.layerDigest}`;
const CONFIG_PATH = `/v2/app/blobs/${good.configDigest}`;
const flipped = (bytes: Uint8Array): Buffer => {
  const copy = Buffer.from(bytes);
  copy[copy.length >> 1]! ^= 1;
  return copy;
};
const manifestOf = (change: object): Record<string, Answer> =>
  smallImage({ manifest: change }).routes;
const described = (digest: unknown, size: unknown = good.layer.length): object => ({
  layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest, size }],
});
const text = (body: string, type = OCI_MANIFEST): Record<string, Answer> => ({
  [MANIFEST]: send(body, type),
});
const configs = (body: string): Record<string, Answer> => smallImage({ config: body }).routes;
const own = (fields: object): string => JSON.stringify({ ...JSON.parse(config(LAYER)), ...fields });

const LIES: readonly (readonly [
  name: string,
  routes: Readonly<Record<string, Answer>>,
  message: RegExp,
  code?: string,
])[] = [
  [
    'D1: a layer with a flipped bit',
    { [LAYER_PATH]: send(flipped(good.layer)) },
    /sha256:\w+ is damaged/,
    'integrity',
  ],
  [
    'D1: a layer with a byte more',
    { [LAYER_PATH]: send(Buffer.concat([good.layer, Buffer.from('x')])) },
    /sha256:\w+/,
    'integrity',
  ],
  [
    'D1: a config with a flipped bit',
    { [CONFIG_PATH]: send(flipped(Buffer.from(good.config))) },
    /sha256:\w+/,
    'integrity',
  ],
  [
    'D3: a layer that never ends',
    { [LAYER_PATH]: endless('application/octet-stream') },
    /sha256:\w+/,
    'integrity',
  ],
  [
    'D3: a config that never ends',
    { [CONFIG_PATH]: endless('application/octet-stream') },
    /sha256:\w+/,
    'integrity',
  ],
  [
    'D3: a layer size of one less',
    manifestOf(described(good.layerDigest, good.layer.length - 1)),
    /sha256:\w+/,
    'integrity',
  ],
  [
    'D3: a layer size of one more',
    manifestOf(described(good.layerDigest, good.layer.length + 1)),
    /sha256:\w+/,
  ],
  ['D3: a negative size', manifestOf(described(good.layerDigest, -1)), /has no size/],
  ['D3: a size as text', manifestOf(described(good.layerDigest, '7')), /has no size/],
  [
    'D3: a size of 2^53+1',
    text(good.manifest.replace(/"size":\d+/, '"size":9007199254740993')),
    /too large/,
  ],
  [
    'D4: a manifest that never ends',
    { [MANIFEST]: endless(OCI_MANIFEST) },
    /more than 4194304 bytes/,
  ],
  ['D4: a manifest nested 100,000 deep', text('['.repeat(1e5) + ']'.repeat(1e5)), /deeper than 64/],
  [
    'D4: a config said to have 64 MiB',
    manifestOf({
      config: {
        mediaType: 'application/vnd.oci.image.config.v1+json',
        digest: good.configDigest,
        size: 64 << 20,
      },
    }),
    /larger than 4 MiB/,
  ],
  [
    'D5: a manifest with a key twice',
    text(good.manifest.replace('{', '{"schemaVersion":2,')),
    /"schemaVersion" twice/,
  ],
  [
    'D5: a config with a key twice',
    configs(config(LAYER).replace('{', '{"os":"linux",')),
    /"os" twice/,
  ],
  ['D5: layers and manifests in one document', manifestOf({ manifests: [] }), /ambiguous/],
  [
    'D5: another media type than it says itself',
    text(good.manifest, 'application/vnd.docker.distribution.manifest.v2+json'),
    /ambiguous/,
  ],
  [
    'D5: a manifest served as an index',
    text(good.manifest.replace(OCI_MANIFEST, OCI_INDEX), OCI_INDEX),
    /ambiguous/,
  ],
  ['D5: schema version 1', manifestOf({ schemaVersion: 1 }), /not a manifest of schema version 2/],
  [
    'D5: schema version "2"',
    manifestOf({ schemaVersion: '2' }),
    /not a manifest of schema version 2/,
  ],
  ...[
    'sha256:../../../x',
    'sha256:',
    `sha256:${'a'.repeat(63)}`,
    `sha256:${'a'.repeat(65)}`,
    `sha256:${'A'.repeat(64)}`,
    'md5:d41d8cd98f00b204e9800998ecf8427e',
    `sha256:${'a'.repeat(61)}/..`,
    7,
    null,
  ].map(
    (digest) =>
      [
        `D6: a layer digest ${JSON.stringify(digest)}`,
        manifestOf(described(digest)),
        /has no sha256 digest/,
      ] as const,
  ),
  [
    'D7: a layer only at a foreign url',
    {
      ...manifestOf({
        layers: [
          {
            mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
            digest: `sha256:${'b'.repeat(64)}`,
            size: 7,
            urls: ['http://127.0.0.1:1/x', 'file:///etc/passwd'],
          },
        ],
      }),
    },
    /is not in the registry/,
  ],
  [
    'D13: no image for this platform',
    text(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_INDEX,
        manifests: [
          {
            mediaType: OCI_MANIFEST,
            digest: good.layerDigest,
            size: 3,
            platform: { os: 'plan9', architecture: 'mips' },
          },
        ],
      }),
      OCI_INDEX,
    ),
    /no match for platform linux/,
  ],
  ['D14: no layers', manifestOf({ layers: null }), /is not a list/],
  ['D14: no config', manifestOf({ config: null }), /is not an object/],
  ['D14: manifest null', text('null'), /is not an object/],
  ['D14: manifest is no JSON', text('<html>'), /is not valid/],
  [
    'D14: more diffIDs than layers',
    configs(config(LAYER, Buffer.from('x'))),
    /2 diffIDs for 1 layers/,
  ],
  [
    'D14: a malformed diffID',
    configs(own({ rootfs: { type: 'layers', diff_ids: ['sha256:../x'] } })),
    /malformed diffID/,
  ],
  ['D14: no rootfs', configs(own({ rootfs: null })), /rootfs/],
  ['D14: Env is text', configs(own({ config: { Env: 'A=1' } })), /Env/],
  ['D14: Env of numbers', configs(own({ config: { Env: [1] } })), /Env/],
  ['D14: Cmd is a number', configs(own({ config: { Cmd: 1 } })), /Cmd/],
  ['D14: User is a list', configs(own({ config: { User: [] } })), /User/],
  ['D14: history of nothing', configs(own({ history: [null] })), /history/],
  ['D14: history with a number', configs(own({ history: [{ created_by: 7 }] })), /created_by/],
];

for (const [name, routes, message, code] of LIES) {
  test(name, async () => {
    await using registry = await scriptedRegistry({ ...good.routes, ...routes });
    await using world = pullWorld();
    const error = await world.refusal(`${registry.host}/app:v1`);
    assert.match(error.message, message);
    if (code !== undefined) assert.equal(error.code, code);
    for (const hex of world.blobs()) assert.match(hex, /^[0-9a-f]{64}$/);
    const tmp = readdirSync(join(world.dir, 'store/tmp'), { recursive: true });
    assert.ok(tmp.length <= 1, `left behind: ${tmp.join(' ')}`);
  });
}

test('D1: the right blob with another diffID is refused when it is unpacked', async () => {
  const other = gzipSync(tarOf({ name: 'other' }));
  const image = smallImage({ layer: other });
  await using registry = await scriptedRegistry(image.routes);
  await using world = pullWorld();
  const error = await world.refusal(`${registry.host}/app:v1`);
  assert.equal(error.code, 'integrity');
  assert.match(error.message, /does not hold what its image says/);
  assert.equal(world.names(), 0);
  assert.deepEqual(readdirSync(join(world.dir, 'store/trees')), []);
});

test('D2: the digest of a header is not believed, that of the name is checked', async () => {
  const pinned = `sha256:${'a'.repeat(64)}`;
  const lie: Answer = (_request, response) => {
    response.setHeader('docker-content-digest', pinned);
    response.setHeader('content-type', OCI_MANIFEST).end(good.manifest);
  };
  await using registry = await scriptedRegistry({
    ...good.routes,
    [`/v2/app/manifests/${pinned}`]: lie,
    [MANIFEST]: lie,
  });
  await using world = pullWorld();
  const error = await world.refusal(`${registry.host}/app@${pinned}`);
  assert.equal(error.code, 'integrity');
  assert.match(error.message, new RegExp(`digest sha256:${sha(good.manifest)} for ${pinned}`));
  assert.equal(world.names(), 0);
  const lines = await world.pull(`${registry.host}/app:v1`);
  assert.ok(lines.includes(`Digest: sha256:${sha(good.manifest)}`));
});

test('an index leads to the image of this platform, nested ones too, four deep at most', async () => {
  const indexOf = (body: string, type: string): string =>
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [
        {
          mediaType: type,
          digest: `sha256:${sha(body)}`,
          size: Buffer.byteLength(body),
          platform: { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch },
        },
      ],
    });
  const chain = [good.manifest];
  for (let i = 0; i < 5; i++) chain.unshift(indexOf(chain[0]!, i === 0 ? OCI_MANIFEST : OCI_INDEX));
  const routes: Record<string, Answer> = { ...good.routes };
  for (const [i, body] of chain.entries()) {
    const answer = send(body, i === chain.length - 1 ? OCI_MANIFEST : OCI_INDEX);
    routes[`/v2/app/manifests/sha256:${sha(body)}`] = answer;
    routes[`/v2/app/manifests/d${5 - i}`] = answer;
  }
  await using registry = await scriptedRegistry(routes);
  await using world = pullWorld();
  await world.pull(`${registry.host}/app:d1`);
  await world.pull(`${registry.host}/app:d4`);
  assert.match((await world.refusal(`${registry.host}/app:d5`)).message, /nested too deeply/);
});

test('D16: names that are no references reach neither network nor store', async () => {
  await using world = pullWorld();
  const names = [
    '../../x',
    '-v',
    'a:b:c',
    'x'.repeat(10_000),
    'a%2fb',
    'a b',
    'a/B',
    'a\n',
    'a@sha256:x',
    '/a',
    'a//b',
    '',
  ];
  for (const name of names) {
    const error = await world.refusal(name);
    assert.equal(error.code, 'syntax', `${name}: ${error.message}`);
  }
  assert.equal(world.names(), 0);
});
