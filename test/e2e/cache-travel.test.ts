import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { countingProxy } from '../helpers/counting-proxy.js';
import { mountOf, noise, setXattr, treeLines } from '../helpers/cache-mount.js';
import { startRegistry } from '../helpers/registry.js';
import { contextOf } from '../helpers/run-context.js';
import { type StaveWorld, staveWorld } from '../helpers/stave.js';

describe('cache mounts travel', () => {
  const [here, there] = [staveWorld(), staveWorld()];
  before(() => {
    for (const world of [here, there])
      world.ok('build', '-q', '-t', 'base', busyboxContext(world.dir));
  });
  after(() => {
    for (const world of [here, there]) world[Symbol.dispose]();
  });
  const run = (world: StaveWorld, mount: string, command: string) =>
    world.run(
      'build',
      '--no-cache',
      '--network=none',
      '--progress=plain',
      contextOf(world, `FROM base\nRUN --mount=type=cache,${mount} ${command}\n`),
    );
  const make = (world: StaveWorld, id: string): string => {
    const { status, stderr } = run(world, `id=${id},target=/c`, 'true');
    assert.equal(status, 0, stderr);
    return mountOf(world, id);
  };

  test('listed with id, size and last use; removed by id, by key; one that is used stays', async () => {
    writeFileSync(join(make(here, 'listed'), 'f'), Buffer.alloc(2_000_000));
    make(here, '/other');
    const table = here.ok('cache', 'ls').stdout;
    assert.match(table, /^KEY +ID +SIZE +LAST USED +IN USE$/m);
    assert.match(table, /^[0-9a-f]{12} +listed +2MB +.* ago +false$/m);
    const busy = contextOf(
      here,
      'FROM base\nRUN --mount=type=cache,id=listed,target=/c touch /c/go; until [ -e /c/end ]; do sleep 0.05; done\n',
    );
    const building = here.start(['build', '--progress=plain', busy]);
    const mount = mountOf(here, 'listed');
    while (!readdirSync(mount).includes('go')) await new Promise((done) => setTimeout(done, 20));
    const refused = here.run('cache', 'rm', 'listed');
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /cache mount listed \([0-9a-f]{12}\) is in use/);
    writeFileSync(join(mount, 'end'), '');
    assert.equal((await building).status, 0);
    here.ok('cache', 'rm', 'listed');
    const key = here.ok('cache', 'ls', '--format', '{{if eq .ID "/other"}}{{.Key}}{{end}}').stdout;
    here.ok('cache', 'rm', key.trim());
    assert.equal(here.ok('cache', 'ls', '-q').stdout, '');
    assert.match(here.run('cache', 'rm', 'listed').stderr, /no such cache mount: listed/);
  });

  test('a package cache made here serves a step there that has no network', () => {
    const save = run(here, 'id=packages,target=/p', 'echo content > /p/package.tgz');
    assert.equal(save.status, 0, save.stderr);
    const dest = join(here.dir, 'packages');
    here.ok('cache', 'export', '--mounts', 'packages', dest);
    assert.match(there.ok('cache', 'import', '--mounts', dest).stderr, /^imported packages$/m);
    // What is not in it is not told by what is here.
    const other = there.run('cache', 'import', '--mounts', 'nothing', dest).stderr;
    assert.match(other, /no such cache mount: nothing\n\nhint: the export has packages\n$/);
    const use = run(there, 'id=packages,target=/p', 'grep content /p/package.tgz');
    assert.equal(use.status, 0, use.stderr);
  });

  test('every kind of file comes back as it was, by directory and by pipe', () => {
    const mount = make(here, 'kinds');
    everyKind(mount);
    const lines = treeLines(mount);
    assert.equal(lines.length, 15);
    const dest = join(here.dir, 'kinds');
    here.ok('cache', 'export', '--mounts', 'kinds', dest);
    there.ok('cache', 'import', '--mounts', dest);
    assert.deepEqual(treeLines(mountOf(there, 'kinds')), lines);
    there.ok('cache', 'rm', 'kinds');
    const piped = spawnSync(
      'sh',
      [
        '-c',
        'STAVE_ROOT=$A bin/stave cache export --mounts kinds - | gzip | STAVE_ROOT=$B bin/stave cache import --mounts -',
      ],
      { env: { ...here.env, A: here.root, B: there.root }, encoding: 'utf8' },
    );
    assert.match(piped.stderr, /^imported kinds$/m);
    assert.deepEqual(treeLines(mountOf(there, 'kinds')), lines);
  });

  test('the second export after 1 % changed, in many small files and here and there in large ones, moves at most 5 %', () => {
    const mount = make(here, 'moving');
    const files = 1000;
    for (let i = 0; i < files; i++)
      writeFileSync(join(mount, `f${String(i)}`), noise(i, 8_000 + (i % 50) * 400));
    const large = noise(files, 16 << 20);
    writeFileSync(join(mount, 'large'), large);
    const dest = join(here.dir, 'moving');
    here.ok('cache', 'export', '--mounts', 'moving', dest);
    const all = blobSizes(dest);
    const unchanged = moved(
      all,
      () => here.ok('cache', 'export', '--mounts', 'moving', dest),
      dest,
    );
    assert.ok(unchanged < total(all) / 100, `${String(unchanged)} bytes for no change`);
    for (let i = 0; i < files; i += 100)
      writeFileSync(join(mount, `f${String(i)}`), noise(files + i, 18_000));
    // Inserted, so that all behind it lies elsewhere; and one stretch written over.
    const inserted = Buffer.concat([
      large.subarray(0, 1 << 20),
      noise(7, 1000),
      large.subarray(1 << 20),
    ]);
    noise(8, 160_000).copy(inserted, 9 << 20);
    writeFileSync(join(mount, 'large'), inserted);
    const bytes = moved(
      blobSizes(dest),
      () => here.ok('cache', 'export', '--mounts', 'moving', dest),
      dest,
    );
    assert.ok(bytes <= total(all) / 20, `${String(bytes)} of ${String(total(all))} bytes moved`);
    there.ok('cache', 'import', '--mounts', dest);
    assert.deepEqual(treeLines(mountOf(there, 'moving')), treeLines(mount));
  });

  test('to a registry the same: counted in requests and bytes', async () => {
    await using registry = await startRegistry(here.dir);
    await using counting = await countingProxy(registry.host);
    const ref = `${counting.host}/caches/mounts:ci`;
    const mount = make(here, 'pushed');
    for (let i = 0; i < 300; i++) writeFileSync(join(mount, `f${String(i)}`), noise(i, 20_000));
    const push = async () => {
      counting.reset();
      const { status, stderr } = await here.start(['cache', 'export', '--mounts', 'pushed', ref]);
      assert.equal(status, 0, stderr);
      return counting.sent();
    };
    const first = await push();
    assert.ok(first > 6_000_000, String(first));
    assert.ok((await push()) < first / 100, 'nothing changed');
    for (let i = 0; i < 300; i += 100)
      writeFileSync(join(mount, `f${String(i)}`), noise(-i - 1, 20_000));
    const second = await push();
    assert.ok(second <= first / 20, `${String(second)} of ${String(first)} bytes moved`);
    const { status, stderr } = await there.start(['cache', 'import', '--mounts', ref]);
    assert.equal(status, 0, stderr);
    assert.match(stderr, /^imported pushed$/m);
    assert.deepEqual(treeLines(mountOf(there, 'pushed')), treeLines(mount));
  });

  test('a directory does not grow with what is gone, and an image beside it stays', () => {
    const dest = join(here.dir, 'layout');
    here.ok('build', '-q', '-o', `type=oci,tar=false,dest=${dest}`, contextOf(here, 'FROM base\n'));
    const image = blobSizes(dest);
    const mount = make(here, 'growing');
    for (let round = 0; round < 4; round++) {
      writeFileSync(join(mount, 'f'), noise(round, 3 << 20));
      here.ok('cache', 'export', '--mounts', 'growing', dest);
    }
    const all = blobSizes(dest);
    assert.ok([...image.keys()].every((name) => all.has(name)));
    const own = total(all) - total(image);
    assert.ok(own < 1.01 * (3 << 20), `${String(own)} bytes for 3 MiB`);
    const index = JSON.parse(readFileSync(join(dest, 'index.json'), 'utf8')) as {
      manifests: unknown[];
    };
    assert.equal(index.manifests.length, 2);
  });

  test('one that was used here later stays, unless it is empty or --overwrite says so', () => {
    const dest = join(here.dir, 'newer');
    writeFileSync(join(make(here, 'newer'), 'f'), 'exported');
    here.ok('cache', 'export', '--mounts', 'newer', dest);
    const local = make(there, 'newer');
    assert.match(there.ok('cache', 'import', '--mounts', dest).stderr, /^replaced newer$/m);
    make(there, 'newer');
    writeFileSync(join(local, 'f'), 'local');
    assert.match(there.ok('cache', 'import', '--mounts', dest).stderr, /^kept newer: /m);
    assert.equal(readFileSync(join(local, 'f'), 'utf8'), 'local');
    assert.match(
      there.ok('cache', 'import', '--mounts', '--overwrite', 'newer', dest).stderr,
      /^replaced newer$/m,
    );
    assert.equal(readFileSync(join(local, 'f'), 'utf8'), 'exported');
  });

  test('what is damaged on the way is found, and what was here stays', () => {
    const dest = join(here.dir, 'damaged');
    writeFileSync(join(make(here, 'damaged'), 'f'), noise(1, 300_000));
    here.ok('cache', 'export', '--mounts', 'damaged', dest);
    const local = make(there, 'damaged');
    writeFileSync(join(local, 'f'), 'local');
    const blobs = join(dest, 'blobs/sha256');
    for (const name of readdirSync(blobs)) {
      const file = join(blobs, name);
      copyFileSync(file, `${file}.good`);
      const bytes = readFileSync(file);
      if (bytes.length === 2) continue; // The configuration of an artifact, which nobody reads.
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      writeFileSync(file, bytes);
      const { status, stderr } = there.run('cache', 'import', '--mounts', '--overwrite', dest);
      assert.equal(status, 1, stderr);
      assert.match(stderr, /is stored as sha256:|is damaged/);
      copyFileSync(`${file}.good`, file);
      rmSync(`${file}.good`);
    }
    assert.equal(readFileSync(join(local, 'f'), 'utf8'), 'local');
  });

  test('what cannot be meant is refused', () => {
    for (const [args, words] of [
      [['cache', 'export', './x'], /--mounts is missing/],
      [['cache', 'export', '--mounts'], /requires at least 1 argument/],
      [
        ['cache', 'export', '--mounts', 'nodirectory'],
        /"nodirectory" is no directory\n\nhint: .*\.\/nodirectory/,
      ],
      [
        ['cache', 'export', '--mounts', 'kindz', './x'],
        /no such cache mount: kindz\n\nhint: did you mean kinds\?/,
      ],
      [['cache', 'import', '--mounts', './nothing-there'], /is not there/],
      [['cache', 'import', '--mounts', here.dir], /no cache mounts were exported to/],
    ] as const) {
      const { status, stderr } = here.run(...args);
      assert.equal(status, 1, args.join(' '));
      assert.match(stderr, words);
    }
  });
});

