import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { digestOf } from '../../src/model/digest.js';
import { BuildError } from '../../src/model/error.js';
import { isReasons, packReasons, unpackReasons } from '../../src/remote-cache/reasons.js';

const [place, key, input, part] = ['place', 'key', 'input', 'part'].map((name) => digestOf(name));
assert.ok(place !== undefined && key !== undefined && input !== undefined && part !== undefined);
const list = [{ path: 'a', facts: { content: 'x', mode: '644' } }];
const steps = [
  {
    places: [place],
    key,
    inputs: [input],
    parts: [
      { name: 'ARG V', digest: part, shown: '1' },
      { name: 'files', digest: part, list: () => list },
    ],
  },
];

test('what is packed is what is unpacked; equal steps give equal bytes', async () => {
  const { blob, bytes } = packReasons(steps);
  assert.deepEqual(packReasons(steps).blob, blob);
  assert.ok(isReasons(blob));
  const { byPlace, lists } = await unpackReasons(bytes, 'x');
  const digest = digestOf(JSON.stringify(list));
  assert.deepEqual(byPlace.get(place), {
    key,
    inputs: [input],
    parts: [
      { name: 'ARG V', digest: part, shown: '1' },
      { name: 'files', digest: part, list: digest },
    ],
  });
  assert.deepEqual(lists.get(digest), list);
});

test('facts of a huge context stay at home', async () => {
  const huge = Array.from({ length: 20_001 }, (_, i) => ({ path: String(i), facts: {} }));
  const { bytes } = packReasons([
    {
      places: [place],
      key,
      inputs: [],
      parts: [{ name: 'files', digest: part, list: () => huge }],
    },
  ]);
  const { byPlace, lists } = await unpackReasons(bytes, 'x');
  assert.deepEqual(byPlace.get(place)?.parts, [{ name: 'files', digest: part }]);
  assert.equal(lists.size, 0);
});

const entry = { at: [place], key, inputs: [], parts: [] };
for (const [name, packed] of Object.entries({
  'no gzip': Buffer.from('x'),
  'no JSON': gzipSync('x'),
  'a bomb': gzipSync(Buffer.alloc(200 << 20)),
  'a key that is no digest': gzipSync(JSON.stringify({ places: [{ ...entry, key: '../x' }] })),
  'parts that are no list': gzipSync(JSON.stringify({ places: [{ ...entry, parts: {} }] })),
  'a fact that is no text': gzipSync(
    JSON.stringify({ lists: { [place]: [{ path: 'a', facts: { mode: {} } }] } }),
  ),
})) {
  test(`refused: ${name}`, async () => {
    await assert.rejects(unpackReasons(packed, 'x'), BuildError);
  });
}
