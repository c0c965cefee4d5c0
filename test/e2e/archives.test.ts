import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { dockerPeer, type Peer } from '../helpers/peers.js';
import { staveWorld } from '../helpers/stave.js';
import { treeLines, untar } from '../helpers/tree.js';

/** What stave writes must load and run in the tools people have, and verify to the last digest. */
describe('archives load elsewhere', () => {
  const world = staveWorld();
  const oci = join(world.dir, 'app.oci.tar');
  const dockerTar = join(world.dir, 'app.docker.tar');
  let docker: Peer;
  before(async () => {
    docker = await dockerPeer(world.dir);
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    const context = join(world.dir, 'app');
    mkdirSync(context);
    writeFileSync(join(context, 'file'), 'payload\n');
    writeFileSync(
      join(context, 'Dockerfile'),
      'FROM bb\nRUN mkdir /d && touch /d/gone && ln /bin/busybox /hard\nRUN rm /d/gone\nCOPY file /d/\nWORKDIR /d\nCMD ["cat","file"]\n',
    );
    const outputs = ['-o', `type=oci,dest=${oci}`, '-o', `type=docker,dest=${dockerTar}`];
    world.ok('build', '-q', '-t', 'app:v1', ...outputs, context);
  });
  after(async () => {
    await docker[Symbol.asyncDispose]();
    world[Symbol.dispose]();
  });

  test('zstd layers are read by skopeo and by stave (compression=zstd)', () => {
    const zstd = join(world.dir, 'app.zstd.tar');
    const form = 'compression=zstd,compression-level=7,force-compression=true';
    world.ok(
      'build',
      '-q',
      '-t',
      'app:v1',
      '-o',
      `type=oci,dest=${zstd},${form}`,
      join(world.dir, 'app'),
    );
    const layout = join(world.dir, 'copied');
    shell('skopeo', ['copy', '-q', `oci-archive:${zstd}`, `dir:${layout}`]);
    const { layers } = JSON.parse(readFileSync(join(layout, 'manifest.json'), 'utf8')) as {
      layers: { mediaType: string }[];
    };
    assert.deepEqual(
      [...new Set(layers.map(({ mediaType }) => mediaType))],
      ['application/vnd.oci.image.layer.v1.tar+zstd'],
    );
    using other = staveWorld();
    other.ok('image', 'load', '-q', '-i', zstd);
    assert.equal(other.ok('run', '--rm', 'app:v1').stdout, 'payload\n');
  });

  for (const kind of ['oci', 'docker'] as const) {
    const file = kind === 'oci' ? oci : dockerTar;
    test(`podman loads and runs the ${kind} archive`, () => {
      const store = [
        '--root',
        join(world.dir, `podman-${kind}`),
        '--runroot',
        join(world.dir, `podman-run-${kind}`),
      ];
      const podman = (...args: string[]): string =>
        shell('podman', [
          ...store,
          '--storage-driver',
          'vfs',
          '--cgroup-manager=cgroupfs',
          '--runtime=/usr/sbin/runc',
          ...args,
        ]);
      assert.match(podman('load', '-i', file), /app:v1/);
      const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'];
      const args = ['run', '--rm', '--network=host', ...limits, 'app:v1'];
      assert.equal(podman(...args), 'payload\n');
    });
    test(`docker loads and runs the ${kind} archive`, () => {
      assert.match(docker.run('load', '-i', file), /app:v1/);
      assert.equal(docker.run('run', '--rm', '--network=host', 'app:v1'), 'payload\n');
    });
    test(`skopeo inspects the ${kind} archive`, () => {
      const source = kind === 'oci' ? `oci-archive:${file}` : `docker-archive:${file}`;
      const shown = JSON.parse(shell('skopeo', ['inspect', source])) as { Layers: string[] };
      assert.equal(shown.Layers.length, 6);
    });
    test(`stave loads its own ${kind} archive into an empty store`, () => {
      using other = staveWorld();
      assert.match(other.ok('image', 'load', '-i', file).stdout, /Loaded image: app:v1/);
      assert.equal(other.ok('run', '--rm', 'app:v1').stdout, 'payload\n');
      assert.equal(
        imageId(other.ok('image', 'inspect', 'app:v1').stdout),
        imageId(world.ok('image', 'inspect', 'app:v1').stdout),
      );
    });
  }

  test('umoci unpacks the OCI layout to the tree that the local output writes', () => {
    const layout = join(world.dir, 'layout');
    untar(oci, layout);
    const bundle = join(world.dir, 'bundle');
    const tag = (JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as OciIndex)
      .manifests[0]?.annotations['org.opencontainers.image.ref.name'];
    shell('umoci', ['unpack', '--image', `${layout}:${tag ?? ''}`, bundle]);
    const local = join(world.dir, 'local');
    world.ok('build', '-q', '-o', local, join(world.dir, 'app'));
    assert.deepEqual(treeLines(join(bundle, 'rootfs')), treeLines(local));
  });

  test('every blob of the OCI layout has the digest it is named by', () => {
    const layout = join(world.dir, 'layout-digests');
    untar(oci, layout);
    const blobs = join(layout, 'blobs/sha256');
    for (const name of readdirSync(blobs)) {
      assert.equal(shell('sha256sum', [join(blobs, name)]).slice(0, 64), name);
      assert.ok(statSync(join(blobs, name)).size > 0);
    }
  });

  test('the same build writes the same bytes', () => {
    const again = join(world.dir, 'again.tar');
    world.ok('build', '-q', '-t', 'app:v1', '-o', `type=oci,dest=${again}`, join(world.dir, 'app'));
    assert.equal(shell('cmp', [oci, again]), '');
  });

  test('a foreign archive loads: docker save, then stave run', () => {
    const saved = join(world.dir, 'saved.tar');
    docker.run('save', '-o', saved, 'app:v1');
    using other = staveWorld();
    other.ok('load', '-i', saved);
    assert.equal(other.ok('run', '--rm', 'app:v1').stdout, 'payload\n');
  });

  test('-o - writes a tar to stdout (testTarExporterBasic)', () => {
    const run = spawnSync('bin/stave', ['build', '-q', '-o', '-', join(world.dir, 'app')], {
      env: world.env,
      maxBuffer: 1 << 28,
    });
    assert.equal(run.status, 0, run.stderr.toString());
    const list = spawnSync('tar', ['-t'], { input: run.stdout, encoding: 'utf8' });
    assert.match(list.stdout, /^(\.\/)?d\/file$/m);
  });
});

interface OciIndex {
  readonly manifests: readonly { readonly annotations: Readonly<Record<string, string>> }[];
}

function imageId(inspect: string): string {
  return (JSON.parse(inspect) as { Id: string }[])[0]?.Id ?? '';
}

function shell(program: string, args: string[]): string {
  const result = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (result.status === 0) return result.stdout;
  throw new Error(
    `${program} ${args.join(' ')}: ${String(result.status)}\n${result.stderr}${String(result.error ?? '')}`,
  );
}
