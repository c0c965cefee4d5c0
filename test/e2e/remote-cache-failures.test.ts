import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { buildApp, cacheWorld, ran, startProxy } from '../helpers/cache-world.js';
import { startRegistry } from '../helpers/registry.js';
import { staveWorld } from '../helpers/stave.js';

describe('a cache that fails is no failure', () => {
  const cache = cacheWorld();
  const { world, context, at } = cache;

  test('no cache yet is one quiet line; a registry that is not there is one warning', () => {
    const dir = context('missing');
    const quiet = buildApp(world, dir, '--cache-from', at('nowhere:cache'));
    assert.match(quiet.stderr, /no cache at registry \S+\/nowhere:cache yet/);
    assert.doesNotMatch(quiet.stderr, /warning|WARN/i);
    const dead = 'type=registry,ref=127.0.0.1:1/x';
    const warned = buildApp(world, dir, '--cache-from', dead, '--cache-to', dead);
    assert.match(warned.stderr, /the cache registry 127.0.0.1:1\/x:latest is not used: /);
    assert.match(warned.stderr, /the cache was not exported to registry 127.0.0.1:1\/x:latest: /);
    for (const flag of ['--cache-from', '--cache-to'])
      for (const must of ['required', 'ignore-error=false']) {
        const failed = world.run('build', flag, `${dead},${must}`, dir);
        assert.equal(failed.status, 1, failed.stderr);
        assert.match(failed.stderr, /127.0.0.1:1/);
      }
  });

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

  test('a registry that takes no end costs the time that it may take', async () => {
    const dir = context('slow');
    // In this process: what is built must be started, not waited for.
    await using slow = await startProxy(cache.registry.host, (line) => line.startsWith('PUT'));
    const slowly = `type=registry,ref=${slow.host}/slow:cache`;
    const args = ['build', '--progress=plain', '--cache-to', `${slowly},timeout=300ms`, dir];
    const outcome = await world.start(args);
    assert.equal(outcome.status, 0, outcome.stderr);
    assert.match(outcome.stderr, /not exported to .*: exporting the cache took longer than 300ms/);
    const failed = await world.start([
      ...args.slice(0, 3),
      `${slowly},timeout=300ms,required`,
      dir,
    ]);
    assert.equal(failed.status, 1);
    await using silent = await startProxy(cache.registry.host, () => true);
    const from = `type=registry,ref=${silent.host}/slow:cache,timeout=300ms`;
    const read = await world.start(['build', '--cache-from', from, dir]);
    assert.equal(read.status, 0, read.stderr);
    assert.match(read.stderr, /not used: .* took longer than 300ms/);
  });

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
