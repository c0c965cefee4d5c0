import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { staveWorld } from '../helpers/stave.js';

/** RELIABILITY R24: a bit that flipped in any file of the store is found, named and mended. */
describe('store check', () => {
  const world = staveWorld();
  const app = join(world.dir, 'app');
  before(() => {
    mkdirSync(app);
    writeFileSync(join(app, 'file'), 'file\n');
    writeFileSync(
      join(app, 'Dockerfile'),
      'FROM bb\nCOPY file /file\nRUN --mount=type=cache,target=/c echo made > /made && echo c > /c/c && echo said\n',
    );
    build();
    world.ok('volume', 'create', '--label', 'a=b', 'vol1');
    world.ok('network', 'create', 'net1');
    world.ok('save', '-o', join(world.dir, 'app.tar'), 'app');
  });
  after(() => {
    world[Symbol.dispose]();
  });
  const build = (): void => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    world.ok('build', '-q', '-t', 'app', app);
    const shown = world.ok('run', '--rm', '--network=none', 'app', 'cat', '/file', '/made').stdout;
    assert.equal(shown, 'file\nmade\n');
  };
  const files = (directory: string): string[] =>
    readdirSync(join(world.root, directory), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  const leadsToTree = (pointer: string): boolean =>
    existsSync(join(world.root, 'trees', readFileSync(pointer, 'latin1'), 'fs'));
  const flip = (file: string, at: number): void => {
    const bytes = readFileSync(file);
    const place = at < 0 ? bytes.length + at : at;
    bytes.writeUInt8(bytes.readUInt8(place) ^ 4, place);
    writeFileSync(file, bytes);
  };

  test('a good store: everything is counted, nothing is wrong, quick and full', () => {
    for (const args of [[], ['--full']]) {
      const { stdout } = world.ok('store', 'check', ...args);
      assert.match(
        stdout,
        /^blobs {7}\d+\ntrees {7}\d+\ndiffIDs {5}\d+\nimages {6}2\nrecords {5}\d+\ncontexts {4}2\nbuilds {6}2\n/,
      );
      assert.doesNotMatch(stdout, /bad/);
      assert.match(stdout, /\n\nnothing is wrong\n$/);
    }
    const found = JSON.parse(world.ok('store', 'check', '--format', 'json').stdout) as unknown[];
    assert.equal(found.length, 12);
  });

  const KINDS: readonly (readonly [name: string, pick: () => string, at: number, what: RegExp])[] =
    [
      [
        'a config or manifest',
        () => files('blobs').sort((a, b) => statSync(a).size - statSync(b).size)[0]!,
        5,
        /^blob [0-9a-f]{64}: its bytes have digest/m,
      ],
      [
        'a packed layer',
        () => files('blobs').sort((a, b) => statSync(b).size - statSync(a).size)[0]!,
        500,
        /^blob [0-9a-f]{64}: its bytes have digest/m,
      ],
      ['a name', () => files('refs')[0]!, 12, /^image \S+: /m],
      [
        'a tree’s facts',
        () => files('trees').find((file) => file.endsWith('meta.json'))!,
        0,
        /^tree [0-9a-f]{32}: its facts cannot be read/m,
      ],
      [
        'a number among them',
        () => files('trees').find((file) => file.endsWith('meta.json'))!,
        12,
        /^tree [0-9a-f]{32}: /m,
      ],
      [
        'a file of a tree',
        () => files('trees').find((file) => file.endsWith('/fs/made'))!,
        1,
        /^tree [0-9a-f]{32}: its files are not what they were/m,
      ],
      [
        'a diffID',
        // One of a tree that a test before this took out leads nowhere, as it may.
        () => files('trees/by-diff').find((file) => leadsToTree(file))!,
        3,
        /^(tree|diffID) [0-9a-f]+: /m,
      ],
      [
        'a record by definition',
        () => files('records/definition')[0]!,
        90,
        /^record definition\/.*: its bytes are not those that were written/m,
      ],
      ['a record by content', () => files('records/content')[0]!, 90, /^record content\//m],
      ['a place', () => files('records/places')[0]!, 90, /^record places\//m],
      ['a list', () => files('records/lists')[0]!, 90, /^record lists\//m],
      ['a use', () => files('records/uses')[0]!, 3, /^record uses\//m],
      [
        'what is known of a context',
        () => files('contexts')[0]!,
        -40,
        /^what is known of context /m,
      ],
      [
        'events of a build',
        () => files('builds').find((file) => file.endsWith('events'))!,
        100,
        /^history of build [a-z0-9]{20}: its bytes are not those that were written/m,
      ],
      [
        'the last byte of them',
        () =>
          files('builds').find(
            (file) =>
              file.endsWith('events') && readFileSync(file, 'latin1').split('\n').length > 2,
          )!,
        -1,
        /^history of build [a-z0-9]{20}: its bytes are not those that were written/m,
      ],
      [
        'what a step said',
        // Which builds are still known depends on what was mended before: one more, whose steps speak.
        () => {
          world.ok('build', '-q', '--no-cache', '-t', 'app', app);
          return files('builds').find((file) => file.endsWith('log') && statSync(file).size > 1)!;
        },
        1,
        /^history of build [a-z0-9]{20}: its log is not what the steps wrote/m,
      ],
      [
        'facts of a cache mount',
        () => files('mounts').find((file) => file.endsWith('meta.json'))!,
        0,
        /^cache mount [0-9a-f]+: its facts cannot be read/m,
      ],
      [
        'facts of a volume',
        () => files('volumes')[0]!,
        0,
        /^volume vol1: its facts cannot be read/m,
      ],
      ['a network', () => files('networks')[0]!, 0, /^network [0-9a-f]+\.json: /m],
    ];
  test('a network that cannot be read is an error that names the remedy', () => {
    const [file = ''] = files('networks');
    const good = readFileSync(file);
    writeFileSync(file, good.subarray(0, -1));
    const { status, stderr } = world.run('network', 'ls');
    assert.equal(status, 1);
    assert.match(stderr, /^ERROR: \S+\.json is damaged: .*\n\nhint: stave store check --repair /);
    writeFileSync(file, good);
  });

  for (const [name, pick, at, what] of KINDS) {
    test(`a bit flipped in ${name}: found, named, mended, built anew`, () => {
      const file = pick();
      flip(file, at);
      const found = world.run('store', 'check', '--full');
      assert.match(found.stdout, what);
      assert.equal(found.status, 1);
      assert.match(found.stdout, /^remedy: /m);
      const repaired = world.ok('store', 'check', '--full', '--repair').stdout;
      assert.match(repaired, /^repaired; remedy: /m);
      const clean = world.run('store', 'check', '--full');
      assert.equal(clean.status, 0, clean.stdout);
      build();
      if (name === 'a packed layer') world.ok('save', '-o', join(world.dir, 'app.tar'), 'app');
    });
  }

  test('a container whose state is damaged: said, left alone, and in nobody’s way', () => {
    world.ok('create', '--name', 'broken', 'bb', 'true');
    const [id] = readdirSync(join(world.root, 'containers'));
    flip(join(world.root, 'containers', id!, 'state.json'), 0);
    const { stdout, status } = world.run('store', 'check', '--repair');
    assert.match(
      stdout,
      /^container [0-9a-f]{12}: its state cannot be read\nremedy: what it wrote is in \/\S+\/upper: /m,
    );
    assert.equal(status, 1);
    assert.match(stdout, /\n\n1 problem, 0 repaired\n$/);
    assert.equal(world.ok('ps', '-aq').stdout, '');
    build();
    rmSync(join(world.root, 'containers', id!), { recursive: true });
  });
});
