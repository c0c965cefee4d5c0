import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { mountOf, noise } from '../helpers/cache-mount.js';
import { cacheWorld, ran } from '../helpers/cache-world.js';
import { countingProxy } from '../helpers/counting-proxy.js';
import { type GhaServer, startGha } from '../helpers/gha-server.js';
import { type S3Server, startS3 } from '../helpers/s3-server.js';
import { type Outcome, type StaveWorld, staveWorld } from '../helpers/stave.js';

const BASE =
  'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox","--install","-s","/bin"]\n';

describe('cache mounts in caches of steps', () => {
  const cache = cacheWorld();
  const { world } = cache;
  let s3: S3Server;
  let gha: GhaServer;
  before(async () => {
    s3 = await startS3('bucket');
    gha = await startGha();
  });
  after(async () => {
    await s3[Symbol.asyncDispose]();
    await gha[Symbol.asyncDispose]();
  });
  const dockerfile = (command: string): string =>
    `${BASE}RUN --mount=type=cache,id=pkg,target=/p ${command}\n`;
  const app = (name: string, command = 'echo content > /p/package; echo done'): string =>
    cache.context(name, dockerfile(command));
  const build = async (
    on: StaveWorld,
    dir: string,
    flags: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Outcome> => {
    const outcome = await on.start(
      ['build', '--progress=plain', '--network=none', ...flags, dir],
      env,
    );
    assert.equal(outcome.status, 0, outcome.stderr);
    return outcome;
  };

  const places = {
    local: () => ({
      to: `type=local,dest=${join(world.dir, 'cache')}`,
      from: `type=local,src=${join(world.dir, 'cache')}`,
      env: {},
    }),
    registry: () => ({ to: cache.at('with:mounts'), from: cache.at('with:mounts'), env: {} }),
    s3: () => {
      const flag = `type=s3,bucket=bucket,region=eu-central-1,endpoint_url=${s3.url},use_path_style=true`;
      const { accessKeyId, secretAccessKey } = s3.keys;
      const env = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
      return { to: flag, from: flag, env };
    },
    gha: () => {
      const token = gha.token('refs/heads/main');
      const env = { ACTIONS_RESULTS_URL: gha.url, ACTIONS_RUNTIME_TOKEN: token };
      return { to: 'type=gha', from: 'type=gha', env };
    },
  };
  for (const [type, place] of Object.entries(places))
    test(`type=${type}: a step on another machine finds what one here left; layers come too`, async () => {
      const { to, from, env } = place();
      const dir = app(`app-${type}`);
      await build(world, dir, ['--no-cache', '--cache-to', `${to},mode=max,mounts=all`], env);
      using fresh = staveWorld();
      const flags = ['--cache-from', from];
      assert.deepEqual(ran(await build(fresh, dir, flags, env)), [], 'all steps are there');
      assert.deepEqual(readdirSync(join(fresh.root, 'mounts')), [], 'and no mount is needed');
      app(`app-${type}`, 'grep content /p/package');
      const { stderr } = await build(fresh, dir, flags, env);
      assert.equal(ran({ status: 0, stdout: '', stderr }).length, 1);
      assert.match(stderr, /importing cache mount pkg from /);
    });

  for (const [type, mounts] of [
    ['registry', ',mounts=pkg'],
    ...Object.keys(places).map((each) => [each, '']),
  ] as [keyof typeof places, string][])
    test(`type=${type}${mounts}: a mount stays in the cache when a build that never had it writes there`, async () => {
      const { to, from, env } = places[type]();
      const dir = app('carried');
      await build(world, dir, ['--no-cache', '--cache-to', `${to},mode=max,mounts=all`], env);
      using third = staveWorld();
      app('carried');
      const flags = ['--cache-from', from, '--cache-to', `${to},mode=max${mounts}`];
      await build(third, dir, flags, env);
      using fourth = staveWorld();
      app('carried', 'grep content /p/package; true');
      assert.match(
        (await build(fourth, dir, ['--cache-from', from], env)).stderr,
        /importing cache mount pkg/,
      );
    });

  test('one percent changed: at most five percent of the bytes go, with layers unchanged', async () => {
    await using counting = await countingProxy(cache.registry.host);
    const dir = app('counted', 'true');
    const flags = [
      '--cache-to',
      `type=registry,ref=${counting.host}/counted:c,mode=max,mounts=pkg`,
    ];
    await build(world, dir, ['--no-cache']);
    const mount = mountOf(world, 'pkg');
    for (let i = 0; i < 300; i++) writeFileSync(join(mount, `f${String(i)}`), noise(i, 20_000));
    await build(world, dir, flags);
    const first = counting.sent();
    counting.reset();
    for (let i = 0; i < 300; i += 100)
      writeFileSync(join(mount, `f${String(i)}`), noise(-i - 1, 20_000));
    await build(world, dir, flags);
    assert.ok(
      first > 6_000_000 && counting.sent() <= first / 20,
      `${String(counting.sent())} of ${String(first)}`,
    );
  });

  test('what is here and newer stays here; what is broken is a warning, and an error when required', async () => {
    const dest = join(world.dir, 'newer');
    const dir = app('newer');
    await build(world, dir, ['--no-cache', '--cache-to', `type=local,dest=${dest},mounts=pkg`]);
    using fresh = staveWorld();
    await build(fresh, app('newer', 'echo own > /p/package'), []);
    const own = app('newer', 'grep own /p/package');
    const kept = await build(fresh, own, ['--cache-from', `type=local,src=${dest}`]);
    assert.doesNotMatch(kept.stderr, /importing cache mount/);
    const blobs = join(dest, 'blobs/sha256');
    for (const name of readdirSync(blobs)) {
      const bytes = readFileSync(join(blobs, name));
      if (bytes[0] !== 0x7b) writeFileSync(join(blobs, name), Buffer.alloc(bytes.length, 1));
    }
    using other = staveWorld();
    const again = app('newer', 'ls /p; echo again');
    const warned = await build(other, again, ['--cache-from', `type=local,src=${dest}`]);
    assert.match(warned.stderr, /a cache mount of client directory .* is not used: /);
    using strict = staveWorld();
    const failed = strict.run('build', '--cache-from', `type=local,src=${dest},required`, again);
    assert.equal(failed.status, 1, failed.stderr);
  });

  test('what cannot be meant is refused, and no secret is shown or kept', async () => {
    const dir = app('refused');
    for (const [flag, words] of [
      [
        'type=local,dest=x,mounts=pgk',
        /--cache-to mounts "pgk": no step has this cache mount[^]*did you mean pkg\?/,
      ],
      ['type=local,dest=x,mounts=', /names no cache mount/],
      ['type=inline,mounts=all', /type=inline has no option mounts/],
      ['type=s3,bucket=b', /region \(\$AWS_REGION\) not set for s3 cache/],
      ['type=s3,bucket=b,region=r,retry_mode=adaptive', /retry_mode=adaptive is not supported/],
      ['type=s3,bucket=b,region=r,upload_parallelism=0', /must be a positive integer/],
      [
        'type=gha',
        /token not set .*\(\$ACTIONS_RUNTIME_TOKEN\)[^]*crazy-max\/ghaction-github-runtime/,
      ],
    ] as const) {
      const { status, stderr } = world.run('build', '--cache-to', flag, dir);
      assert.equal(status, 1, flag);
      assert.match(stderr, words);
    }
    const secret = 'hush-this-is-secret';
    const flag = `type=s3,bucket=bucket,region=eu-central-1,endpoint_url=${s3.url},use_path_style=true,access_key_id=AKIATEST,secret_access_key=${secret}`;
    const { stderr } = await build(world, dir, ['--cache-to', flag, '--cache-from', flag]);
    assert.match(stderr, /SignatureDoesNotMatch/);
    assert.ok(!stderr.includes(secret));
    const quoted = world.run('build', '--cache-to', `${flag},"`, dir);
    assert.ok(!quoted.stderr.includes(secret), quoted.stderr);
    const kept = spawnSync('grep', ['-rl', secret, world.root], { encoding: 'utf8' });
    assert.equal(kept.stdout, '');
  });
});
