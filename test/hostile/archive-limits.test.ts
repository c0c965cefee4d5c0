import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { applyTar } from '../../src/cache/apply.js';
import { tarEntries } from '../../src/cache/tar.js';
import { BuildError } from '../../src/model/error.js';
import { dir, file, hard, link, type Member, oddTar, pax } from '../helpers/odd-tar.js';
import { pieces } from '../helpers/test-store.js';

// RELIABILITY 1B: what a tar claims, against what a reader has for it.

const top = mkdtempSync(join(tmpdir(), 'stave-limits-'));
after(() => {
  // Deeper than rmSync of Node 20 goes.
  execFileSync('rm', ['-rf', top]);
});

/** Names as we read them, or the refusal. */
async function ours(bytes: Buffer): Promise<readonly string[] | string> {
  const names: string[] = [];
  try {
    for await (const { header } of tarEntries(pieces(bytes, 700))) names.push(header.name);
    return names;
  } catch (error) {
    assert.ok(error instanceof BuildError, String(error));
    return error.message;
  }
}

function gnu(bytes: Buffer): readonly string[] {
  const { stdout } = spawnSync('tar', ['-tf', '-'], { input: bytes, encoding: 'utf8' });
  const lines = stdout.split('\n').filter((line) => line !== '');
  return lines.map((line) => line.replace(/^(\.?\/)+|\/$/g, ''));
}

/** Unpacked as a layer: the refusal, or undefined. */
async function apply(bytes: Buffer): Promise<string | undefined> {
  const root = mkdtempSync(join(top, 'root-'));
  try {
    await applyTar(pieces(bytes, 1 << 16), root, { whiteouts: true });
    return undefined;
  } catch (error) {
    assert.ok(error instanceof BuildError, String(error));
    return error.message;
  } finally {
    execFileSync('rm', ['-rf', root]);
  }
}

const longName = (name: string): Member => ({
  name: '././@LongLink',
  type: 'L',
  body: `${name}\0`,
});
const global = (records: Record<string, string>): Member => ({ ...pax(records), type: 'g' });

describe('B13: the members that GNU tar lists, or a refusal', () => {
  const CASES: readonly (readonly [string, readonly Member[]])[] = [
    [
      'size of a pax header before a long name',
      [pax({ size: '3' }), longName('long'), file('f', 'abc'), file('after')],
    ],
    [
      'a size that hides the next member',
      [pax({ size: '1024' }), file('f'), file('hidden'), file('after')],
    ],
    [
      'a long name before a pax path',
      [longName('long'), pax({ path: 'pax' }), file('f'), file('after')],
    ],
    ['two pax headers', [pax({ path: 'one' }), pax({ path: 'two' }), file('f'), file('after')]],
    ['two long names', [longName('one'), longName('two'), file('f'), file('after')]],
    ['a global path', [global({ path: 'all' }), file('f'), file('after')]],
    ['a global comment', [global({ comment: 'x' }), file('f'), file('after')]],
    ['a pax header at the end', [file('f'), pax({ path: 'none' })]],
    ['a long name at the end', [file('f'), longName('none')]],
  ];
  for (const [name, members] of CASES) {
    test(name, async () => {
      const bytes = oddTar(members);
      const found = await ours(bytes);
      if (typeof found !== 'string') assert.deepEqual(found, gnu(bytes));
    });
  }
});

describe('B15: headers that claim memory', () => {
  test('a long name, a pax header and a global header of a gigabyte', async () => {
    for (const type of ['L', 'K', 'x', 'g']) {
      const bytes = oddTar([{ name: 'p', type, body: 'x', size: 1 << 30 }]);
      assert.equal(typeof (await ours(bytes)), 'string', type);
    }
    assert.ok(process.memoryUsage().rss < 600e6);
  });

  test('sparse maps, of either kind', async () => {
    assert.match(
      String(await ours(oddTar([{ name: 's', type: 'S', body: 'x' }]))),
      /sparse or unknown/,
    );
    const map = {
      'GNU.sparse.major': '1',
      'GNU.sparse.minor': '0',
      'GNU.sparse.realsize': '99999999999',
    };
    assert.match(
      String(await ours(oddTar([pax(map), file('s', '100000000\n')]))),
      /sparse or unknown/,
    );
  });
});

describe('B17: depth and length', () => {
  test('what is deeper than 1024 or longer than its place is refused', async () => {
    const deep = (depth: number): Member[] => [pax({ path: `${'d/'.repeat(depth)}f` }), file('f')];
    assert.equal(await apply(oddTar(deep(1000))), undefined);
    assert.match(String(await apply(oddTar(deep(1100)))), /too deep/);
    assert.match(String(await apply(oddTar(deep(100_000)))), /too long/);
    assert.match(
      String(await apply(oddTar([pax({ path: 'x'.repeat(256) }), file('f')]))),
      /over 255 bytes/,
    );
    const long = `${'n'.repeat(250)}/`.repeat(20);
    assert.match(String(await apply(oddTar([pax({ path: long }), dir('d')]))), /too long/);
    assert.match(
      String(await apply(oddTar([pax({ linkpath: 'l/'.repeat(3000) }), link('a', 'x')]))),
      /too long/,
    );
  });

  test('a chain of links whose whole is longer than a path', async () => {
    const step = 's'.repeat(90);
    const links = Array.from({ length: 60 }, (_, i) =>
      link(`${step}${String(i)}`, `${step}${String(i + 1)}/..`),
    );
    const outcome = await apply(oddTar([...links, file(`${step}0/escape`)]));
    assert.match(String(outcome), /is no directory/);
  });
});

describe('B20: counts', () => {
  test('a name again and again: the last is meant', async () => {
    const members = Array.from({ length: 3000 }, (_, i) => file('same', String(i)));
    assert.equal(await apply(oddTar(members)), undefined);
  });

  // 70,000, more than ext4 has, take a minute.
  test('many names of one file', async () => {
    const members = [
      file('one'),
      ...Array.from({ length: 3000 }, (_, i) => hard(`h${String(i)}`, 'one')),
    ];
    const outcome = await apply(oddTar(members));
    if (outcome !== undefined) assert.match(outcome, /too many links/);
  });

  test('times that are none', async () => {
    for (const mtime of [
      '-1',
      '8589934592',
      '1e308',
      'NaN',
      '-99999999999999999999',
      '99999999999999999999',
    ]) {
      const outcome = await apply(oddTar([pax({ mtime }), file('f')]));
      if (outcome !== undefined) assert.match(outcome, /refusing|tar/, mtime);
    }
  });
});

test('B10: layers that exchange a directory for a link are unpacked each for itself', async () => {
  const canary = mkdtempSync(join(top, 'canary-'));
  const roots = ['1', '2', '3'].map((name) => join(top, `layer-${name}`));
  for (const root of roots) mkdirSync(root);
  const layers = [
    oddTar([dir('d/'), file('d/x')]),
    oddTar([link('d', canary)]),
    oddTar([file('d/y'), dir('d/z/')]),
  ];
  await Promise.all(
    layers.map((bytes, i) => applyTar(pieces(bytes, 100), roots[i] ?? '', { whiteouts: true })),
  );
  assert.deepEqual(readdirSync(canary), []);
  assert.ok(lstatSync(join(roots[1] ?? '', 'd')).isSymbolicLink());
  assert.ok(lstatSync(join(roots[2] ?? '', 'd')).isDirectory());
  assert.equal(existsSync(join(canary, 'y')), false);
  rmSync(canary, { recursive: true });
});
