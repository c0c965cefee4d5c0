import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { tarOf } from '../helpers/archives.js';
import { git, newRepository, startGitServer } from '../helpers/git-server.js';
import { type Outcome, staveWorld } from '../helpers/stave.js';
import { startWeb, type WebServer } from '../helpers/web-server.js';

// RELIABILITY.md 1C: contexts, URLs and repositories that mean harm.

const world = staveWorld();
after(() => {
  world[Symbol.dispose]();
});
/** A file of the host that nobody asked for. */
const CANARY = join(world.dir, 'canary');
mkdirSync(CANARY);
writeFileSync(join(CANARY, 'victim'), 'VICTIM[\n');

interface Built extends Outcome {
  readonly out: string;
}

function run(args: readonly string[], stdin?: Uint8Array): Promise<Built> {
  const out = mkdtempSync(join(world.dir, 'out-'));
  const all = ['build', '--progress=plain', '-o', out, ...args];
  const child = spawn(join(process.cwd(), 'bin/stave'), all, { env: world.env });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  child.stdin.on('error', () => undefined);
  child.stdin.end(stdin);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      resolve({ status, stdout, stderr, out });
    });
  });
}

async function refused(pattern: RegExp, args: readonly string[], stdin?: Uint8Array) {
  const built = await run(args, stdin);
  assert.equal(built.status, 1, built.stderr);
  assert.match(built.stderr, pattern);
  assert.doesNotMatch(built.stderr, /VICTIM|defect of stave|^\s+at .*:\d+:\d+/m);
  return built;
}

function context(dockerfile: string): string {
  const dir = mkdtempSync(join(world.dir, 'context-'));
  writeFileSync(join(dir, 'Dockerfile'), dockerfile);
  return dir;
}

const ALL = 'FROM scratch\nCOPY . /\n';

describe('C3: ignore files', () => {
  for (const name of ['.dockerignore', 'Dockerfile.dockerignore']) {
    const make = (how: (path: string) => void): string => {
      const dir = context(ALL);
      how(join(dir, name));
      return dir;
    };
    test(`${name} that is a link out, a pipe, a directory, too large`, async () => {
      const link = make((path) => symlinkSync(join(CANARY, 'victim'), path));
      await refused(/leads out of the build context/, [link]);
      const gone = make((path) => symlinkSync('/nowhere', path));
      await refused(/leads out of the build context/, [gone]);
      await refused(/not a regular file/, [make((path) => execFileSync('mkfifo', [path]))]);
      await refused(/is a directory/, [make((path) => mkdirSync(path))]);
      const large = make((path) => {
        writeFileSync(path, '');
        truncateSync(path, 1 << 30);
      });
      await refused(/larger than 1 MiB/, [large]);
    });

    test(`${name} that is a link inside`, async () => {
      const dir = make((path) => symlinkSync('rules', path));
      writeFileSync(join(dir, 'rules'), 'secret\n');
      writeFileSync(join(dir, 'secret'), 'x');
      const { status, stderr, out } = await run([dir]);
      assert.equal(status, 0, stderr);
      assert.equal(existsSync(join(out, 'secret')), false);
    });
  }
});

test('C5: a Dockerfile that is a pipe, a device, a directory, too large', async () => {
  const dir = context(ALL);
  execFileSync('mkfifo', [join(dir, 'pipe')]);
  writeFileSync(join(dir, 'large'), '');
  truncateSync(join(dir, 'large'), 100 << 20);
  for (const [file, why] of [
    ['pipe', /not a regular file/],
    ['/dev/zero', /not a regular file/],
    ['.', /is a directory/],
    ['large', /larger than 10 MiB/],
    ['none', /no such file or directory/],
  ] as const)
    await refused(why, ['-f', file.startsWith('/') ? file : join(dir, file), dir]);
  await refused(/larger than 10 MiB/, ['-f', '-', dir], Buffer.alloc(11 << 20, 0x20));
});

