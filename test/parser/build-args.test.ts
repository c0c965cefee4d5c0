import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planOf } from '../helpers/plan-text.js';

const FILE = 'ARG GLOBAL=g\nFROM scratch AS first\nARG VERSION\nFROM first\nENV A=1\n';

const unused: readonly [string, string | undefined][] = [
  ['VERSION', undefined],
  ['GLOBAL', undefined],
  ['http_proxy', undefined],
  ['No_Proxy', undefined],
  ['TARGETARCH', undefined],
  ['SOURCE_DATE_EPOCH', undefined],
  ['BUILDKIT_SBOM_SCAN_STAGE', undefined],
  ['VERSOIN', '; did you mean VERSION?'],
  ['SOMETHING', ''],
  ['BUILDKIT_BUILD_NAME', ''],
  ['BUILDKIT_MULTIPLATFORM', '; did you mean BUILDKIT_MULTI_PLATFORM?'],
];
for (const [name, hint] of unused) {
  test(`--build-arg ${name} ${hint === undefined ? 'is known' : 'warns'}`, async () => {
    const warned: string[] = [];
    await planOf(FILE, { buildArgs: { [name]: '1' }, warned });
    const text = `--build-arg ${name} has no effect: no ARG of Dockerfile declares it${hint ?? ''}`;
    assert.deepEqual(warned, hint === undefined ? [] : [text]);
  });
}

test('an ARG of an ONBUILD trigger declares it', async () => {
  const warned: string[] = [];
  const images = { base: { OnBuild: ['ARG FROM_BASE', 'LABEL is=$FROM_BASE'] } };
  const plan = await planOf('FROM base\n', { images, buildArgs: { FROM_BASE: 'x' }, warned });
  assert.deepEqual([plan.config.config?.Labels, warned], [{ is: 'x' }, []]);
});

const refused: readonly [string, string, RegExp | undefined][] = [
  ['BUILDKIT_INLINE_CACHE', '1', undefined],
  ['BUILDKIT_INLINE_CACHE', '0', undefined],
  ['BUILDKIT_INLINE_CACHE', 'maybe', /invalid value for --build-arg BUILDKIT_INLINE_CACHE/],
  ['BUILDKIT_SYNTAX', 'docker/dockerfile:1', undefined],
  ['BUILDKIT_SYNTAX', 'example.com/other', /another frontend/],
];
for (const [name, value, why] of refused) {
  test(`${name}=${value} ${why === undefined ? 'is taken' : 'is refused'}`, async () => {
    const plan = planOf(FILE, { buildArgs: { [name]: value } });
    await (why === undefined ? plan : assert.rejects(plan, why));
  });
}

test('--no-cache-filter is for the steps of its stages (testNoCache)', async () => {
  const warned: string[] = [];
  const file =
    'FROM scratch AS one\nCOPY a /\nWORKDIR /w\nFROM one AS two\nCOPY b /\nFROM two\nCOPY c /\n';
  const { vertices } = await planOf(file, { noCacheFilter: ['ONE', 'tow'], warned });
  const again = vertices.filter(({ ignoreCache }) => ignoreCache).map(({ name }) => name);
  assert.deepEqual(again, ['[one 1/2] COPY a /']);
  assert.deepEqual(warned, ['--no-cache-filter tow: no stage has this name; did you mean two?']);
});

test('the platform of the image: the variant and version of a base that is alike', async () => {
  const arm = { os: 'linux', architecture: 'arm', variant: 'v6' };
  const plan = await planOf('FROM scratch\n', { platform: arm });
  const { os, architecture, variant } = plan.config;
  assert.deepEqual({ os, architecture, variant }, arm);
});
