import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mountsOf } from '../../src/parser/lint/outline-mounts.js';

const rows: readonly (readonly [
  text: string,
  mounts: readonly (readonly [string, string, boolean])[],
])[] = [
  ['RUN true', []],
  [
    'RUN --mount=type=secret,target=/etc/passwd,required=true --mount=type=ssh true',
    [
      ['secret', 'passwd', true],
      ['ssh', 'default', false],
    ],
  ],
  ['RUN --mount=type=secret,id=second$BAR true', [['secret', 'second678', false]]],
  ['RUN --network=none --mount=type=ssh,id=ssh3,required true', [['ssh', 'ssh3', true]]],
  ['RUN --mount=type=cache,target=/c echo --mount=type=ssh', [['cache', '/c', false]]],
  ['RUN --mount=type=cache,id="a,b",dst=/c true', [['cache', 'a,b', false]]],
];

for (const [text, mounts] of rows) {
  test(text, () => {
    const found = mountsOf(text, (word) => word.replace('$BAR', '678'));
    assert.deepEqual(
      found.map(({ type, shown }) => [type, shown.name, shown.required]),
      mounts,
    );
  });
}