describe('a tar as context', () => {
  const DOCKERFILE = { name: 'Dockerfile', body: ALL };
  const cases: readonly (readonly [string, Parameters<typeof tarOf>, RegExp])[] = [
    ['a name that climbs', [DOCKERFILE, { name: '../up', body: 'x' }], /a "\.\." in its path/],
    [
      'a file through a link',
      [DOCKERFILE, { name: 'd', type: 'symlink', link: CANARY }, { name: 'd/new', body: 'x' }],
      /is no directory/,
    ],
    [
      'a hard link out',
      [
        DOCKERFILE,
        { name: 'd', type: 'symlink', link: CANARY },
        { name: 'h', type: 'link', link: 'd/victim' },
      ],
      /leads elsewhere/,
    ],
    [
      'a Dockerfile that is a link out',
      [{ name: 'Dockerfile', type: 'symlink', link: join(CANARY, 'victim') }],
      /no such file or directory/,
    ],
  ];
  for (const [name, entries, why] of cases) {
    test(name, async () => {
      await refused(why, ['-'], tarOf(...entries));
      assert.deepEqual(readdirSync(CANARY), ['victim']);
    });
  }

  test('cut short', async () => {
    const bytes = tarOf(DOCKERFILE, { name: 'f', body: 'x'.repeat(5000) });
    await refused(/not a valid tar|unexpected end/i, ['-'], bytes.subarray(0, 3000));
  });

  test('a link out is copied as a link', async () => {
    const bytes = tarOf(DOCKERFILE, { name: 'l', type: 'symlink', link: join(CANARY, 'victim') });
    const { status, stderr, out } = await run(['-'], bytes);
    assert.equal(status, 0, stderr);
    rmSync(join(CANARY, 'victim'));
    assert.throws(() => readFileSync(join(out, 'l')), /ENOENT/);
    writeFileSync(join(CANARY, 'victim'), 'VICTIM[\n');
  });
});

