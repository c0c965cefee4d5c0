import assert from 'node:assert/strict';
import { test } from 'node:test';
import { metaText, readMeta } from '../../src/cache/tree-meta.js';
import { digestOf } from '../../src/model/digest.js';

const meta = {
  ...{ diffID: digestOf('tar'), content: digestOf('files') },
  ...{ tarBytes: 10_240, fileBytes: 5, entries: 1 },
  ...{ created: '2026-12-01T00:00:00.000Z', bootId: 'b' },
};

test('what is written of a tree is what is read, also again', () => {
  assert.deepEqual(readMeta(metaText(meta)), meta);
  assert.equal(metaText({ ...readMeta(metaText(meta))! }), metaText(meta));
});

test('a store made before there was a digest is read', () => {
  assert.deepEqual(readMeta(JSON.stringify(meta)), meta);
});

test('one bit, wherever it flips: the same facts or none', () => {
  const bytes = Buffer.from(metaText(meta));
  for (let at = 0; at < bytes.length * 8; at++) {
    const flipped = Buffer.from(bytes);
    flipped[at >> 3]! ^= 1 << (at & 7);
    const read = readMeta(flipped.toString());
    if (read === undefined) continue;
    const { diffID, content, tarBytes, fileBytes, entries, created, bootId } = read;
    assert.deepEqual({ diffID, content, tarBytes, fileBytes, entries, created, bootId }, meta);
  }
});

for (const text of ['', 'null', '[]', '{}', '7', JSON.stringify({ ...meta, entries: 'x' })])
  test(`none: ${text}`, () => {
    assert.equal(readMeta(text), undefined);
  });