function everyKind(root: string): void {
  const at = (name: string): string => join(root, name);
  mkdirSync(at('empty directory'));
  mkdirSync(at('sub/deep'), { recursive: true });
  for (const [name, bytes] of [
    ['empty', Buffer.alloc(0)],
    ['one', Buffer.from('x')],
    ['zeros', Buffer.alloc(5 << 20)],
    ['sub/large', noise(3, 3 << 20)],
    ['sub/deep/again', noise(3, 3 << 20)],
  ] as const)
    writeFileSync(at(name), bytes);
  const odd = Buffer.concat([Buffer.from(`${root}/`), Buffer.from('odd \xff\xfe\nname', 'latin1')]);
  writeFileSync(odd, 'odd');
  chmodSync(at('one'), 0o4751);
  chownSync(at('one'), 1234, 5678);
  linkSync(at('sub/large'), at('zz hard link'));
  symlinkSync('../../etc/passwd', at('link'));
  symlinkSync('nowhere\xe9', at('sub/dangling'));
  spawnSync('mkfifo', [at('pipe')]);
  spawnSync('mknod', [at('device'), 'c', '1', '3']);
  setXattr(at('one'), 'user.note', 'a note');
  chmodSync(at('sub'), 0o1777);
  chmodSync(root, 0o2770);
  chownSync(root, 99, 100);
  utimesSync(at('one'), 1, 1_234_567_890.123);
  utimesSync(at('sub/deep'), 1, 1_000_000_000);
}

function blobSizes(dest: string): Map<string, number> {
  const blobs = join(dest, 'blobs/sha256');
  return new Map(readdirSync(blobs).map((name) => [name, statSync(join(blobs, name)).size]));
}

function total(sizes: ReadonlyMap<string, number>): number {
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

/** Bytes of blobs that were not there before. */
function moved(before: ReadonlyMap<string, number>, work: () => void, dest: string): number {
  work();
  const fresh = [...blobSizes(dest)].filter(([name]) => !before.has(name));
  return total(new Map(fresh));
}