describe('C6, C7, C8: URLs', () => {
  let web: WebServer;
  let other: WebServer;
  let count = 0;
  before(async () => {
    other = await startWeb((_request, response) => void response.end('other'));
    web = await startWeb(({ url = '' }, response) => {
      const to = /^\/to\?(.*)$/.exec(url)?.[1];
      if (to !== undefined) response.writeHead(302, { location: decodeURIComponent(to) }).end();
      else if (url === '/loop') response.writeHead(302, { location: '/loop' }).end();
      else if (url === '/moving') response.end(String(++count));
      else {
        response.setHeader('content-disposition', 'attachment; filename="../../x"').end('body');
      }
    });
  });
  after(async () => {
    await web[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
  });
  const add = (url: string): string => context(`FROM scratch\nADD ${url} /d/\n`);

  test('a name is the last part of the path, or refused', async () => {
    for (const [path, name] of [
      ['/x', 'x'],
      ['/..%2f..%2fx', 'x'],
      ['/a/%2e%2e%2fy', 'y'],
      ['/', '__unnamed__'],
      ['/%5bz%5d*', '[z]*'],
    ] as const) {
      const { status, stderr, out } = await run([add(`${web.url}${path}`)]);
      assert.equal(status, 0, stderr);
      assert.deepEqual(readdirSync(join(out, 'd')), [name]);
      assert.deepEqual(readdirSync(out), ['d']);
    }
    for (const path of ['/a%00b', '/x%2f..', `/${'n'.repeat(5000)}`])
      await refused(/is no file name/, [add(`${web.url}${path}`)]);
  });

  test('redirects stay on the web, end, and take no password along', async () => {
    const to = (url: string): string => add(`${web.url}/to?${encodeURIComponent(url)}`);
    await refused(/redirects to file:/, [to('file:///etc/passwd')]);
    await refused(/redirects to gopher:/, [to('gopher://x/')]);
    await refused(/no business with/, [to('http://169.254.169.254/latest')]);
    await refused(/no business with/, [to(`http://0.0.0.0:${other.host.split(':')[1] ?? ''}/`)]);
    await refused(/no business with/, [to('http://[::]:80/')]);
    await refused(/no URL/, [to('http://')]);
    await refused(/more than 10 times/, [add(`${web.url}/loop`)]);
    const secret = `http://u:p@${web.host}/to?${encodeURIComponent(`${other.url}/x`)}`;
    const { status, stderr } = await run([add(secret)]);
    assert.equal(status, 0, stderr);
    assert.ok(web.headers.at(-1)?.authorization?.startsWith('Basic '));
    assert.equal(other.headers.at(-1)?.authorization, undefined);
  });

  test('a file that changes between two requests has the checksum or is refused', async () => {
    const sum = createHash('sha256').update('1').digest('hex');
    const dir = context(`FROM scratch\nADD --checksum=sha256:${sum} ${web.url}/moving /d/\n`);
    const first = await run([dir]);
    assert.equal(first.status, 0, first.stderr);
    await refused(/digest mismatch/, [
      '--no-cache',
      context(`FROM scratch\nADD --checksum=sha256:${'1'.repeat(64)} ${web.url}/moving /d/\n`),
    ]);
  });
});

test('C9: what git could take for an option never reaches it', async () => {
  const add = (source: string): string => context(`FROM scratch\nADD ${source} /d/\n`);
  for (const source of [
    'https://127.0.0.1:1/r.git#--upload-pack=touch',
    'https://127.0.0.1:1/r.git#-x',
    'https://127.0.0.1:1/r.git?ref=-x',
    'ssh://-oProxyCommand=touch/r.git',
    'git@-oProxyCommand=x:r',
    'https://127.0.0.1:1/r.git?ref=a%0ab',
    'https://127.0.0.1:1/r.git#../x',
  ])
    await refused(/invalid git reference|is not in the build context/, [add(source)]);
  await refused(/is not in the build context/, [add('ext::sh')]);
  await refused(/unable to prepare context/, ['ext::sh -c touch']);
  await refused(/invalid git reference/, ['https://127.0.0.1:1/r.git#--upload-pack=x']);
  assert.deepEqual(readdirSync(CANARY), ['victim']);
});

describe('C10, C11: repositories', () => {
  let server: WebServer;
  let root = '';
  before(async () => {
    root = mkdtempSync(join(world.dir, 'git-'));
    server = await startGitServer(root);
  });
  after(() => server[Symbol.asyncDispose]());

  /** Makes a repository and gives its URL. */
  function repository(name: string, fill: (directory: string) => void): string {
    const directory = newRepository(join(root, name));
    writeFileSync(join(directory, 'f'), 'f');
    fill(directory);
    git(directory, 'add', '-A');
    git(directory, 'commit', '-qm', name);
    return `${server.url}/${name}/.git`;
  }

  test('hooks, fsmonitor and filters of a repository do not run', async () => {
    const touch = `#!/bin/sh\ntouch ${CANARY}/ran\n`;
    const url = repository('hooks', (directory) => {
      writeFileSync(join(directory, '.gitattributes'), '* filter=evil\n');
      for (const hook of ['post-checkout', 'post-merge', 'reference-transaction'])
        writeFileSync(join(directory, hook), touch, { mode: 0o755 });
    });
    for (const query of ['', '?keep-git-dir']) {
      const built = await run([context(`FROM scratch\nADD ${url}${query} /d/\n`)]);
      assert.equal(built.status, 0, built.stderr);
    }
    assert.deepEqual(readdirSync(CANARY), ['victim']);
  });

  test('a submodule of this machine is refused', async () => {
    const url = repository('local', (directory) => {
      git(directory, 'submodule', '--quiet', 'add', newWithFile(join(root, 'other')), 'sub');
    });
    const built = await refused(/git cannot fetch/, [context(`FROM scratch\nADD ${url} /d/\n`)]);
    assert.match(built.stderr, /transport 'file' not allowed/);
  });

  test('a directory through a link is refused (CVE-2026-33748)', async () => {
    const url = repository('links', (directory) => {
      symlinkSync(CANARY, join(directory, 'proj'));
      symlinkSync('/', join(directory, 'rootlink'));
    });
    for (const [suffix, why] of [
      ['#main:proj', /is not a directory/],
      [`#main:rootlink${CANARY}`, /is not a directory/],
      ['#main:../..', /leads out of the repository/],
      ['#:f', /is not a directory/],
      ['#main:none', /is not in the repository/],
      ['?keep-git-dir&subdir=.git', /is not a directory/],
    ] as const) {
      await refused(why, [context(`FROM scratch\nADD ${url}${suffix} /d/\n`)]);
      await refused(why, [`${url}${suffix}`]);
    }
    const linked = await run([context(`FROM scratch\nADD ${url} /d/\n`)]);
    assert.equal(linked.status, 0, linked.stderr);
  });

  test('a Dockerfile that is a link out of the repository', async () => {
    const url = repository('dockerfile', (directory) => {
      symlinkSync(join(CANARY, 'victim'), join(directory, 'Dockerfile'));
    });
    await refused(/no such file or directory/, [url]);
  });

  function newWithFile(directory: string): string {
    newRepository(directory);
    writeFileSync(join(directory, 'f'), 'f');
    git(directory, 'add', '.');
    git(directory, 'commit', '-qm', 'f');
    return directory;
  }
});
