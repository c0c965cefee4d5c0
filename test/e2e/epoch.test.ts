import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { ORDINARY_UID, ordinaryWorld, type OrdinaryWorld } from '../helpers/ordinary-user.js';
import { outcomeOf } from '../helpers/outcome-of.js';
import { runProgram } from '../helpers/run-program.js';
import { staveWorld, type StaveWorld } from '../helpers/stave.js';

const EPOCH = '1700000000';
const TIME = '2023-11-14T22:13:20Z';

/** What makes these different twice is said in their Dockerfile: they keep the time of day. */
const NOT_DETERMINISTIC: ReadonlySet<string> = new Set(['from-used-twice']);

/** The kernel makes device nodes for none but the machine's root, so mknod in a RUN fails rootless, as it does for every builder. */
const MAKES_DEVICES: ReadonlySet<string> = new Set([
  'special-files',
  'run-devices-are-names',
  'run-security-insecure',
]);

interface Fixture {
  readonly args?: readonly string[];
  readonly context?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

/**
 * Every deterministic fixture, on the stores of root and of an ordinary user, from two copies of its files with other
 * times: the same digests.
 */
describe('SOURCE_DATE_EPOCH gives the same image anywhere, for root and without (testReproSourceDateEpoch)', () => {
  const [root, ordinary] = [staveWorld(), ordinaryWorld()];
  const worlds = [root, ordinary];
  before(() => {
    for (const world of worlds) {
      world.env['SOURCE_DATE_EPOCH'] = EPOCH;
      world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    }
  });
  after(() => {
    for (const world of worlds) world[Symbol.dispose]();
  });

  for (const kind of ['language', 'features']) {
    const folders = readdirSync(join('fixtures', kind), { withFileTypes: true });
    for (const { name } of folders.filter((entry) => entry.isDirectory())) {
      if (NOT_DETERMINISTIC.has(name) || MAKES_DEVICES.has(name)) continue;
      test(`${kind}/${name}`, async () => {
        const made = worlds.map((world) => digests(world, join('fixtures', kind), name));
        const [first, second] = await Promise.all(made);
        assert.deepEqual(second, first);
      });
    }
  }
});

/** The manifest in the store and the one in an OCI archive; how it fails, for one that does. */
async function digests(
  world: StaveWorld | OrdinaryWorld,
  folder: string,
  name: string,
): Promise<unknown> {
  // A copy has times of its own, and the same path in both worlds but for their directory.
  const dir = join(world.dir, `${basename(folder)}-${name}`);
  mkdirSync(dir);
  cp(`${join(folder, name)}/.`, dir);
  const file = join(dir, 'fixture.json');
  const fixture = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Fixture) : {};
  const feature = folder.endsWith('features');
  const empty = join(world.dir, 'empty');
  mkdirSync(empty, { recursive: true });
  const context = fixture.context ?? (existsSync(join(dir, 'context')) ? 'context' : empty);
  const [archive, metadata] = [join(world.dir, 'image.tar'), join(world.dir, 'metadata.json')];
  const args = ['build', '-q', '-o', `type=oci,dest=${archive}`, '--metadata-file', metadata];
  args.push(...(fixture.args ?? []));
  if (existsSync(join(dir, 'Dockerfile'))) args.push('-f', 'Dockerfile');
  args.push(feature ? context : '.');
  if ('command' in world) runProgram('chown', '-R', String(ORDINARY_UID), dir);
  const [program, argv] =
    'command' in world ? world.command(args) : [join(process.cwd(), 'bin/stave'), args];
  const child = spawn(program, argv, { cwd: dir, env: { ...world.env, ...fixture.env } });
  child.stdin.on('error', () => undefined); // It may end without having read it.
  child.stdin.end(fixture.stdin ?? '');
  const outcome = await outcomeOf(child);
  const golden = join(folder, name, 'expect.txt');
  if (!/^(fails:|exit )/.test(feature ? readFileSync(golden, 'utf8') : ''))
    assert.equal(outcome.status, 0, outcome.stderr);
  if (outcome.status !== 0 || !existsSync(metadata)) {
    return { status: outcome.status, stderr: outcome.stderr.replaceAll(world.dir, 'DIR') };
  }
  const found = { local: localDigest(metadata), archive: archiveDigest(archive) };
  for (const each of [archive, metadata]) rmSync(each, { force: true });
  return found;
}

