import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { exportImage } from '../../src/exporter/export-image.js';
import { sys } from '../../src/sys/sys.js';
import { BuildError } from '../../src/model/error.js';
import type { OutputSpec } from '../../src/model/build-options.js';
import {
  addLayer,
  makeImage,
  exportable,
  quiet,
  type TestStore,
  testStore,
} from '../helpers/test-store.js';
import { validateLayout } from '../helpers/validate-image.js';

function run(program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** Two layers: files of many kinds, then a whiteout, a change and an addition. */
async function image(world: TestStore, ...tags: string[]) {
  const { store } = world;
  const first = await addLayer(store, [], (upper) => {
    mkdirSync(join(upper, 'etc'));
    writeFileSync(join(upper, 'etc/gone'), 'gone');
    writeFileSync(join(upper, 'etc/name'), 'one');
    writeFileSync(join(upper, 'hello'), '#!/bin/sh\n', { mode: 0o755 });
    symlinkSync('etc/name', join(upper, 'link'));
    writeFileSync(join(upper, 'zeros'), Buffer.alloc(3 << 20));
    sys().mknod(join(upper, 'device'), 0o020600, 5, 300);
  });
  const second = await addLayer(store, [first], (upper) => {
    mkdirSync(join(upper, 'etc'));
    sys().mknod(join(upper, 'etc/gone'), 0o020000, 0, 0);
    writeFileSync(join(upper, 'etc/name'), 'two');
    writeFileSync(Buffer.concat([Buffer.from(`${upper}/latin-`), Buffer.from([0xe9])]), 'é');
  });
  return makeImage(store, { layers: [first, second], tags });
}

async function write(world: TestStore, spec: OutputSpec, ...tags: string[]) {
  const made = await image(world, ...tags);
  await exportImage(spec, exportable(made, world.store), quiet);
  return made;
}

test('an OCI archive is valid, reproducible, and read by skopeo, umoci and podman', async () => {
  await using world = testStore();
  const file = join(world.dir, 'image.tar');
  const again = join(world.dir, 'again.tar');
  const made = await image(world, 'demo:1', 'registry.example/other');
  for (const dest of [file, again]) {
    await exportImage({ type: 'oci', dest }, exportable(made, world.store), quiet);
  }
  assert.ok(readFileSync(file).equals(readFileSync(again)), 'same bytes twice');
  const layout = join(world.dir, 'layout');
  mkdirSync(layout);
  run('tar', '-xf', file, '-C', layout);
  assert.deepEqual(validateLayout(layout), []);
  const seen = JSON.parse(run('skopeo', 'inspect', `oci-archive:${file}:1`)) as { Env: string[] };
  assert.deepEqual(seen.Env, ['A=1']);
  run('skopeo', 'copy', '-q', `oci-archive:${file}:1`, `dir:${join(world.dir, 'copied')}`);
  run('umoci', 'unpack', '--image', `${layout}:1`, join(world.dir, 'bundle'));
  assert.equal(readFileSync(join(world.dir, 'bundle/rootfs/etc/name'), 'utf8'), 'two');
  assert.ok(!existsSync(join(world.dir, 'bundle/rootfs/etc/gone')));
});

for (const type of ['docker', 'oci'] as const) {
  test(`podman loads a ${type} archive under its name and with our id`, async () => {
    await using world = testStore();
    const dest = join(world.dir, 'image.tar');
    const made = await write(world, { type, dest }, 'demo:1');
    const storage = ['--root', join(world.dir, 'p'), '--runroot', join(world.dir, 'pr')];
    const podman = (...args: string[]): string =>
      run('podman', ...storage, '--storage-driver', 'vfs', ...args);
    podman('load', '-q', '-i', dest);
    const ids = podman('images', '-q', '--no-trunc', '--filter', 'reference=*demo:1');
    assert.equal(ids.trim(), made.imageId);
    podman('rmi', '-f', made.imageId);
  });
}

test('a docker archive has what old dockers read', async () => {
  await using world = testStore();
  const dest = join(world.dir, 'image.tar');
  const made = await write(world, { type: 'docker', dest }, 'demo:1');
  const names = run('tar', '-tf', dest).trim().split('\n');
  assert.deepEqual(names.slice(-2), ['manifest.json', 'repositories']);
  const [entry] = JSON.parse(run('tar', '-xOf', dest, 'manifest.json')) as {
    Config: string;
    RepoTags: string[];
    Layers: string[];
  }[];
  assert.equal(entry?.Config, `${made.imageId.slice(7)}.json`);
  assert.deepEqual(entry.RepoTags, ['demo:1']);
  assert.ok(entry.Layers.every((layer) => names.includes(layer)));
  run('skopeo', 'copy', '-q', `docker-archive:${dest}`, `dir:${join(world.dir, 'copied')}`);
});

test('an OCI directory keeps the images it had and replaces its own name', async () => {
  await using world = testStore();
  const dest = join(world.dir, 'layout');
  const first = await image(world, 'demo:1');
  const layer = await addLayer(world.store, [], (upper) => {
    writeFileSync(join(upper, 'other'), 'other');
  });
  const second = await makeImage(world.store, { layers: [layer], tags: ['demo:2'] });
  await exportImage({ type: 'oci', dest, tar: false }, exportable(first, world.store), quiet);
  await exportImage({ type: 'oci', dest, tar: false }, exportable(second, world.store), quiet);
  await exportImage({ type: 'oci', dest, tar: false }, exportable(second, world.store), quiet);
  const { manifests } = JSON.parse(readFileSync(join(dest, 'index.json'), 'utf8')) as {
    manifests: { annotations: Record<string, string> }[];
  };
  const names = manifests.map((m) => m.annotations['org.opencontainers.image.ref.name']);
  assert.deepEqual(names, ['1', '2']);
  assert.deepEqual(validateLayout(dest), []);
  assert.ok(!existsSync(join(dest, 'manifest.json')));
});

test('a layer is compressed once', async () => {
  await using world = testStore();
  const made = await image(world, 'demo:1');
  const dest = join(world.dir, 'image.tar');
  await exportImage({ type: 'oci', dest }, exportable(made, world.store), quiet);
  const blobs = readdirSync(world.store.path('blobs/sha256')).map((name) => {
    return [name, statSync(world.store.path('blobs/sha256', name)).ino] as const;
  });
  await exportImage({ type: 'oci', dest }, exportable(made, world.store), quiet);
  const after = readdirSync(world.store.path('blobs/sha256')).map((name) => {
    return [name, statSync(world.store.path('blobs/sha256', name)).ino] as const;
  });
  assert.deepEqual(after, blobs);
});

test('a local directory is the merged filesystem, over what was there', async () => {
  await using world = testStore();
  const dest = join(world.dir, 'out');
  const outside = join(world.dir, 'outside');
  mkdirSync(join(dest, 'hello/deep'), { recursive: true });
  writeFileSync(outside, 'outside');
  symlinkSync(outside, join(dest, 'zeros'));
  symlinkSync(world.dir, join(dest, 'etc'));
  writeFileSync(join(dest, 'mine'), 'mine');
  await write(world, { type: 'local', dest });
  assert.equal(readFileSync(outside, 'utf8'), 'outside');
  assert.ok(lstatSync(join(dest, 'etc')).isDirectory());
  const names = readdirSync(dest, { encoding: 'latin1' }).sort();
  assert.deepEqual(names, ['device', 'etc', 'hello', 'latin-\xe9', 'link', 'mine', 'zeros']);
  assert.deepEqual(readdirSync(join(dest, 'etc')), ['name']);
  assert.equal(readFileSync(join(dest, 'link'), 'utf8'), 'two');
  assert.equal(statSync(join(dest, 'hello')).mode & 0o777, 0o755);
  const rdev = statSync(join(dest, 'device')).rdev;
  assert.deepEqual([(rdev >> 8) & 0xfff, (rdev & 0xff) | ((rdev >> 12) & 0xfff00)], [5, 300]);
});

test('a tar is the merged filesystem without whiteouts', async () => {
  await using world = testStore();
  const dest = join(world.dir, 'out.tar');
  await write(world, { type: 'tar', dest });
  const names = run('tar', '-tf', dest).trim().split('\n');
  assert.deepEqual(
    names.filter((name) => name.startsWith('etc')),
    ['etc/', 'etc/name'],
  );
  assert.equal(run('tar', '-xOf', dest, 'etc/name'), 'two');
});

test('a pipe as destination is written, not replaced', async () => {
  await using world = testStore();
  const dest = join(world.dir, 'pipe');
  run('mkfifo', dest);
  const reader = spawn('sh', ['-c', `cat '${dest}' > '${dest}.copy'`]);
  const gone = new Promise((resolve) => reader.once('exit', resolve));
  await write(world, { type: 'tar', dest });
  await gone;
  assert.ok(lstatSync(dest).isFIFO());
  assert.match(run('tar', '-tf', `${dest}.copy`), /hello/);
});

test('a destination that is a link to a file keeps being one', async () => {
  await using world = testStore();
  writeFileSync(join(world.dir, 'real.tar'), 'old');
  symlinkSync('real.tar', join(world.dir, 'link.tar'));
  await write(world, { type: 'tar', dest: join(world.dir, 'link.tar') });
  assert.ok(lstatSync(join(world.dir, 'link.tar')).isSymbolicLink());
  assert.match(run('tar', '-tf', join(world.dir, 'real.tar')), /hello/);
});

const refused: readonly [string, OutputSpec][] = [
  ['a directory as file', { type: 'oci', dest: '.' }],
  ['a missing directory', { type: 'docker', dest: 'nowhere/image.tar' }],
  ['a file as directory', { type: 'local', dest: 'file' }],
  ['a file below a file', { type: 'oci', tar: false, dest: 'file/layout' }],
];
for (const [name, spec] of refused) {
  test(`${name} is refused and leaves nothing`, async () => {
    await using world = testStore();
    writeFileSync(join(world.dir, 'file'), '');
    const before = readdirSync(world.dir);
    await assert.rejects(
      write(world, { ...spec, dest: join(world.dir, spec.dest ?? '') }),
      (error) => error instanceof BuildError && error.code === 'usage',
    );
    assert.deepEqual(readdirSync(world.dir), before);
  });
}

test('a cancelled export leaves the old file as it was', async () => {
  await using world = testStore();
  const dest = join(world.dir, 'image.tar');
  writeFileSync(dest, 'old');
  const made = await image(world);
  const reason = new Error('stopped');
  const scope = { signal: AbortSignal.abort(reason), emit: () => undefined };
  const before = readdirSync(world.dir);
  for (const type of ['oci', 'docker', 'tar', 'local'] as const) {
    await assert.rejects(
      exportImage(
        { type, dest: type === 'local' ? `${dest}.d` : dest },
        exportable(made, world.store),
        scope,
      ),
      reason,
    );
  }
  assert.equal(readFileSync(dest, 'utf8'), 'old');
  assert.deepEqual(
    readdirSync(world.dir).filter((name) => !name.endsWith('.d')),
    before,
  );
});
