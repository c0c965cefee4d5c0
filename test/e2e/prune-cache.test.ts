import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { staveWorld } from '../helpers/stave.js';

const HOUR_S = 3600;

interface Row {
  readonly ID: string;
  readonly CacheType: string;
  readonly Description: string;
  readonly LastUsedSince: string;
  readonly UsageCount: string;
}

describe('the build cache by its last use', () => {
  const world = staveWorld();
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  });
  after(() => {
    world[Symbol.dispose]();
  });
  const context = (name: string, lines: readonly string[]): string => {
    const at = join(world.dir, name);
    mkdirSync(at, { recursive: true });
    writeFileSync(join(at, 'Dockerfile'), `${lines.join('\n')}\n`);
    return at;
  };
  /** Built, and left without an image: only cache. */
  const build = (name: string, ...lines: string[]): string => {
    const at = context(name, ['FROM bb', ...lines]);
    world.ok('build', '-q', '-t', 'gone', at);
    world.ok('rmi', 'gone');
    return at;
  };
  const cache = (): Row[] => {
    const { stdout } = world.ok('system', 'df', '-v', '--format', 'json');
    const { BuildCache } = JSON.parse(stdout) as { BuildCache: Row[] };
    return BuildCache.filter(({ CacheType }) => CacheType !== 'internal');
  };
  const named = (text: string): Row | undefined =>
    cache().find(({ Description }) => Description.includes(text));
  /** As if nothing had been built for so many hours. */
  const age = (hours: number): void => {
    const back = (directory: string): void => {
      for (const entry of readdirSync(join(world.root, directory), { withFileTypes: true })) {
        const path = `${directory}/${entry.name}`;
        if (entry.name === 'fs') continue;
        if (entry.isDirectory()) back(path);
        const time = Date.now() / 1000 - hours * HOUR_S;
        utimesSync(join(world.root, path), time, time);
      }
    };
    for (const directory of ['trees', 'records', 'blobs', 'mounts', 'contexts']) back(directory);
  };
  const prune = (...args: string[]): string[] =>
    world
      .ok('builder', 'prune', '-f', ...args)
      .stdout.split('\n')
      .filter((line) => /^[0-9a-f]{20,}$/.test(line));

  test('a build that is cached whole uses all its steps again, also those of other stages', () => {
    const at = context('stages', [
      'FROM bb AS tool',
      'RUN echo tool > /tool',
      'FROM bb',
      'COPY --from=tool /tool /tool',
      'RUN echo last > /last',
    ]);
    world.ok('build', '-q', '-t', 'gone', at);
    world.ok('rmi', 'gone');
    build('old', 'RUN echo old > /old');
    age(10);
    assert.equal(named('echo old')?.LastUsedSince, '10 hours ago');
    world.ok('build', '-q', '-t', 'gone', at);
    world.ok('rmi', 'gone');
    assert.equal(named('echo tool')?.UsageCount, '2');
    assert.match(named('echo tool')?.LastUsedSince ?? '', /second/);
    const gone = prune('--filter', 'until=1h');
    assert.ok(gone.length > 0);
    assert.equal(named('echo old'), undefined);
    assert.notEqual(named('echo tool'), undefined);
    const again = world.ok('build', '--progress=plain', at).stderr;
    assert.doesNotMatch(again, /^#\d+ DONE .*RUN/m);
    assert.equal(again.match(/^#\d+ CACHED$/gm)?.length, 4);
    prune('-a');
  });

  test('filters, budgets, dry runs', () => {
    build('one', 'RUN head -c 3000000 /dev/urandom > /one');
    build('two', 'RUN head -c 2000000 /dev/urandom > /two');
    build(
      'three',
      'RUN --mount=type=cache,id=mine,target=/c head -c 1000000 /dev/urandom > /c/three',
    );
    const dry = world.ok('builder', 'prune', '--dry-run', '--filter', 'description~=/one$');
    assert.match(
      dry.stdout,
      /^Would delete build cache objects:\n[0-9a-f]{32}\n\nTotal reclaimable space: 3\.0\d\dMB\n$/,
    );
    assert.notEqual(named('/one'), undefined);
    const id = named('/two')!.ID;
    for (const [filters, count] of [
      [['type=exec.cachemount'], 1],
      [['type!=exec.cachemount', 'description~=/one$'], 1],
      [[`id=${id.slice(0, 12)}`], 1],
      [['inuse'], 0],
      [['unused-for=1h'], 0],
      [['until=0s', 'description~=RUN'], 3],
    ] as const) {
      const args = filters.flatMap((filter) => ['--filter', filter]);
      const { stdout } = world.ok('builder', 'prune', '--dry-run', ...args);
      assert.equal(stdout.match(/^[0-9a-f]{20,}$/gm)?.length ?? 0, count, filters.join());
    }
    for (const [args, message] of [
      [['--filter', 'typ=x'], "invalid filter 'typ'\n\nhint: did you mean type?"],
      [
        ['--filter', 'until=x'],
        "invalid filter 'until=x'\n\nhint: how long it was not used, such as 24h, or for until a time",
      ],
      [['--filter', 'id~=('], "invalid filter 'id~=('\n\nhint: it is no regular expression"],
      [
        ['--keep-storage', 'x'],
        'invalid argument "x" for "--keep-storage" flag\n\nhint: a size such as 500mb or 10gb',
      ],
    ] as const)
      assert.equal(world.run('builder', 'prune', '-f', ...args).stderr, `ERROR: ${message}\n`);
    // The oldest go until the rest fits.
    assert.equal(prune('--keep-storage', '4mb').length, 1);
    assert.equal(named('/one'), undefined);
    assert.notEqual(named('/two'), undefined);
    prune('--max-used-space', '1500kb');
    assert.equal(named('/two'), undefined);
    assert.notEqual(named('cache mount mine'), undefined);
    const left = cache().length;
    prune('--min-free-space', '1kb');
    assert.equal(cache().length, left);
    build('four', 'RUN head -c 500000 /dev/urandom > /four');
    for (const more of [['--filter', 'description~=/four$'], ['-a']]) {
      // With the records of what goes, to the byte.
      const would = world.ok('builder', 'prune', '--dry-run', ...more).stdout;
      const does = world.ok('builder', 'prune', '-f', ...more).stdout;
      assert.equal(
        would.replace('Would delete', 'Deleted').replace('reclaimable', 'reclaimed'),
        does,
      );
    }
    assert.deepEqual(cache(), []);
  });

  test('after a full prune nothing is left of the records', () => {
    build(
      'much',
      ...Array.from({ length: 20 }, (_, i) => `RUN echo ${String(i)} > /f${String(i)}`),
    );
    world.ok('image', 'prune', '-af');
    age(2);
    prune('-a');
    const left = (directory: string): string[] =>
      readdirSync(join(world.root, directory), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ name }) => name);
    for (const directory of ['records', 'contexts', 'trees', 'blobs'])
      assert.deepEqual(left(directory), [], directory);
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  });

  test('a pruned dangling image never makes a rebuild slower', () => {
    const at = context('app', [
      'FROM bb AS tool',
      'RUN echo t > /t',
      'FROM bb',
      'COPY --from=tool /t /t',
      'RUN echo 1 > /1',
    ]);
    world.ok('build', '-q', '-t', 'app', at);
    context('app', [
      'FROM bb AS tool',
      'RUN echo t > /t',
      'FROM bb',
      'COPY --from=tool /t /t',
      'RUN echo 2 > /2',
    ]);
    world.ok('build', '-q', '-t', 'app', at);
    const dry = world.ok('image', 'prune', '--dry-run').stdout;
    assert.match(
      dry,
      /^Would delete Images:\ndeleted: sha256:[0-9a-f]{64}\n\nTotal reclaimable space: /,
    );
    assert.match(world.ok('image', 'prune', '-f').stdout, /^Deleted Images:\ndeleted: /);
    for (const last of ['1', '2']) {
      context('app', [
        'FROM bb AS tool',
        'RUN echo t > /t',
        'FROM bb',
        'COPY --from=tool /t /t',
        `RUN echo ${last} > /${last}`,
      ]);
      const { stderr } = world.ok('build', '--progress=plain', '-t', 'app', at);
      assert.equal(stderr.match(/^#\d+ CACHED$/gm)?.length, 4, stderr);
    }
  });

  test('system prune --dry-run: what would go of each kind, as it then goes', () => {
    world.ok('create', '--name', 'over', '-v', '/anon', 'app');
    const lines = (text: string): string[] =>
      text.split('\n').filter((line) => !/:$|^Total/.test(line));
    const dry = world.ok('system', 'prune', '-a', '--volumes', '--dry-run').stdout;
    for (const kind of ['Containers', 'Volumes', 'Images', 'build cache objects'])
      assert.match(dry, new RegExp(`^Would delete ${kind}:$`, 'm'));
    assert.equal(world.ok('ps', '-aq').stdout.length, 13);
    const real = world.ok('system', 'prune', '-a', '--volumes', '-f').stdout;
    assert.deepEqual(new Set(lines(real)), new Set(lines(dry)));
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  });

  test('builds, prunes and removals at once: every build succeeds, every image is whole (R15, R20)', async () => {
    const at = context('storm', [
      'FROM bb',
      'RUN echo a > /a',
      'RUN echo b > /b',
      'COPY Dockerfile /c',
    ]);
    let stop = false;
    const failures: string[] = [];
    const builder = async (name: string): Promise<void> => {
      for (let round = 0; round < 12; round++) {
        const built = await world.start(['build', '-q', '-t', name, at]);
        if (built.status !== 0) failures.push(built.stderr);
        const run = ['run', '--rm', '--network=none', name, 'cat', '/a', '/b'];
        const ran = await world.start(run);
        if (ran.stdout !== 'a\nb\n') failures.push(`${ran.stdout}${ran.stderr}`);
        const saved = await world.start(['save', '-o', join(world.dir, `${name}.tar`), name]);
        if (saved.status !== 0) failures.push(saved.stderr);
        if (round % 3 === 2) await world.start(['rmi', name]);
      }
    };
    const pruner = async (...args: string[]): Promise<void> => {
      while (!stop) {
        const pruned = await world.start(args);
        if (pruned.status !== 0) failures.push(pruned.stderr);
      }
    };
    const pruners = [pruner('builder', 'prune', '-f', '-a'), pruner('image', 'prune', '-f')];
    await Promise.all([builder('storm1'), builder('storm2')]);
    stop = true;
    await Promise.all(pruners);
    assert.deepEqual(failures, []);
  });

  test('a container that runs in the foreground keeps its own, and nothing else', async () => {
    build('unused', 'RUN echo unused > /unused');
    const child = spawn(
      'bin/stave',
      ['run', '--rm', '--network=none', 'bb', 'sh', '-c', 'echo up; cat'],
      {
        env: world.env,
      },
    );
    await new Promise((resolve) => child.stdout.once('data', resolve));
    assert.ok(prune().length > 0);
    assert.equal(named('/unused'), undefined);
    child.stdin.end();
    assert.equal(await new Promise((resolve) => child.once('close', resolve)), 0);
  });

  test('a layer that was made twice is found when one of its trees is pruned', () => {
    const at = context('twice', ['FROM scratch', 'COPY Dockerfile /file']);
    world.ok('build', '-q', '-t', 'twice', at);
    world.ok('build', '-q', '--no-cache', '-t', 'twice', at);
    world.ok('rmi', 'twice');
    world.ok('image', 'prune', '-f');
    const checked = world.run('store', 'check');
    assert.equal(checked.status, 0, checked.stdout);
    assert.match(world.ok('build', '-t', 'twice', at).stderr, /all 1 steps? cached|CACHED/);
    world.ok('save', '-o', join(world.dir, 'twice.tar'), 'twice');
    world.ok('rmi', 'twice');
  });

  test('a digest that leads to a tree that is gone leads to the one that a build finds', () => {
    const at = context('led', ['FROM scratch', 'COPY Dockerfile /led']);
    world.ok('build', '-q', '-t', 'led', at);
    const pointers = join(world.root, 'trees/by-diff');
    const diffID = world.ok('image', 'inspect', '-f', '{{index .RootFS.Layers 0}}', 'led').stdout;
    const pointer = join(pointers, diffID.trim().slice('sha256:'.length));
    world.ok('rmi', 'led');
    writeFileSync(pointer, '0'.repeat(32));
    world.ok('build', '-q', '-t', 'led', at);
    world.ok('save', '-o', join(world.dir, 'led.tar'), 'led');
    assert.equal(world.run('store', 'check').status, 0);
    world.ok('rmi', 'led');
  });
});
