import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  buildApp,
  CACHE_DOCKERFILE,
  cacheWorld,
  imageId,
  ran,
  skopeo,
} from '../helpers/cache-world.js';
import { type StaveWorld, staveWorld } from '../helpers/stave.js';

describe('caches of other machines', () => {
  const cache = cacheWorld();
  const { world, context, at } = cache;
  const layersAsked = (requests: readonly string[]): string[] =>
    requests.filter((line) => line.startsWith('GET') && line.includes('/blobs/'));
  const written = (requests: readonly string[]): string[] =>
    requests.filter((line) => /^(PUT|POST|PATCH)/.test(line));

  test('an empty machine runs nothing, gets the same image, and sends nothing back', async () => {
    const dir = context('whole');
    const first = buildApp(world, dir, '--cache-to', `${at('whole:cache')},mode=max`);
    assert.match(first.stderr, /10 steps, 9 layers; 9 of them uploaded/);
    using fresh = staveWorld();
    await cache.registry.requests();
    const flags = [
      '--cache-from',
      at('whole:cache'),
      '--cache-to',
      `${at('whole:cache')},mode=max`,
    ];
    const second = buildApp(fresh, dir, ...flags);
    assert.deepEqual(ran(second), []);
    assert.equal(imageId(second), imageId(first));
    const requests = await cache.registry.requests();
    assert.deepEqual(written(requests), []);
    // Its config, and the eight layers of the image; not the other stage's.
    assert.equal(layersAsked(requests).length, 1 + 8);
    const output = fresh.ok('run', '--rm', 'app', 'cat', '/from-tool', '/two', '/linked');
    assert.equal(output.stdout, 'tool\ntwo\nhello\n');
    // What came is the machine's own from now on.
    assert.deepEqual(ran(buildApp(fresh, dir)), []);
    assert.deepEqual(await cache.registry.requests(), []);
  });

  test('a change runs what reads it, says why, and uploads what is new', async () => {
    const dir = context('change');
    buildApp(world, dir, '--cache-to', `${at('change:cache')},mode=max`);
    using fresh = staveWorld();
    writeFileSync(
      join(dir, 'Dockerfile'),
      CACHE_DOCKERFILE.replace('echo two', 'echo more').replace('WORKDIR', 'ENV a=b\nWORKDIR'),
    );
    await cache.registry.requests();
    const flags = ['--cache-from', `${cache.registry.host}/change:cache`, '--cache-to'];
    const outcome = buildApp(fresh, dir, ...flags, `${at('change:cache')},mode=max`);
    assert.match(outcome.stderr, /why: changed: instruction text/);
    assert.deepEqual(ran(outcome), [
      '[stage-2 3/6] RUN echo more > /two',
      '[stage-2 4/6] COPY --from=tool /tool /from-tool',
      '[stage-2 5/6] LINK COPY --link file /linked',
      '[stage-2 6/6] WORKDIR /work',
    ]);
    const news = Number(/; (\d+) of them uploaded/.exec(outcome.stderr)?.[1]);
    assert.ok(news <= 2, 'what RUN wrote, and a directory made anew');
    const puts = written(await cache.registry.requests()).filter((line) => line.startsWith('PUT'));
    // The reasons and the config besides; last the manifest.
    assert.equal(puts.length, news + 2 + 1, puts.join('\n'));
    assert.match(puts.at(-1) ?? '', /\/manifests\/cache$/);
    assert.equal(fresh.ok('run', '--rm', 'app', 'cat', '/two').stdout, 'more\n');
  });

  test('the same result by another text is a hit on another machine', () => {
    const dir = context('cutoff', `${CACHE_DOCKERFILE}RUN cat /two > /three\n`);
    buildApp(world, dir, '--cache-to', `${at('cutoff:cache')},mode=max`);
    using fresh = staveWorld();
    const text = readFileSync(join(dir, 'Dockerfile'), 'utf8');
    writeFileSync(join(dir, 'Dockerfile'), text.replace('echo two >', 'echo  two  >'));
    const outcome = buildApp(fresh, dir, '--cache-from', at('cutoff:cache'));
    assert.deepEqual(ran(outcome), ['[stage-2 3/7] RUN echo  two  > /two']);
    assert.match(outcome.stderr, /CACHED \(same result\)/);
    assert.equal(fresh.ok('run', '--rm', 'app', 'cat', '/three').stdout, 'two\n');
    const again = buildApp(fresh, dir);
    assert.deepEqual(ran(again), []);
    assert.doesNotMatch(again.stderr, /same result/);
    assert.equal(imageId(again), imageId(outcome));
  });

  test('what a stage made is looked for by what it holds, and stays where it is', async () => {
    const [base = ''] = CACHE_DOCKERFILE.split('FROM base AS');
    const text = [
      base + 'FROM base AS work',
      'RUN echo one > /one',
      'RUN cp /one /two',
      'RUN cp /two /three',
      'FROM base',
      'COPY --from=work /three /from-work',
      'RUN --mount=from=work,target=/work cp /work/two /from-mount',
      '',
    ].join('\n');
    const dir = context('stays', text);
    const first = buildApp(world, dir, '--cache-to', `${at('stays:cache')},mode=max`);
    using fresh = staveWorld();
    writeFileSync(join(dir, 'Dockerfile'), text.replace('echo one >', 'echo  one  >'));
    await cache.registry.requests();
    const outcome = buildApp(fresh, dir, '--cache-from', at('stays:cache'));
    assert.deepEqual(ran(outcome), ['[work 1/3] RUN echo  one  > /one']);
    assert.equal(outcome.stderr.match(/CACHED \(same result\)/g)?.length, 4);
    assert.notEqual(imageId(outcome), undefined);
    assert.equal(imageId(outcome), imageId(first));
    // The config, the reasons, and the four layers of the image: nothing of what the stage made.
    assert.equal(layersAsked(await cache.registry.requests()).length, 2 + 4);
    // Known from now on as far as it is here: the step that ran, and the image.
    assert.deepEqual(ran(buildApp(fresh, dir)), []);
    const output = fresh.ok('run', '--rm', 'app', 'cat', '/from-work', '/from-mount');
    assert.equal(output.stdout, 'one\none\n');
  });

  test("mode=min has the image's steps and no others", () => {
    const dir = context('min');
    const outcome = buildApp(world, dir, '--cache-to', at('min:cache'));
    assert.match(outcome.stderr, /9 steps, 8 layers/);
  });

  test("a base image's layers stay where they are", async () => {
    const base = context('base', CACHE_DOCKERFILE.split('FROM base AS')[0]);
    world.ok(
      'build',
      '-q',
      '-t',
      'base',
      '-o',
      `type=oci,dest=${join(world.dir, 'base.tar')}`,
      base,
    );
    skopeo(`oci-archive:${join(world.dir, 'base.tar')}`, `docker://${cache.registry.host}/base:v1`);
    const dir = context(
      'on-base',
      `FROM ${cache.registry.host}/base:v1\nRUN echo built > /built\n`,
    );
    using first = staveWorld();
    buildApp(first, dir, '--cache-to', at('on-base:cache'));
    using fresh = staveWorld();
    await cache.registry.requests();
    const outcome = buildApp(fresh, dir, '--cache-from', at('on-base:cache'));
    assert.deepEqual(ran(outcome), []);
    const [config, layer, ...more] = layersAsked(await cache.registry.requests()).filter((line) =>
      line.includes('/on-base/'),
    );
    assert.ok(config !== undefined && layer !== undefined && more.length === 0);
    // What came is the machine's own from now on, though nothing looked into the base.
    assert.deepEqual(ran(buildApp(fresh, dir)), []);
    const flags = ['--cache-from', at('on-base:cache'), '--cache-to', at('on-base:cache')];
    await cache.registry.requests();
    assert.match(buildApp(fresh, dir, ...flags).stderr, /1 step, 1 layer; 0 of them uploaded/);
    assert.deepEqual(written(await cache.registry.requests()), []);
    assert.equal(fresh.ok('run', '--rm', 'app', 'cat', '/built').stdout, 'built\n');
  });

  /** The same files with other times: other layers to whoever names them by digest. */
  const baseArchive = (epoch: number, name = 'apart'): string => {
    const file = join(world.dir, `base-${String(epoch)}.tar`);
    const [text] = CACHE_DOCKERFILE.split('FROM base AS');
    const times = ['--build-arg', `SOURCE_DATE_EPOCH=${String(epoch)}`];
    const output = `type=docker,dest=${file},name=${name},rewrite-timestamp=true`;
    world.ok('build', '-q', ...times, '-o', output, context('apart', text));
    return file;
  };
  const diffIDs = (on: StaveWorld, name: string): string[] => {
    const { stdout } = on.ok('image', 'inspect', '--format', '{{json .RootFS.Layers}}', name);
    return JSON.parse(stdout) as string[];
  };

  test('bases that were built apart and hold the same: all steps on them are hits', async () => {
    const dir = context(
      'on-apart',
      `FROM apart AS tool
RUN echo tool > /tool
FROM apart
COPY file /file
RUN cat /file > /copy
COPY --from=tool /tool /tool
COPY --link file /linked
WORKDIR /work
`,
    );
    using first = staveWorld();
    first.ok('load', '-q', '-i', baseArchive(1));
    buildApp(first, dir, '--cache-to', `${at('apart:cache')},mode=max`);
    using second = staveWorld();
    second.ok('load', '-q', '-i', baseArchive(2));
    assert.notDeepEqual(diffIDs(first, 'apart'), diffIDs(second, 'apart'));
    await cache.registry.requests();
    const from = ['--cache-from', at('apart:cache')];
    const to = ['--cache-to', `${at('apart:cache')},mode=max`];
    const outcome = buildApp(second, dir, ...from, ...to);
    assert.deepEqual(ran(outcome), []);
    assert.match(outcome.stderr, /CACHED \(same result\)/);
    // It stands on the base that is here; only those layers are news to the cache.
    assert.match(outcome.stderr, /; 2 of them uploaded/);
    assert.deepEqual(diffIDs(second, 'app').slice(0, 2), diffIDs(second, 'apart'));
    assert.equal(second.ok('run', '--rm', 'app', 'cat', '/copy', '/tool').stdout, 'hello\ntool\n');
    // Its own from now on.
    await cache.registry.requests();
    assert.deepEqual(ran(buildApp(second, dir)), []);
    assert.deepEqual(await cache.registry.requests(), []);
  });

  test('a base that no registry has goes with the cache, to an empty store', () => {
    const base = `${cache.registry.host}/nowhere:1`;
    const lines = [`FROM ${base} AS tool`, 'RUN echo tool > /tool', `FROM ${base}`];
    const dir = context('carried', [...lines, 'COPY --from=tool /tool /tool\n'].join('\n'));
    world.ok('load', '-q', '-i', baseArchive(3, base));
    const to = ['--cache-to', `${at('carried:cache')},mode=max`];
    const from = ['--cache-from', at('carried:cache')];
    const built = buildApp(world, dir, ...to);
    using fresh = staveWorld();
    assert.match(fresh.run('build', dir).stderr, /nowhere:1: not found/);
    const outcome = buildApp(fresh, dir, ...from, ...to);
    assert.deepEqual(ran(outcome), []);
    assert.match(outcome.stderr, /nowhere:1 is taken from the cache of registry/);
    // It goes on from there with all it has, and sends nothing back.
    assert.match(outcome.stderr, /2 steps, \d layers; 0 of them uploaded \(0 bytes\)/);
    assert.equal(imageId(outcome), imageId(built));
    // A cache gives a build what it needs, and names nothing.
    assert.equal(fresh.ok('image', 'ls', '--format', '{{.Repository}}').stdout, 'app\n');
    const asked = fresh.run('build', '--pull', ...from, dir).stderr;
    assert.match(asked, /nowhere:1: not found/);
    writeFileSync(join(dir, 'Dockerfile'), [...lines, 'RUN ls /bin > /more\n'].join('\n'));
    assert.deepEqual(ran(buildApp(fresh, dir, ...from)), ['[stage-1 2/2] RUN ls /bin > /more']);
    assert.match(fresh.ok('run', '--rm', 'app', 'cat', '/more').stdout, /^busybox$/m);
  });

  test("another machine's export keeps the bases that a cache has", () => {
    const base = `${cache.registry.host}/kept:1`;
    const dir = context('kept', `FROM ${base}\nRUN ls /bin > /list\n`);
    world.ok('load', '-q', '-i', baseArchive(5, base));
    const to = ['--cache-to', `${at('kept:cache')},mode=max`];
    buildApp(world, dir, ...to);
    using other = staveWorld();
    // Of none of its own, twice: the second time there is nothing new.
    const without = context('kept-none', 'FROM scratch\nCOPY file /file\n');
    for (let i = 0; i < 2; i++) buildApp(other, without, ...to);
    using fresh = staveWorld();
    buildApp(fresh, dir, '--cache-from', at('kept:cache'));
    assert.match(fresh.ok('run', '--rm', 'app', 'cat', '/list').stdout, /^busybox$/m);
  });

  test('mode=min has no layer that its image has not: who needs more is told', () => {
    const [base, other] = [3, 4].map((epoch) => {
      const name = `${cache.registry.host}/only-here:${String(epoch)}`;
      world.ok('load', '-q', '-i', baseArchive(epoch, name));
      return name;
    }) as [string, string];
    const dir = context(
      'lacking',
      `FROM ${other} AS tool\nRUN echo tool > /tool\nFROM ${base}\nCOPY --from=tool /tool /tool\n`,
    );
    const directory = join(world.dir, 'lacking-cache');
    buildApp(world, dir, '--cache-to', `type=local,dest=${directory}`);
    using fresh = staveWorld();
    const from = ['--cache-from', `type=local,src=${directory}`];
    assert.deepEqual(ran(buildApp(fresh, dir, ...from)), []);
    const { status, stderr } = fresh.run('build', ...from, '--no-cache', dir);
    assert.equal(status, 1);
    assert.match(stderr, /no registry has layer sha256:\S+ of \S+only-here:4[^]*hint: .*mode=max/);
  });

  for (const flags of [
    ['--cache-to', 'type=inline'],
    ['--build-arg', 'BUILDKIT_INLINE_CACHE=1'],
  ]) {
    test(`an image carries its cache: ${flags.join(' ')}`, () => {
      const name = `inline-${String(flags[0]?.length)}`;
      const dir = context(name);
      const archive = join(world.dir, `${name}.tar`);
      const first = buildApp(world, dir, ...flags, '-o', `type=oci,dest=${archive}`);
      skopeo(`oci-archive:${archive}`, `docker://${cache.registry.host}/${name}:v1`);
      using fresh = staveWorld();
      const again = buildApp(
        fresh,
        dir,
        ...flags,
        '--cache-from',
        `${cache.registry.host}/${name}:v1`,
      );
      assert.deepEqual(ran(again), []);
      assert.equal(imageId(again), imageId(first));
      // Only its own layers travel; the other stage runs where it is needed.
      using other = staveWorld();
      writeFileSync(join(dir, 'file'), 'changed\n');
      const changed = buildApp(other, dir, '--cache-from', `${cache.registry.host}/${name}:v1`);
      assert.ok(ran(changed).includes('[tool 1/1] RUN echo tool > /tool'));
      assert.ok(!ran(changed).includes('[stage-2 1/6] RUN echo one > /one'));
    });
  }

  test('an image carries its base, too, if no registry has that; of another stage it cannot', () => {
    const [base, tool] = ['inline-base', 'inline-tool'].map((name) => {
      const full = `${cache.registry.host}/${name}:1`;
      world.ok('load', '-q', '-i', baseArchive(8, full));
      return full;
    }) as [string, string];
    const dir = context('inline-on', `FROM ${base}\nRUN echo one > /one\nCOPY file /file\n`);
    const archive = join(world.dir, 'inline-on.tar');
    const inline = ['--cache-to', 'type=inline', '-o', `type=oci,dest=${archive}`];
    const first = buildApp(world, dir, ...inline);
    assert.doesNotMatch(first.stderr, /warning/);
    skopeo(`oci-archive:${archive}`, `docker://${cache.registry.host}/inline-on:v1`);
    using fresh = staveWorld();
    const from = ['--cache-from', `${cache.registry.host}/inline-on:v1`];
    const again = buildApp(fresh, dir, '--cache-to', 'type=inline', ...from);
    assert.deepEqual(ran(again), []);
    assert.equal(imageId(again), imageId(first));
    // Its layers are there for a step that was never run.
    writeFileSync(join(dir, 'Dockerfile'), `FROM ${base}\nRUN ls /bin > /list\n`);
    buildApp(fresh, dir, ...from);
    assert.match(fresh.ok('run', '--rm', 'app', 'cat', '/list').stdout, /^busybox$/m);
    world.ok('load', '-q', '-i', baseArchive(9, tool));
    const other = `FROM ${tool} AS tool\nRUN echo > /tool\nFROM ${base}\nCOPY --from=tool /tool /\n`;
    const { stderr } = buildApp(world, context('inline-two', other), ...inline);
    const lacking = /WARN: the cache in the image does not carry base image \S+inline-tool:1,/g;
    assert.equal(stderr.match(lacking)?.length, 1);
    assert.match(stderr, /^#\d+ hint: push \S+inline-tool:1, or use --cache-to type=registry/m);
    assert.doesNotMatch(stderr, /not carry base image \S+inline-base/);
  });

  test('the same input gives the same image, its cache included', () => {
    const dir = context('epoch');
    const flags = ['--cache-to', 'type=inline', '--build-arg', 'SOURCE_DATE_EPOCH=1700000000'];
    // One has a past: what its steps gave before holds the same, in other layers.
    using other = staveWorld();
    const ids = [world, other].map((on) => imageId(buildApp(on, dir, '--no-cache', ...flags)));
    assert.equal(ids[0], ids[1]);
  });

  test('a directory holds caches by name; a new one takes the place of the old', () => {
    const dir = context('local');
    const directory = join(world.dir, 'cache-directory');
    const to = `type=local,dest=${directory},mode=max`;
    buildApp(world, dir, '--cache-to', `${to},tag=other`, '--cache-to', to);
    writeFileSync(join(dir, 'file'), 'changed\n');
    buildApp(world, dir, '--cache-to', to);
    using fresh = staveWorld();
    const from = `type=local,src=${directory}`;
    assert.deepEqual(ran(buildApp(fresh, dir, '--cache-from', from)), []);
    writeFileSync(join(dir, 'file'), 'hello\n');
    const other = buildApp(fresh, dir, '--cache-from', `${from},tag=other`);
    assert.deepEqual(ran(other), []);
  });

  test('a cache of the same registry lends its layers: nothing of them travels', async () => {
    const dir = context('lent', `${CACHE_DOCKERFILE}RUN echo lent > /lent\n`);
    buildApp(world, dir, '--cache-to', `${at('lender:cache')},mode=max`);
    using fresh = staveWorld();
    await cache.registry.requests();
    const flags = [
      '--cache-from',
      at('lender:cache'),
      '--cache-to',
      `${at('borrower:cache')},mode=max`,
    ];
    const outcome = buildApp(fresh, dir, ...flags);
    const requests = await cache.registry.requests();
    assert.match(outcome.stderr, /11 steps, 10 layers; 0 of them uploaded/);
    assert.equal(requests.filter((line) => line.includes('mount=')).length, 10);
    // The other stage's was never on this machine.
    assert.equal(layersAsked(requests).length, 1 + 9);
  });

  test('several platforms share a cache', () => {
    const dir = context('platforms', 'FROM scratch\nCOPY file /file\nCOPY busybox /bin/\n');
    const flags = ['--platform', 'linux/amd64,linux/arm64'];
    buildApp(world, dir, ...flags, '--cache-to', at('platforms:cache'));
    using fresh = staveWorld();
    assert.deepEqual(
      ran(buildApp(fresh, dir, ...flags, '--cache-from', at('platforms:cache'))),
      [],
    );
  });
});
