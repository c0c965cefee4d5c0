import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { OutlineArg } from '../../src/model/outline.js';
import { listTargets } from '../../src/parser/lint/targets.js';
import { parseDockerfile } from '../../src/parser/parse.js';
import { outline } from '../helpers/lint.js';

const shown = ({ name, value, description, range }: OutlineArg): unknown[] => [
  name,
  value,
  description,
  range.startLine,
];

test('used ARGs with default, description and place (testOutlineArgs, TestCommentsDetection)', async () => {
  const text = `
ARG inherited=box
ARG inherited2=box2
ARG unused=abc\${inherited2}
# sfx is a suffix
ARG sfx="usy\${inherited}"

FROM b\${sfx} AS first
# this is not assigned to anything
ARG FOO=123
# BAR is a number
ARG BAR=456
RUN true

FROM alpine\${unused} AS second
ARG BAZ
RUN true

FROM scratch AS third
ARG ABC=a
# check=skip=all
ARG password
# alternate_password will show up in the outline
# check=skip=all
ARG alternate_password

# target defines build target
FROM third AS target
COPY --from=first /etc/passwd /

FROM second
`;
  const found = await outline(text, { target: 'target', buildArgs: { BAR: '678' } });
  assert.deepEqual([found.name, found.description], ['target', 'defines build target']);
  assert.deepEqual(found.args.map(shown), [
    ['inherited', 'box', '', 2],
    ['sfx', 'usybox', 'is a suffix', 6],
    ['FOO', '123', '', 10],
    ['BAR', '678', 'is a number', 12],
    ['ABC', 'a', '', 20],
    ['password', '', '', 22],
    ['alternate_password', '', 'will show up in the outline', 25],
  ]);
});

test('ARGs that others are made of (testOutlineRecursiveArgs)', async () => {
  const text = `
ARG FOO=123
ARG ABC=abc
ARG DEF=def
ARG FOO=\${FOO}\${ABC}
ARG BAR=\${FOO}456
ARG FOO=\${FOO}456\${BAR}
FROM scratch
ARG FOO
ARG INFOO=123
ARG INBAR=\${INFOO}456
ARG INFOO=\${INFOO}456\${INBAR}
`;
  const { args } = await outline(text);
  assert.deepEqual(
    args.map(({ name, value }) => [name, value]),
    [
      ['ABC', 'abc'],
      ['BAR', '123abc456'],
      ['FOO', '123abc456123abc456'],
      ['INBAR', '123456'],
      ['INFOO', '123456123456'],
    ],
  );
});

describe('targets (testTargetsList)', () => {
  const text = `
# build defines stage for compiling the binary
FROM alpine AS build
RUN true

FROM --platform=$BUILDPLATFORM busybox as second
RUN false

FROM alpine
RUN false

# binary returns the compiled binary
FROM second AS binary
`;
  test('names, default, base, platform, description, place', () => {
    const list = listTargets(parseDockerfile(text, 'Dockerfile'));
    assert.deepEqual(
      list.map((t) => [t.name, t.isDefault, t.description, t.base, t.platform, t.range.startLine]),
      [
        ['build', false, 'defines stage for compiling the binary', 'alpine', undefined, 3],
        ['second', false, '', 'busybox', '$BUILDPLATFORM', 6],
        ['', false, '', 'alpine', undefined, 9],
        ['binary', true, 'returns the compiled binary', 'second', undefined, 13],
      ],
    );
  });
  test('a file with errors has none', () => {
    assert.throws(
      () => listTargets(parseDockerfile('FROM a\nNOPE\n', 'Dockerfile')),
      /unknown instruction/,
    );
  });
});
