import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { buildApp, CACHE_DOCKERFILE, cacheWorld, startProxy } from '../helpers/cache-world.js';
import { digestOf } from '../../src/model/digest.js';
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
    // What to do next, under its step and among the warnings at the end.
    assert.equal(warned.stderr.match(/^#\d+ hint: is it running\?$/gm)?.length, 2);
    assert.equal(warned.stderr.match(/^ {3}hint: is it running\?$/gm)?.length, 2);
    for (const flag of ['--cache-from', '--cache-to'])
      for (const must of ['required', 'ignore-error=false']) {
        const failed = world.run('build', flag, `${dead},${must}`, dir);
        assert.equal(failed.status, 1, failed.stderr);
        assert.match(failed.stderr, /127.0.0.1:1/);
      }
  });

  test('a record that gives other layers than it says is no hit', () => {
    const dir = context('liar');
    const directory = join(world.dir, 'liar-cache');
    buildApp(world, dir, '--cache-to', `type=local,dest=${directory},mode=max`);
    // Each layer is said to be what another is: their bytes are right, what they unpack to is not.
    rewriteConfig(directory, rotate('diffID'));
    using fresh = staveWorld();
    const outcome = buildApp(fresh, dir, '--cache-from', `type=local,src=${directory}`);
    assert.match(outcome.stderr, /broke off, .* does not hold what its image says/);
    assert.equal(fresh.ok('run', '--rm', 'app', 'cat', '/two').stdout, 'two\n');
    assert.equal(fresh.ok('run', '--rm', 'app', 'cat', '/one').stdout, 'one\n');
  });

  test('a layer that holds something else than the cache says breaks it', () => {
    const text = (one: string): string =>
      `${CACHE_DOCKERFILE}RUN ${one} > /last\nRUN cat /two > /x\n`;
    const dir = context('promises', text('echo last'));
    const directory = join(world.dir, 'promises-cache');
    buildApp(world, dir, '--cache-to', `type=local,dest=${directory},mode=max`);
    // Digests of trees move on by one: each is that of another layer.
    rewriteConfig(directory, rotate('content'));
    using fresh = staveWorld();
    writeFileSync(join(dir, 'Dockerfile'), text('echo  last').replace('echo one', 'echo  one'));
    const outcome = buildApp(fresh, dir, '--cache-from', `type=local,src=${directory}`);
    assert.match(outcome.stderr, /broke off, .* does not hold what the cache says/);
    const output = fresh.ok('run', '--rm', 'app', 'cat', '/one', '/x', '/last');
    assert.equal(output.stdout, 'one\ntwo\nlast\n');
  });

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
});

/** Of a field that names digests each value becomes the next. */
function rotate(field: string): (config: string) => string {
  const values = new RegExp(`"${field}":"(sha256:[0-9a-f]{64})"`, 'g');
  return (config) => {
    const ids = [...new Set([...config.matchAll(values)].map(([, id]) => id))];
    return config.replace(values, (_all, id: string) => {
      return `"${field}":"${String(ids[(ids.indexOf(id) + 1) % ids.length])}"`;
    });
  };
}

/** Rewrites the config of a cache in a directory, with all digests right. */
function rewriteConfig(directory: string, change: (config: string) => string): void {
  const blob = (digest: string): string => join(directory, 'blobs', digest.replace(':', '/'));
  const put = (text: string): { digest: string; size: number } => {
    const digest = digestOf(text);
    writeFileSync(blob(digest), text);
    return { digest, size: Buffer.byteLength(text) };
  };
  const index = JSON.parse(readFileSync(join(directory, 'index.json'), 'utf8')) as Index;
  const [entry] = index.manifests;
  assert.ok(entry);
  const manifest = JSON.parse(readFileSync(blob(entry.digest), 'utf8')) as { config: Entry };
  Object.assign(manifest.config, put(change(readFileSync(blob(manifest.config.digest), 'utf8'))));
  Object.assign(entry, put(JSON.stringify(manifest)));
  writeFileSync(join(directory, 'index.json'), JSON.stringify(index));
}

interface Entry {
  readonly digest: string;
}
interface Index {
  readonly manifests: readonly Entry[];
}
