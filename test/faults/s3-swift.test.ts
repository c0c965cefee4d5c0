import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { noise } from '../helpers/cache-mount.js';
import { CACHE_DOCKERFILE, cacheWorld, ran } from '../helpers/cache-world.js';
import { figure } from '../helpers/figure.js';
import { roughProxy } from '../helpers/rough-proxy.js';
import { type Outcome, type StaveWorld, staveWorld } from '../helpers/stave.js';
import { type SwiftServer, startSwift } from '../helpers/swift-server.js';

const BUCKET = 'caches';
const BIG = `${CACHE_DOCKERFILE}COPY big /big\n`;

describe('type=s3 with a server that others wrote: OpenStack Swift', () => {
  const { world, context } = cacheWorld();
  let swift: SwiftServer;
  before(async () => {
    swift = await startSwift(world.dir);
    await swift.createBucket(BUCKET);
  });
  after(() => swift[Symbol.asyncDispose]());

  const flag = (prefix: string, more = ''): string =>
    `type=s3,bucket=${BUCKET},region=${swift.region},endpoint_url=${swift.url},use_path_style=true,prefix=${prefix}${more}`;
  const keys = (more: Readonly<Record<string, string>> = {}) => ({
    AWS_ACCESS_KEY_ID: swift.keys.accessKeyId,
    AWS_SECRET_ACCESS_KEY: swift.keys.secretAccessKey,
    ...more,
  });
  const argsOf = (dir: string, flags: readonly string[]): string[] => [
    ...['build', '--progress=plain', '--network=none', '-t', 'app'],
    ...[...flags, dir],
  ];
  const build = async (
    on: StaveWorld,
    dir: string,
    flags: readonly string[],
    env: Readonly<Record<string, string>> = keys(),
  ): Promise<Outcome> => {
    const outcome = await on.start(argsOf(dir, flags), env);
    assert.equal(outcome.status, 0, outcome.stderr);
    return outcome;
  };
  /** Another machine has every step from there. */
  const comes = async (dir: string, from: string, env = keys()): Promise<StaveWorld> => {
    const fresh = staveWorld();
    const outcome = await build(fresh, dir, ['--cache-from', from], env);
    assert.deepEqual(ran(outcome), [], outcome.stderr);
    return fresh;
  };
  const puts = async (): Promise<string[]> =>
    (await swift.requests()).filter((line) => / (PUT|POST) /.test(line));
  const big = (name: string, seed: number): string => {
    const dir = context(name, BIG);
    writeFileSync(join(dir, 'big'), noise(seed, 40 << 20));
    return dir;
  };

  test('every step comes back; keys and manifest are what BuildKit reads', async () => {
    const dir = context('app');
    await build(world, dir, ['--cache-to', flag('some/where/', ',name=one;two,mode=max')]);
    const names = await swift.keysOf(BUCKET);
    const blobs = names.filter((name) => /^some\/where\/blobs\/sha256:[0-9a-f]{64}$/.test(name));
    const manifests = names.filter((name) => name.startsWith('some/where/manifests/'));
    assert.deepEqual(manifests, ['some/where/manifests/one', 'some/where/manifests/two']);
    assert.equal(blobs.length + manifests.length, names.length, names.join('\n'));
    const text = (await swift.object(BUCKET, 'some/where/manifests/one')).toString();
    const { layers, records } = JSON.parse(text) as { layers: Layer[]; records: CacheRecord[] };
    assert.equal(new Set(layers.map(({ blob }) => blob)).size, 9);
    assert.equal(blobs.length, 10, 'these, and the reasons');
    for (const [i, { blob, parent = 0, annotations }] of layers.entries()) {
      assert.ok(blobs.includes(`some/where/blobs/${blob}`), blob);
      assert.ok(parent >= -1 && parent < layers.length && parent !== i);
      assert.match(annotations.mediaType, /^application\/vnd\.oci\.image\.layer\.v1\.tar\+gzip$/);
      assert.match(annotations.diffID, /^sha256:[0-9a-f]{64}$/);
      const bytes = await swift.object(BUCKET, `some/where/blobs/${blob}`);
      assert.equal(annotations.size, bytes.length);
      assert.ok(Date.parse(annotations.createdAt) > 0);
    }
    for (const { digest, layers: results = [] } of records) {
      assert.match(digest, /^sha256:[0-9a-f]{64}$/);
      for (const { layer } of results) assert.ok(layer >= 0 && layer < layers.length);
    }
    using fresh = await comes(dir, flag('some/where/', ',name=two'));
    assert.equal(fresh.ok('run', '--rm', 'app', 'cat', '/two').stdout, 'two\n');
  });

  test('a second export sends what is missing', async () => {
    const dir = context('twice');
    const to = ['--cache-to', flag('twice/', ',mode=max')];
    await build(world, dir, to);
    await puts();
    await build(world, dir, to);
    const again = await puts();
    assert.deepEqual(again.map(keyOf), ['twice/manifests/buildkit']);
    writeFileSync(join(dir, 'file'), 'other\n');
    await build(world, dir, to);
    const changed = (await puts()).map(keyOf);
    figure({
      area: 'Remote caches',
      what: 'type=s3, OpenStack Swift: objects written by a second export, nothing changed / one file changed',
      value: `${String(again.length)} / ${String(changed.length)}`,
    });
    // The file, the step after it that sees it, the linked file and the reasons; not the base, the tool, step one.
    assert.ok(changed.length <= 7, changed.join('\n'));
  });

  test('a large layer goes in parts and comes back, also from a connection that breaks', async () => {
    const dir = big('large', 1);
    await build(world, dir, ['--cache-to', flag('large/', ',mode=max')]);
    const sent = await puts();
    assert.equal(sent.filter((line) => line.includes('partNumber=')).length, 3, sent.join('\n'));
    assert.deepEqual(await swift.uploadsOf(BUCKET), []);
    await build(world, dir, ['--cache-to', flag('large/', ',mode=max')]);
    assert.equal((await puts()).length, 1, 'its size is what is asked for');
    await using proxy = await roughProxy(swift.url);
    const from = flag('large/').replace(swift.url, proxy.url);
    proxy.ages = true;
    await build(world, dir, ['--cache-to', `${from},mode=max`]);
    assert.ok((await puts()).length > 8, 'made new, which makes one object of the parts');
    proxy.cutAfter = 5 << 20;
    using fresh = await comes(dir, from);
    assert.equal(proxy.cutAfter, undefined, 'it was cut');
    assert.ok((await swift.requests()).some((line) => line.startsWith('206 GET ')));
    assert.ok(fresh.bytes('run', '--rm', 'app', 'cat', '/big').equals(noise(1, 40 << 20)));
  });

  test('an upload that hangs: the build is done when the budget is, and nothing is left', async () => {
    const dir = big('hangs', 3);
    await using proxy = await roughProxy(swift.url);
    proxy.stalls = /partNumber=2/;
    const to = flag('hangs/', ',mode=max,compression=uncompressed,timeout=10s').replace(
      swift.url,
      proxy.url,
    );
    const before = await swift.uploadsOf(BUCKET);
    await swift.requests();
    const { stderr } = await build(world, dir, ['--cache-to', to]);
    assert.match(stderr, /the cache was not exported to s3 .* took longer than 10s/);
    const lines = await swift.requests();
    assert.ok(
      lines.some((line) => /^200 PUT .*partNumber=1/.test(line)),
      lines.join('\n'),
    );
    assert.ok(lines.some((line) => line.startsWith('204 DELETE ')));
    assert.deepEqual(await swift.uploadsOf(BUCKET), before);
    assert.ok(!(await swift.keysOf(BUCKET)).includes('hangs/manifests/buildkit'));
  });

  test('cache mounts go and come; of two exports at once one is there, whole', async () => {
    const step = 'RUN --mount=type=cache,id=pkg,target=/p ';
    const first = context('mounts', `${CACHE_DOCKERFILE}${step}echo content >/p/package\n`);
    const to = ['--cache-to', flag('mounts/', ',mode=max,mounts=all')];
    const other = context('mounts-other', `${CACHE_DOCKERFILE}${step}echo content > /p/package\n`);
    using second = staveWorld();
    await Promise.all([build(world, first, to), build(second, other, to)]);
    using fresh = staveWorld();
    const from = ['--cache-from', flag('mounts/')];
    const counts = [];
    for (const dir of [first, other]) counts.push(ran(await build(fresh, dir, from)).length);
    assert.equal(Math.min(...counts), 0, String(counts));
    const last = context('mounts', `${CACHE_DOCKERFILE}${step}grep content /p/package\n`);
    using another = staveWorld();
    const { stderr } = await build(another, last, from);
    assert.match(stderr, /importing cache mount pkg from /);
  });

  for (const [signal, left] of [
    ['SIGINT', 0],
    ['SIGKILL', 1],
  ] as const)
    test(`an export ended by ${signal} leaves no cache that names what is not there`, async () => {
      const prefix = `${signal.toLowerCase()}/`;
      const dir = big(signal, 2);
      const before = (await swift.uploadsOf(BUCKET)).length;
      const to = flag(prefix, ',mode=max,upload_parallelism=1');
      const part = swift.answered(/^200 PUT .*partNumber=1/);
      const child = spawn('bin/stave', argsOf(dir, ['--no-cache', '--cache-to', to]), {
        env: { ...world.env, ...keys() },
        stdio: 'ignore',
      });
      const ended = once(child, 'close');
      await part;
      child.kill(signal);
      await ended;
      assert.ok(!(await swift.keysOf(BUCKET)).includes(`${prefix}manifests/buildkit`));
      assert.equal((await swift.uploadsOf(BUCKET)).length - before, left);
      await build(world, dir, ['--cache-to', to]);
      using _fresh = await comes(dir, flag(prefix));
    });

  test('the bucket as part of the host, keys with odd letters, a session token', async () => {
    const dir = context('odd');
    await using proxy = await roughProxy(swift.url);
    const odd = `type=s3,bucket=${BUCKET},region=${swift.region},endpoint_url=http://${swift.domain},prefix=a b+ü~(1)!'*/,name=n&m=1`;
    const env = keys({ http_proxy: proxy.url, AWS_SESSION_TOKEN: 'token/+=' });
    await build(world, dir, ['--cache-to', `${odd},mode=max`], env);
    assert.ok(proxy.hosts.has(`${BUCKET}.${swift.domain}`));
    assert.ok((await swift.keysOf(BUCKET)).includes("a b+ü~(1)!'*/manifests/n&amp;m=1"));
    using _fresh = await comes(dir, odd, env);
  });

  test('objects in use that are old are made new', async () => {
    const dir = context('old');
    await using proxy = await roughProxy(swift.url);
    const to = flag('old/').replace(swift.url, proxy.url);
    await build(world, dir, ['--cache-to', `${to},mode=max`]);
    await swift.requests();
    proxy.ages = true;
    await build(world, dir, ['--cache-to', `${to},mode=max`]);
    const lines = await swift.requests();
    const found = lines.filter((line) => line.startsWith('200 HEAD ')).map(keyOf);
    const written = lines.filter((line) => line.startsWith('200 PUT ')).map(keyOf);
    assert.ok(found.length >= 7, lines.join('\n'));
    assert.deepEqual(
      found.filter((key) => !written.includes(key)),
      [],
    );
    using _fresh = await comes(dir, to);
  });

  test('who may not, and what is not there: said, and no failure of the build', async () => {
    const dir = context('refused');
    const wrong = 'hush-this-is-secret';
    for (const [more, env, words] of [
      ['', keys({ AWS_SECRET_ACCESS_KEY: wrong }), /SignatureDoesNotMatch: /],
      ['', keys({ AWS_ACCESS_KEY_ID: 'test:nobody' }), /SignatureDoesNotMatch: /],
      [',region=us-east-1', keys(), /: the bucket is not in region us-east-1/],
      [',bucket=nowhere', keys(), /NoSuchBucket|there is no such bucket/],
    ] as const) {
      const said = changed(flag('refused/'), more);
      const { stderr } = await build(world, dir, ['--cache-to', said], env);
      assert.match(stderr, words);
      assert.ok(!stderr.includes(wrong));
      assert.doesNotMatch(stderr, /\(node:|status \d/);
      const strict = await world.start(argsOf(dir, ['--cache-to', `${said},required`]), env);
      assert.equal(strict.status, 1);
      assert.match(strict.stderr, words);
    }
    const nowhere = changed(flag('refused/'), ',bucket=nowhere');
    const { stderr } = await build(world, dir, ['--cache-from', nowhere]);
    assert.match(stderr, /there is no such bucket/);
    assert.deepEqual(
      (await swift.keysOf(BUCKET)).filter((name) => name.startsWith('refused/')),
      [],
    );
  });
});

interface Layer {
  readonly blob: string;
  readonly parent?: number;
  readonly annotations: {
    readonly mediaType: string;
    readonly diffID: string;
    readonly size: number;
    readonly createdAt: string;
  };
}

interface CacheRecord {
  readonly digest: string;
  readonly layers?: readonly { readonly layer: number }[];
}

/** A flag with another value of one option. */
function changed(text: string, more: string): string {
  const name = /^,(\w+)=/.exec(more)?.[1];
  return name === undefined ? text : text.replace(new RegExp(`,${name}=[^,]*`), more);
}

function keyOf(line: string): string {
  return line.replace(new RegExp(`^.*? /${BUCKET}/`), '').replace(/\?.*/, '');
}
