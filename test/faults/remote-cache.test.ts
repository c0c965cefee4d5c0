import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { buildApp, CACHE_DOCKERFILE, cacheWorld, ran, skopeo } from '../helpers/cache-world.js';
import { dockerPeer } from '../helpers/peers.js';
import { startRegistry } from '../helpers/registry.js';
import { staveWorld } from '../helpers/stave.js';

describe('caches of other machines, damaged, at once, and of docker', () => {
  const cache = cacheWorld();
  const { world, context, at } = cache;

  for (const [harm, spoil] of [
    [
      'is flipped',
      (file: string) => {
        writeFileSync(file, flipped(readFileSync(file)));
      },
    ],
    [
      'is gone',
      (file: string) => {
        rmSync(file);
      },
    ],
  ] as const) {
    test(`a layer that ${harm} in the cache: the build goes on without it`, async () => {
      using own = staveWorld();
      await using broken = await startRegistry(own.dir);
      const dir = context(`harm-${harm.split(' ').join('-')}`);
      const spoilt = `type=registry,ref=${broken.host}/broken:cache`;
      buildApp(own, dir, '--cache-to', `${spoilt},mode=max`);
      spoil(largestBlob(broken.data));
      using fresh = staveWorld();
      const outcome = buildApp(fresh, dir, '--cache-from', spoilt);
      assert.match(outcome.stderr, /broke off, the build goes on without it: /);
      assert.ok(ran(outcome).length > 0);
      assert.equal(fresh.ok('run', '--rm', 'app', 'cat', '/two').stdout, 'two\n');
      using strict = staveWorld();
      const refused = strict.run('build', '--cache-from', `${spoilt},required`, dir);
      assert.equal(refused.status, 1);
      assert.match(refused.stderr, /blob sha256:/);
    });
  }

  test('two exports to one name at once leave one of them, whole', async () => {
    const dirs = ['left', 'right'].map((name) => {
      const dir = context(name);
      writeFileSync(join(dir, 'file'), `${name}\n`);
      return dir;
    });
    const both = `${at('both:cache')},mode=max`;
    const outcomes = await Promise.all(
      dirs.map((dir) => world.start(['build', '--progress=plain', '--cache-to', both, dir])),
    );
    for (const { status, stderr } of outcomes) assert.equal(status, 0, stderr);
    const whole = dirs.filter((dir) => {
      using fresh = staveWorld();
      return ran(buildApp(fresh, dir, '--cache-from', at('both:cache'))).length === 0;
    });
    assert.equal(whole.length, 1);
  });

  test('zstd and uncompressed layers, and the index form, come back', () => {
    const dir = context('forms');
    for (const [i, form] of [
      'compression=zstd,image-manifest=false',
      'compression=uncompressed,oci-mediatypes=false',
    ].entries()) {
      const name = `forms:v${String(i)}`;
      buildApp(world, dir, '--cache-to', `${at(name)},mode=max,${form}`);
      using fresh = staveWorld();
      assert.deepEqual(ran(buildApp(fresh, dir, '--cache-from', at(name))), [], form);
    }
  });

  test("docker reads stave's caches, and stave docker's, without a wrong hit", async () => {
    await using docker = await dockerPeer(world.dir);
    // Docker 20.10 has no --link.
    const dir = context('docker', CACHE_DOCKERFILE.replace('COPY --link', 'COPY'));
    const name = `${cache.registry.host}/docker`;
    buildApp(
      world,
      dir,
      '--cache-to',
      `type=registry,ref=${name}:index,mode=max,image-manifest=false`,
    );
    // A base that no registry has, and what stave says of it besides.
    const text = CACHE_DOCKERFILE.split('FROM base AS')[0];
    world.ok('build', '-q', '-t', 'only-here', context('only-here', text));
    const on = context('on-it', 'FROM only-here\nRUN echo on > /on\n');
    buildApp(
      world,
      on,
      '--cache-to',
      `type=registry,ref=${name}:base,mode=max,image-manifest=false`,
    );
    const archive = join(world.dir, 'docker-inline.tar');
    buildApp(world, dir, '--cache-to', 'type=inline', '-o', `type=oci,dest=${archive}`);
    skopeo(`oci-archive:${archive}`, `docker://${name}:inline`);
    const from = ['index', 'base', 'inline'].flatMap((tag) => ['--cache-from', `${name}:${tag}`]);
    const args = ['build', '--network=host', '--progress=plain', ...from, '-t', `${name}:theirs`];
    const log = spawnSync(
      existsSync('/usr/bin/docker') ? '/usr/bin/docker' : 'docker',
      [...args, '--build-arg', 'BUILDKIT_INLINE_CACHE=1', dir],
      {
        env: { ...process.env, DOCKER_HOST: docker.host, DOCKER_BUILDKIT: '1' },
        encoding: 'utf8',
      },
    );
    assert.equal(log.status, 0, log.stderr);
    assert.match(log.stderr, /importing cache manifest from \S+:index\n(.*\n)*?#\d+ DONE/);
    assert.match(log.stderr, /importing cache manifest from \S+:base\n(.*\n)*?#\d+ DONE/);
    assert.doesNotMatch(log.stderr, /ERROR|failed/);
    docker.run('push', `${name}:theirs`);
    using fresh = staveWorld();
    const outcome = buildApp(fresh, dir, '--cache-from', `${name}:theirs`);
    assert.match(outcome.stderr, /\d+ records of BuildKit's: its keys are made otherwise/);
    assert.doesNotMatch(outcome.stderr, /WARN/);
    assert.equal(fresh.ok('run', '--rm', 'app', 'cat', '/two').stdout, 'two\n');
  });
});

function largestBlob(data: string): string {
  const blobs = join(data, 'docker/registry/v2/blobs/sha256');
  const files = readdirSync(blobs, { recursive: true, encoding: 'utf8' })
    .map((name) => join(blobs, name))
    .filter((file) => file.endsWith('/data') && existsSync(file));
  const [largest = ''] = files.sort((a, b) => statSync(b).size - statSync(a).size);
  return largest;
}

function flipped(bytes: Buffer): Buffer {
  const at = Math.floor(bytes.length / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
}
