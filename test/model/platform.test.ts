import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BuildError } from '../../src/model/error.js';
import { choosePlatform, formatPlatform, parsePlatform } from '../../src/model/platform.js';

const HOST = { os: 'linux', architecture: 'amd64' };

const forms: readonly [string, string][] = [
  ['linux/amd64', 'linux/amd64'],
  ['linux/x86_64', 'linux/amd64'],
  ['Linux/AMD64', 'linux/amd64'],
  ['amd64', 'linux/amd64'],
  ['linux/amd64/v1', 'linux/amd64'],
  ['linux/amd64/v3', 'linux/amd64/v3'],
  ['arm64', 'linux/arm64'],
  ['aarch64', 'linux/arm64'],
  ['linux/arm64/v8', 'linux/arm64'],
  ['linux/arm64/8', 'linux/arm64'],
  ['linux/arm64/v9', 'linux/arm64/v9'],
  ['arm', 'linux/arm/v7'],
  ['linux/arm', 'linux/arm/v7'],
  ['linux/arm/6', 'linux/arm/v6'],
  ['armhf', 'linux/arm/v7'],
  ['armel', 'linux/arm/v6'],
  ['i386', 'linux/386'],
  ['linux', 'linux/amd64'],
  ['local', 'linux/amd64'],
  ['linux/riscv64', 'linux/riscv64'],
];
for (const [text, normal] of forms) {
  test(`${text} is ${normal}`, () => {
    assert.equal(formatPlatform(parsePlatform(text, HOST)), normal);
  });
}

const refused: readonly [string, RegExp][] = [
  ['linux/amd46', /did you mean linux\/amd64\?/],
  ['linux/arm64/v1', /is not a platform stave knows/],
  ['linux/amd64/v2/x', /is not a platform/],
  ['', /is not a platform/],
  ['plan10/amd64', /is not a platform/],
  ['windows/amd64', /stave builds linux images, not windows/],
  ['windows(10.0.17763)/amd64', /not windows/],
  ['darwin', /not darwin/],
];
for (const [text, why] of refused) {
  test(`${JSON.stringify(text)} is refused, with those that are known`, () => {
    assert.throws(
      () => parsePlatform(text, HOST),
      (error) =>
        error instanceof BuildError &&
        why.test(`${error.message} ${error.hint ?? ''}`) &&
        (error.hint ?? '').includes('linux/arm/v7'),
    );
  });
}

const choices: readonly [wanted: string, there: readonly string[], chosen: string | undefined][] = [
  ['linux/arm64', ['linux/amd64', 'linux/arm64/v8'], 'linux/arm64/v8'],
  ['linux/arm/v7', ['linux/arm/v5', 'linux/arm/v6'], 'linux/arm/v6'],
  ['linux/arm/v6', ['linux/arm/v7', 'linux/arm/v5'], 'linux/arm/v5'],
  ['linux/amd64/v3', ['linux/amd64', 'linux/amd64/v2'], 'linux/amd64/v2'],
  ['linux/amd64', ['linux/amd64/v2'], undefined],
  ['linux/arm64', ['linux/arm/v7'], undefined],
];
for (const [wanted, there, chosen] of choices) {
  test(`of ${there.join(' and ')} ${wanted} takes ${String(chosen)}`, () => {
    const found = choosePlatform(parsePlatform(wanted, HOST), there, (text) => {
      const [os = '', architecture = '', variant = ''] = text.split('/');
      return { os, architecture, variant };
    });
    assert.equal(found, chosen);
  });
}
