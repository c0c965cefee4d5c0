import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { encodeHeader, padding, tarEnd } from '../../src/cache/tar.js';
import { importCacheMounts } from '../../src/cache-mounts.js';
import { BuildError } from '../../src/model/error.js';
import { openWorkshop } from '../../src/workshop.js';
import { digestOf } from '../../src/model/digest.js';
import { openLayout } from '../../src/travel/layout-place.js';
import type { MountIndex, TravelEntry } from '../../src/travel/mount-index.js';
import { EMPTY_CONFIG, manifestOf, packBlob, packIndex } from '../../src/travel/mount-manifest.js';
import { squeeze } from '../../src/travel/squeeze.js';
import { staveWorld } from '../helpers/stave.js';
import { quiet } from '../helpers/test-store.js';
import { spawnSync } from 'node:child_process';

/** What no entry may reach. */
const SECRET = 'the victim';

describe('an export of cache mounts by somebody who means harm', () => {
  const world = staveWorld();
  const victim = join(world.dir, 'victim');
  before(() => {
    writeFileSync(victim, SECRET);
  });
  after(() => {
    world[Symbol.dispose]();
  });

  const facts = { mode: 0o644, uid: 0, gid: 0, mtime: '0' };
  const root: TravelEntry = { path: '', type: 'directory', ...facts, mode: 0o755 };
  const file = (path: string): TravelEntry => ({
    ...facts,
    ...{ path, type: 'file', size: 4, chunks: [0] },
  });
  const link = (path: string, to: string, type: 'link' | 'symlink'): TravelEntry => ({
    ...facts,
    ...{ path, type, link: to },
  });

  /** A whole export with right digests: only what it says is wrong. */
  const exported = async (
    entries: readonly TravelEntry[],
    change: (index: MountIndex) => unknown = (index) => index,
  ): Promise<string> => {
    const directory = mkdtempSync(join(world.dir, 'export-'));
    const packed = await squeeze(Buffer.from('evil'));
    const hex = createHash('sha256').update('evil').digest('hex');
    const pack = { digest: digestOf(packed), size: packed.length, chunks: [[hex, 4]] as const };
    const now = new Date().toISOString();
    const mount = { key: 'a'.repeat(40), namespace: '', id: 'x', created: now, lastUsed: now };
    const index = change({ version: 1, packs: [pack], mounts: [{ ...mount, entries }] });
    const { bytes, blob } = await packIndex(index as MountIndex);
    await using place = await openLayout(directory, 'write', quiet);
    await place.put(packed, packBlob(pack), quiet);
    await place.put(bytes, blob, quiet);
    await place.put(EMPTY_CONFIG.bytes, EMPTY_CONFIG.blob, quiet);
    await place.publish(manifestOf(blob, [pack]), quiet);
    return directory;
  };
  const refused = async (
    words: RegExp,
    entries: readonly TravelEntry[],
    change?: (index: MountIndex) => unknown,
  ): Promise<void> => {
    const directory = await exported(entries, change);
    await using workshop = openWorkshop(world.root, world.env);
    const names: readonly string[] = [];
    const options = { names, overwrite: false, onWait: () => undefined, stdin: nothing() };
    await assert.rejects(
      importCacheMounts({ type: 'local', path: directory }, options, workshop, quiet),
      (error) => error instanceof BuildError && words.test(error.message),
    );
    assert.equal(readFileSync(victim, 'utf8'), SECRET);
    assert.deepEqual(readdirSync(join(world.root, 'mounts')), []);
    const [lease = ''] = readdirSync(join(world.root, 'tmp'));
    assert.deepEqual(lease === '' ? [] : readdirSync(join(world.root, 'tmp', lease)), []);
  };

  test('what it is made of is taken when nothing is wrong with it', async () => {
    const directory = await exported([root, file('f')]);
    world.ok('cache', 'import', '--mounts', directory);
    const fs = join(world.root, 'mounts', 'a'.repeat(40), 'fs');
    assert.equal(readFileSync(join(fs, 'f'), 'utf8'), 'evil');
    world.ok('cache', 'rm', 'x');
  });

  test('paths that leave the mount', async () => {
    for (const path of [
      '../../../../victim',
      '..',
      '.',
      '/etc/x',
      'a/../../x',
      './x',
      'x/',
      'x//y',
      'x\0y',
      'y'.repeat(256),
    ])
      await refused(/refusing .* of a cache mount|not an export/, [root, file(path)]);
  });

  test('links: nothing is made or found through one', async () => {
    const out = link('out', world.dir, 'symlink');
    await refused(/its parent is no directory/, [root, out, file('out/victim')]);
    await refused(/it is there twice/, [root, link('f', victim, 'symlink'), file('f')]);
    await refused(/it is there twice/, [root, file('f'), link('f', victim, 'symlink')]);
    await refused(/hard link to what is no file/, [root, link('f', victim, 'link')]);
    await refused(/hard link to what is no file/, [root, link('f', '../../victim', 'link')]);
    await refused(/hard link to what is no file/, [root, out, link('f', 'out/victim', 'link')]);
    await refused(/hard link to what is no file/, [root, link('f', '', 'link')]);
    await refused(/not the mount/, [{ ...out, path: '' }, file('f')]);
    await refused(/not the mount/, [file('f')]);
    await refused(/without its directory/, []);
  });

  test('facts that would be something else here', async () => {
    const device = { ...facts, path: 'd', type: 'character-device', device: [0, 0] } as const;
    await refused(/a device 0:0/, [root, device]);
    for (const name of ['trusted.overlay.opaque', 'user.overlay.opaque', 'user.stave.inode'])
      await refused(/an attribute/, [root, { ...file('f'), xattrs: { [name]: 'y' } }]);
    await refused(/the owner/, [root, { ...file('f'), uid: 0xffffffff }]);
    await refused(/the mode/, [root, { ...file('f'), mode: 0o10000 }]);
    await refused(/its chunks are not its size/, [root, { ...file('f'), size: 5 }]);
    await refused(/a chunk of/, [root, { ...file('f'), chunks: [7] }]);
    await refused(/no space left/, [root, { ...file('f'), size: 2 ** 52, chunks: [0] }]);
  });

  test('a key that is a path, and packs that lie', async () => {
    for (const key of ['../../victim', 'a', `${'a'.repeat(40)}/../x`, `${'a'.repeat(40)}.x`])
      await refused(/a mount whose key is none/, [], (index) => ({
        ...index,
        mounts: index.mounts.map((mount) => ({ ...mount, key })),
      }));
    const packs =
      (chunks: unknown) =>
      (index: MountIndex): unknown => ({
        ...index,
        packs: index.packs.map((pack) => ({ ...pack, chunks })),
      });
    const other = '0'.repeat(64);
    await refused(/has other content/, [root, file('f')], packs([[other, 4]]));
    await refused(
      /more bytes than it says/,
      [root, { ...file('f'), size: 3 }],
      packs([[other, 3]]),
    );
    await refused(/shorter than it says/, [root, { ...file('f'), size: 5 }], packs([[other, 5]]));
    await refused(/a chunk of no size/, [root], packs([[other, 1 << 30]]));
    await refused(/version 2/, [root], (index) => ({ ...index, version: 2 }));
    await refused(/a mount twice/, [root], (index) => ({
      ...index,
      mounts: [...index.mounts, ...index.mounts],
    }));
  });

  test('a pipe: only the parts of a layout are unpacked', () => {
    const common = { mode: 0o644, uid: 0, gid: 0, mtimeNs: 0n };
    const evil = Buffer.from('evil');
    for (const header of [
      { ...common, name: '../victim', type: 'file', size: 4 },
      { ...common, name: 'blobs/sha256/../../../victim', type: 'file', size: 4 },
      { ...common, name: 'index.json', type: 'symlink', size: 0, linkname: victim },
      { ...common, name: 'index.json', type: 'link', size: 0, linkname: victim },
    ] as const) {
      const body = header.size === 0 ? [] : [evil, padding(evil.length)];
      const input = Buffer.concat([encodeHeader(header), ...body, tarEnd()]);
      const { status, stderr } = spawnSync('bin/stave', ['cache', 'import', '--mounts', '-'], {
        ...{ env: world.env, input, encoding: 'utf8' },
      });
      assert.equal(status, 1);
      assert.match(stderr, /not a part of an OCI layout/);
    }
    assert.equal(readFileSync(victim, 'utf8'), SECRET);
    assert.equal(existsSync(join(world.root, 'victim')), false);
  });
});

// eslint-disable-next-line @typescript-eslint/require-await -- a source of bytes that has none
async function* nothing(): AsyncIterable<Uint8Array> {
  yield Buffer.alloc(0);
}