function cp(from: string, to: string): void {
  const { status, stderr } = spawnSync('cp', ['-rd', '--preserve=mode,links', from, to], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
}

function localDigest(metadata: string): string {
  const report = JSON.parse(readFileSync(metadata, 'utf8')) as Record<string, string>;
  return report['containerimage.digest'] ?? '';
}

interface Index {
  readonly manifests: readonly {
    readonly digest: string;
    readonly annotations?: Record<string, string>;
  }[];
}

function archiveDigest(archive: string): string {
  return indexOf(archive)
    .manifests.map(({ digest }) => digest)
    .join();
}

function indexOf(archive: string): Index {
  return JSON.parse(runProgram('tar', '-xOf', archive, 'index.json')) as Index;
}

describe('SOURCE_DATE_EPOCH', () => {
  const world = staveWorld();
  const context = join(world.dir, 'context');
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    mkdirSync(context);
    writeFileSync(join(context, 'new'), 'new');
    writeFileSync(join(context, 'old'), 'old');
    runProgram('touch', '-d', '@1000000000', join(context, 'old'));
  });
  after(() => {
    world[Symbol.dispose]();
  });

  function build(dockerfile: string, ...args: string[]) {
    const file = join(world.dir, 'Dockerfile');
    writeFileSync(file, dockerfile);
    return world.run('build', '-q', '-t', 'it', '-f', file, ...args, context);
  }
  const arg = (value: string): string => `--build-arg=SOURCE_DATE_EPOCH=${value}`;
  const inspect = (format: string): string =>
    world.ok('image', 'inspect', '--format', format, 'it').stdout.trim();
  const history = (): string[] =>
    world
      .ok('history', '--no-trunc', '--format', '{{.CreatedAt}} {{.CreatedBy}}', 'it')
      .stdout.trim()
      .split('\n');

  test('created and history have it, the base keeps its times (testSourceDateEpochWithoutExporter)', () => {
    const before = inspectBase();
    build('FROM bb\nENV A=1\nCOPY new /\nCMD ["sh"]\n', arg(EPOCH));
    assert.equal(inspect('{{.Created}}'), TIME);
    const lines = history();
    assert.ok(lines.slice(0, 3).every((line) => line.startsWith(TIME)));
    assert.ok(lines.slice(3).every((line) => line.startsWith(before)));
  });

  function inspectBase(): string {
    const created = world.ok('image', 'inspect', '--format', '{{.Created}}', 'bb').stdout.trim();
    return created.slice(0, 10);
  }

  test('later times in layers are cut, earlier ones stay (testSourceDateEpochClamp, testSourceDateEpochLayerTimestamps)', () => {
    const archive = join(world.dir, 'it.tar');
    build('FROM scratch\nCOPY . /\n', arg(EPOCH), '-o', `type=oci,dest=${archive}`);
    assert.deepEqual(layerTimes(archive), { new: EPOCH, old: '1000000000' });
    const created = indexOf(archive).manifests[0]?.annotations;
    assert.equal(created?.['org.opencontainers.image.created'], TIME);
  });

  /** Seconds of each file of the last layer. */
  function layerTimes(archive: string): Record<string, string> {
    const layout = join(world.dir, 'layout');
    runProgram('rm', '-rf', layout);
    mkdirSync(layout);
    runProgram('tar', '-xf', archive, '-C', layout);
    const blob = (digest: string): string => join(layout, 'blobs/sha256', digest.slice(7));
    const [entry] = indexOf(archive).manifests;
    const manifest = JSON.parse(readFileSync(blob(entry?.digest ?? ''), 'utf8')) as {
      layers: { digest: string }[];
    };
    const listing = runProgram(
      'tar',
      '--full-time',
      '--utc',
      '-tvf',
      blob(manifest.layers.at(-1)?.digest ?? ''),
    );
    const times = listing
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/))
      .map(([, , , day, time, name]) => {
        const seconds = Date.parse(`${String(day)}T${String(time)}Z`) / 1000;
        return [name, String(seconds)];
      });
    return Object.fromEntries(times) as Record<string, string>;
  }

  test('a new epoch runs no step again, and FROM gets the cut times', () => {
    const dockerfile = 'FROM scratch\nCOPY . /\n';
    build(dockerfile, arg(EPOCH));
    const file = join(world.dir, 'Dockerfile');
    const again = world.ok(
      'build',
      '--progress=plain',
      '-t',
      'it',
      '-f',
      file,
      arg('1600000000'),
      context,
    );
    assert.match(again.stderr, /COPY \. \/\n#\d+ CACHED/);
    world.ok('tag', 'it', 'cut');
    const child =
      'FROM cut\nCOPY --from=bb /bin/busybox /bin/busybox\nRUN ["/bin/busybox","stat","-c","%Y","/new"]\n';
    writeFileSync(file, child);
    const run = world.ok('build', '--progress=plain', '-f', file, context);
    assert.match(run.stderr, /^#\d+ [\d.]+ 1600000000$/m);
  });

  test('WORKDIR is reproducible (testWorkdirSourceDateEpochReproducible)', () => {
    const digests = ['a', 'b'].map(() => {
      build('FROM bb\nWORKDIR /made/here\n', '--no-cache', arg(EPOCH));
      return inspect('{{.Id}} {{json .RootFS.Layers}}');
    });
    assert.equal(digests[0], digests[1]);
  });

  test('a global ARG is its default (testSourceDateEpochDockerfileDefault)', () => {
    build(`ARG SOURCE_DATE_EPOCH=${EPOCH}\nFROM bb\nENV A=1\n`);
    assert.equal(inspect('{{.Created}}'), TIME);
  });

  test('--build-arg goes before it (testSourceDateEpochDockerfileDefaultOverride)', () => {
    build(`ARG SOURCE_DATE_EPOCH=${EPOCH}\nFROM bb\nENV A=1\n`, arg('1600000000'));
    assert.equal(inspect('{{.Created}}'), '2020-09-13T12:26:40Z');
  });

  test('an empty --build-arg switches it off (testSourceDateEpochDockerfileDefaultReset)', () => {
    build(
      `ARG SOURCE_DATE_EPOCH=${EPOCH}\nFROM bb\nARG SOURCE_DATE_EPOCH\nRUN echo "<$SOURCE_DATE_EPOCH>" > /said\n`,
      arg(''),
    );
    assert.notEqual(inspect('{{.Created}}'), TIME);
    assert.match(history()[1] ?? '', / ARG SOURCE_DATE_EPOCH$/);
  });

  test('what it cannot be is refused (testSourceDateEpochDockerfileDefaultInvalid, TestResolveSourceDateEpochValue)', () => {
    for (const value of ['soon', '-1', '999999999999999']) {
      const { status, stderr } = build(`ARG SOURCE_DATE_EPOCH=${value}\nFROM bb\n`);
      assert.equal(status, 1);
      assert.match(stderr, new RegExp(`invalid SOURCE_DATE_EPOCH: ${value}`));
    }
  });

  test('a local context has no time (testSourceDateEpochContextLocalUnset)', () => {
    const { status } = build('FROM bb\nENV A=1\n', arg('context'));
    assert.equal(status, 0);
    assert.notEqual(inspect('{{.Created}}'), TIME);
  });

  test('a stage that is more than one remote ADD is refused (testSourceDateEpochStageInvalid, TestResolveSourceDateEpochValueStageInvalid, TestSourceDateEpochStageSourceRequiresScratch)', () => {
    const stages = [
      ['FROM bb AS src\nADD http://127.0.0.1:1/a /\n', /must use FROM scratch/],
      ['FROM scratch AS src\nCOPY new /\n', /only ARG and one remote ADD/],
      [
        'FROM scratch AS src\nADD http://127.0.0.1:1/a http://127.0.0.1:1/b /\n',
        /exactly one remote ADD/,
      ],
      ['FROM scratch AS src\nADD new /\n', /exactly one remote ADD/],
    ] as const;
    for (const [stage, expected] of stages) {
      const { status, stderr } = build(`${stage}FROM bb\n`, arg('src'));
      assert.equal(status, 1);
      assert.match(stderr, expected);
    }
  });

  test('a step sees it only where an ARG declares it', () => {
    build(
      'FROM bb\nRUN test -z "$SOURCE_DATE_EPOCH"\nARG SOURCE_DATE_EPOCH\nRUN test "$SOURCE_DATE_EPOCH" = 5\n',
      arg('5'),
    );
    assert.match(history()[0] ?? '', /^1970-01-01T00:00:05Z RUN \|1 SOURCE_DATE_EPOCH=5 /);
  });

  test('an output may have its own or none (testSourceDateEpochReset)', () => {
    const [own, none, kept] = ['own', 'none', 'kept'].map((name) => join(world.dir, `${name}.tar`));
    build(
      'FROM scratch\nCOPY . /\n',
      arg(EPOCH),
      ...['-o', `type=oci,dest=${String(own)},source-date-epoch=1600000000`],
      ...['-o', `type=oci,dest=${String(none)},source-date-epoch=`],
      ...['-o', `type=oci,dest=${String(kept)},rewrite-timestamp=false`],
    );
    assert.equal(layerTimes(own ?? '')['new'], '1600000000');
    assert.ok(Number(layerTimes(none ?? '')['new']) > Number(EPOCH));
    assert.ok(Number(layerTimes(kept ?? '')['new']) > Number(EPOCH));
    assert.equal(inspect('{{.Created}}'), TIME);
  });

  test('files that leave have it (testSourceDateEpochImageExporter)', () => {
    const [dir, tar] = [join(world.dir, 'out'), join(world.dir, 'out.tar')];
    build('FROM scratch\nCOPY . /d/\n', arg(EPOCH), '-o', dir, '-o', `type=tar,dest=${tar}`);
    const times = runProgram('find', dir, '-mindepth', '1', '-printf', '%T@ %P\n')
      .trim()
      .split('\n');
    assert.deepEqual(times.map((line) => line.replace('.0000000000', '')).sort(), [
      `${EPOCH} d`,
      `${EPOCH} d/new`,
      `${EPOCH} d/old`,
    ]);
    const listed = runProgram('tar', '--full-time', '--utc', '-tvf', tar).trim().split('\n');
    assert.ok(listed.every((line) => line.includes('2023-11-14 22:13:20')));
  });

  test('an image of no layer and no base is the same twice (testReproducibleIDs, testDockerfileScratchConfig)', () => {
    const ids = ['a', 'b'].map(() => build('FROM scratch\nENV A=1\n').stdout);
    assert.equal(ids[0], ids[1]);
    assert.equal(inspect('{{.Created}}'), '');
    const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
    const { Env, Cmd } = JSON.parse(inspect('{{json .Config}}')) as Record<string, unknown>;
    assert.deepEqual([Env, Cmd], [[path, 'A=1'], undefined]);
    assert.equal(history().length, 1);
  });
});
