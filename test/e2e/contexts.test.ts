import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { busyboxContext } from '../helpers/busybox.js';
import { git, newRepository, startGitServer } from '../helpers/git-server.js';
import { type Outcome, staveWorld } from '../helpers/stave.js';
import { startWeb, type WebServer } from '../helpers/web-server.js';

const world = staveWorld();
after(() => {
  world[Symbol.dispose]();
});

const SIMPLE = 'FROM scratch\nCOPY foo /got\n';

/** A directory of these files. */
function files(contents: Readonly<Record<string, string>>): string {
  const dir = mkdtempSync(join(world.dir, 'files-'));
  for (const [name, text] of Object.entries(contents)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  return dir;
}

function tar(dir: string): Buffer {
  return execFileSync('tar', ['-C', dir, '-cf', '-', '.']);
}

interface Built extends Outcome {
  /** A file of the result. */
  readonly read: (path: string) => string;
}

function build(args: readonly string[], stdin?: string | Uint8Array, cwd?: string): Promise<Built> {
  const out = mkdtempSync(join(world.dir, 'out-'));
  const all = ['build', '--progress=plain', '-t', 'it', '-o', out, ...args];
  const child = spawn(join(process.cwd(), 'bin/stave'), all, { env: world.env, cwd });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  child.stdin.on('error', () => undefined);
  child.stdin.end(stdin);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      const read = (path: string): string => readFileSync(join(out, path), 'utf8');
      resolve({ status, stdout, stderr, read });
    });
  });
}

async function works(...args: Parameters<typeof build>): Promise<Built> {
  const built = await build(...args);
  assert.equal(built.status, 0, built.stderr);
  return built;
}

async function fails(pattern: RegExp, ...args: Parameters<typeof build>): Promise<void> {
  const { status, stderr } = await build(...args);
  assert.equal(status, 1, stderr);
  assert.match(stderr, pattern);
  assert.doesNotMatch(stderr, /defect of stave|^\s+at .*:\d+:\d+/m);
}

describe('a context from stdin', () => {
  test('a tar, plain and gzip (testTarContext)', async () => {
    const bytes = tar(files({ Dockerfile: SIMPLE, foo: 'contents' }));
    for (const sent of [bytes, gzipSync(bytes)])
      assert.equal((await works(['-'], sent)).read('got'), 'contents');
  });

  test('its Dockerfile by -f, lower-case, through a link', async () => {
    const dir = files({ foo: 'x', 'sub/dockerfile.dev': SIMPLE });
    assert.equal((await works(['-f', 'sub/dockerfile.dev', '-'], tar(dir))).read('got'), 'x');
    const lower = files({ foo: 'y', 'sub/d': SIMPLE });
    symlinkSync('/sub/d', join(lower, 'dockerfile'));
    assert.equal((await works(['-'], tar(lower))).read('got'), 'y');
    await fails(/open Dockerfile in -: no such file/, ['-'], tar(files({ foo: 'x' })));
  });

  test('a Dockerfile of this machine by its absolute path (testTarContextExternalDockerfile)', async () => {
    const path = join(files({ D: SIMPLE }), 'D');
    assert.equal((await works(['-f', path, '-'], tar(files({ foo: 'z' })))).read('got'), 'z');
  });

  test('text is a Dockerfile with an empty context', async () => {
    await works(['-'], 'FROM scratch\nLABEL a=b\n');
    await fails(/foo is not in the build context/, ['-'], SIMPLE);
    await fails(/ambiguous Dockerfile source/, ['-f', 'x', '-'], SIMPLE);
    await fails(/the Dockerfile cannot be empty/, ['-'], '');
  });

  test('a Dockerfile alone by -f -, its context a directory', async () => {
    const dir = files({ foo: 'here' });
    assert.equal((await works(['-f', '-', dir], SIMPLE)).read('got'), 'here');
    await fails(/can't use stdin for both/, ['-f', '-', '-'], tar(dir));
  });

  test('nothing of it is left in the store', async () => {
    await works(['-'], tar(files({ Dockerfile: SIMPLE, foo: 'contents' })));
    const left = execFileSync('find', [join(world.root, 'tmp'), '-mindepth', '1']).toString();
    assert.equal(left, '');
  });
});

describe('a context from the web', () => {
  let web: WebServer;
  before(async () => {
    const archive = tar(files({ Dockerfile: SIMPLE, 'sub/D': SIMPLE, foo: 'from afar' }));
    web = await startWeb(({ url }, response) => {
      if (url === '/c.tar') response.end(archive);
      else if (url === '/c.tgz') response.end(gzipSync(archive));
      else if (url === '/Dockerfile') response.end('FROM scratch\nLABEL web=1\n');
      else if (url === '/copies') response.end(SIMPLE);
      else response.writeHead(404).end();
    });
  });
  after(() => web[Symbol.asyncDispose]());

  test('a tar (testDockerfileFromHTTP, testHTTPDockerfile)', async () => {
    for (const name of ['c.tar', 'c.tgz'])
      assert.equal((await works([`${web.url}/${name}`])).read('got'), 'from afar');
    assert.equal((await works(['-f', 'sub/D', `${web.url}/c.tar`])).read('got'), 'from afar');
  });

  test('a Dockerfile, as context and by -f (testHTTPDockerfile)', async () => {
    await works([`${web.url}/Dockerfile`]);
    const dir = files({ foo: 'local' });
    assert.equal((await works(['-f', `${web.url}/copies`, dir])).read('got'), 'local');
  });

  test('what is not there is said so', async () => {
    await fails(/answers with status 404/, [`${web.url}/none`]);
    await fails(/path "none" not found/, ['none']);
    const file = join(files({ f: '' }), 'f');
    await fails(/is not a directory/, [file]);
  });
});

// testDockerfileFromGit
for (const [format, shows] of [
  ['sha1', 'testDockerfileFromGitSHA1'],
  ['sha256', 'testDockerfileFromGitSHA256'],
] as const) {
  test(`a context from git (${shows})`, async () => {
    const root = mkdtempSync(join(world.dir, 'git-'));
    const repository = newRepository(join(root, 'r.git'), `--object-format=${format}`);
    writeFileSync(join(repository, 'Dockerfile'), SIMPLE);
    writeFileSync(join(repository, 'foo'), 'first');
    mkdirSync(join(repository, 'sub'));
    writeFileSync(join(repository, 'sub/Dockerfile'), 'FROM scratch\nCOPY . /all\n');
    writeFileSync(join(repository, 'sub/.dockerignore'), 'Dockerfile\n');
    git(repository, 'add', '.');
    git(repository, 'commit', '-qm', 'first');
    git(repository, 'tag', 'v1');
    writeFileSync(join(repository, 'foo'), 'second');
    git(repository, 'commit', '-qam', 'second');
    await using server = await startGitServer(root);
    const remote = `${server.url}/r.git/.git`;
    assert.equal((await works([remote])).read('got'), 'second');
    assert.equal((await works([`${remote}#v1`])).read('got'), 'first');
    assert.equal((await works([`${remote}?tag=v1`])).read('got'), 'first');
    // Ignore files are for what a person has on disk.
    assert.match((await works([`${remote}#main:sub`])).read('all/Dockerfile'), /COPY/);
    const keep = '--build-arg=BUILDKIT_CONTEXT_KEEP_GIT_DIR=1';
    const head = (await works([keep, '-f', 'sub/Dockerfile', remote])).read('all/.git/HEAD');
    assert.equal(head.trim(), git(repository, 'rev-parse', 'HEAD'));
  });
}

describe('the Dockerfile of a directory', () => {
  test('dockerfile in lower case (testDockerfileLowercase)', async () => {
    assert.equal((await works([files({ dockerfile: SIMPLE, foo: 'a' })])).read('got'), 'a');
  });

  test('a link, also out of the context (testSymlinkedDockerfile)', async () => {
    const dir = files({ foo: 'a' });
    symlinkSync(join(files({ D: SIMPLE }), 'D'), join(dir, 'Dockerfile'));
    assert.equal((await works([dir])).read('got'), 'a');
  });

  test('-f is relative to the working directory (testDockerfileDirs)', async () => {
    const dir = files({ 'a/D': SIMPLE, 'c/foo': 'a' });
    assert.equal((await works(['-f', 'a/D', 'c'], '', dir)).read('got'), 'a');
    await fails(/open c\/a\/D|open a\/D: no such file/, ['-f', 'a/D', '.'], '', join(dir, 'c'));
  });

  test('the context may be a link', async () => {
    const link = join(world.dir, 'link');
    symlinkSync(files({ Dockerfile: SIMPLE, foo: 'a' }), link);
    assert.equal((await works([link])).read('got'), 'a');
  });

  test('its own ignore file wins (testDockerignoreOverride)', async () => {
    const dir = files({
      ...{ Dockerfile: 'FROM scratch\nCOPY . /\n', '.dockerignore': 'foo\n' },
      ...{ 'Dockerfile.dockerignore': 'bar\n', foo: 'foo', bar: 'bar' },
    });
    const built = await works([dir]);
    assert.equal(built.read('foo'), 'foo');
    assert.throws(() => built.read('bar'), /ENOENT/);
  });
});

describe('named contexts', () => {
  before(async () => {
    const dir = files({ Dockerfile: 'FROM scratch\nCOPY f /f\nENV WHO=base\n', f: 'base' });
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    await works(['-t', 'basis', dir]);
    await works(['-t', 'docker.io/library/basis2:latest', dir]);
  });

  test('a directory: COPY --from, FROM, its own ignore file (testNamedLocalContext, testNamedFilteredContext)', async () => {
    const named = files({ foo: 'named', bar: 'bar', '.dockerignore': 'bar\n' });
    const context = files({
      ...{ Dockerfile: 'FROM scratch\nCOPY --from=other foo /a\nCOPY foo /b\n', foo: 'main' },
      ...{ From: 'FROM other\nCOPY foo /main\n', Bar: 'FROM scratch\nCOPY --from=other bar /\n' },
    });
    const other = `--build-context=other=${named}`;
    const copied = await works([other, context]);
    assert.deepEqual([copied.read('a'), copied.read('b')], ['named', 'main']);
    const from = await works([other, '-f', join(context, 'From'), context]);
    assert.deepEqual([from.read('foo'), from.read('main')], ['named', 'main']);
    assert.throws(() => from.read('bar'), /ENOENT/);
    await fails(/excluded from the build context/, [other, '-f', join(context, 'Bar'), context]);
  });

  test('a change outside what is copied runs nothing (testNamedFilteredContext)', async () => {
    const named = files({ foo: 'of the whole', other: '1' });
    const context = files({ Dockerfile: 'FROM scratch\nCOPY --from=n foo /only\n' });
    await works([`--build-context=n=${named}`, context]);
    writeFileSync(join(named, 'other'), '2');
    const { stderr } = await works([`--build-context=n=${named}`, context]);
    assert.match(stderr, /COPY --from=n foo \/only\n#\d+ CACHED/);
    writeFileSync(join(named, 'foo'), 'changed');
    const again = await works([`--build-context=n=${named}`, context]);
    assert.match(again.stderr, /why: changed: foo \(content\)/);
  });

  test('name::platform is for that platform alone, in FROM, COPY and a mount', async () => {
    const [plain, own] = [files({ foo: 'plain' }), files({ foo: 'own' })];
    const context = files({
      Dockerfile:
        'FROM n AS base\nFROM scratch\nCOPY --from=n foo /copied\nCOPY --from=base /foo /\n',
    });
    const given = [`--build-context=n=${plain}`, `--build-context=n:latest::aarch64=${own}`];
    const built = await works(['--platform=linux/amd64,linux/arm64', ...given, context]);
    const read = (dir: string): string[] => ['copied', 'foo'].map((f) => built.read(`${dir}/${f}`));
    assert.deepEqual(read('linux_amd64'), ['plain', 'plain']);
    assert.deepEqual(read('linux_arm64'), ['own', 'own']);
    await fails(/nonsense/, ['--build-context=n::nonsense/x=.', context]);
  });

  test('a directory is bound to a RUN, without what it ignores, and nothing is written to it', async () => {
    const named = files({ foo: 'named', 'sub/in': 'deep', bar: 'bar', '.dockerignore': 'bar\n' });
    const dockerfile =
      'FROM bb\nRUN --mount=from=n,target=/n,rw cat /n/foo /n/sub/in > /got; ls /n > /names; echo x > /n/foo\n' +
      'RUN --mount=from=n,source=sub,target=/s cat /s/in > /part; ! touch /s/in\n';
    const context = files({ Dockerfile: dockerfile });
    const given = [`--build-context=n=${named}`, '--build-context=bb=docker-image://bb', context];
    const built = await works(given);
    assert.deepEqual(
      ['got', 'names', 'part'].map((path) => built.read(path)),
      ['nameddeep', 'foo\nsub\n', 'deep'],
    );
    assert.equal(readFileSync(join(named, 'foo'), 'utf8'), 'named');
    assert.match((await works(given)).stderr, /RUN --mount=from=n,source=sub.*\n#\d+ CACHED/);
    writeFileSync(join(named, 'foo'), 'other');
    const again = (await works(given)).stderr;
    assert.match(again, /RUN --mount=from=n,target.*\n#\d+ why: input changed/);
  });

  test('an image in the place of a base, with its config (testNamedImageContext)', async () => {
    const context = files({ Dockerfile: 'FROM busybox\nLABEL a=$WHO\n' });
    for (const name of ['busybox', 'busybox:latest', 'docker.io/library/busybox'])
      await works([`--build-context=${name}=docker-image://basis`, context]);
    const [image] = JSON.parse(world.ok('image', 'inspect', 'it').stdout) as [
      { Config: { Labels: Record<string, string>; Env: string[] } },
    ];
    assert.equal(image.Config.Labels['a'], 'base');
    assert.ok(image.Config.Env.includes('WHO=base'));
  });

  test('a stage is replaced, and its steps do not run (testNamedReplaceContext)', async () => {
    const context = files({
      Dockerfile:
        'FROM nowhere.invalid/x AS base\nRUN false\nFROM scratch\nCOPY --from=base /f /got\n',
    });
    assert.equal(
      (await works(['--build-context=base=docker-image://basis', context])).read('got'),
      'base',
    );
  });

  test('scratch (testNamedImageContextScratch)', async () => {
    const context = files({ Dockerfile: 'FROM busybox\nCOPY foo /got\n', foo: 'x' });
    const built = await works(['--build-context=busybox=docker-image://scratch', context]);
    assert.equal(built.read('got'), 'x');
  });

  test('an OCI layout, by tag, by digest, alone (testNamedOCILayoutContext)', async () => {
    const layout = join(world.dir, 'layout');
    const dir = files({ Dockerfile: 'FROM scratch\nCOPY f /f\nENV WHO=layout\n', f: 'layout' });
    await works(['-t', 'in/layout:v3', '-o', `type=oci,tar=false,dest=${layout}`, dir]);
    const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as {
      manifests: { digest: string }[];
    };
    const context = files({ Dockerfile: 'FROM base\nLABEL a=$WHO\nCOPY --from=base /f /copy\n' });
    for (const suffix of ['', ':v3', `@${index.manifests[0]!.digest}`]) {
      const given = `--build-context=base=oci-layout://${layout}${suffix}`;
      assert.equal((await works([given, context])).read('copy'), 'layout', suffix);
    }
    const none = `--build-context=base=oci-layout://${layout}:v4`;
    await fails(/v4 is not in the layout/, [none, context]);
  });

  test('the web and git', async () => {
    const root = mkdtempSync(join(world.dir, 'git-'));
    const repository = newRepository(join(root, 'r.git'));
    writeFileSync(join(repository, 'foo'), 'git');
    git(repository, 'add', '.');
    git(repository, 'commit', '-qm', 'foo');
    await using server = await startGitServer(root);
    await using web = await startWeb((_request, response) => void response.end('web'));
    const context = files({
      Dockerfile: 'FROM scratch\nCOPY --from=g foo /g\nCOPY --from=w context /w\n',
      Base: 'FROM g\nCOPY --from=w context /w\n',
    });
    const g = `--build-context=g=${server.url}/r.git/.git`;
    const w = `--build-context=w=${web.url}/x`;
    const built = await works([g, w, context]);
    assert.deepEqual([built.read('g'), built.read('w')], ['git', 'web']);
    const based = await works([g, w, '-f', join(context, 'Base'), context]);
    assert.deepEqual([based.read('foo'), based.read('w')], ['git', 'web']);
  });

  test('what nothing asks for is not looked at (testEagerNamedContextLookup)', async () => {
    const context = files({ Dockerfile: SIMPLE, foo: 'x' });
    const args = ['a=docker-image://nowhere.invalid/x', 'b=/not/there', 'c=http://127.0.0.1:9/x'];
    await works([...args.map((value) => `--build-context=${value}`), context]);
  });

  test('what cannot be meant is refused', async () => {
    const context = files({ Dockerfile: 'FROM n\n' });
    const given = (value: string): string[] => [`--build-context=${value}`, context];
    await fails(/expected key=value/, given('n'));
    await fails(/target:x means nothing to this command/, given('n=target:x'));
    await fails(/unsupported context source ftp/, given('n=ftp://x/y'));
    await fails(/failed to get build context n: \/not\/there/, given('n=/not/there'));
  });
});
