import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { git, newRepository, startGitServer } from '../helpers/git-server.js';
import { type Outcome, staveWorld } from '../helpers/stave.js';
import { startWeb, type WebServer } from '../helpers/web-server.js';

const world = staveWorld();
after(() => {
  world[Symbol.dispose]();
});

/** Builds a Dockerfile and gives the directory its tree was written to. */
async function build(
  dockerfile: string,
  options: { readonly args?: readonly string[]; readonly files?: Record<string, string> } = {},
): Promise<Outcome & { readonly out: string }> {
  const context = mkdtempSync(join(world.dir, 'context-'));
  writeFileSync(join(context, 'Dockerfile'), dockerfile);
  for (const [name, text] of Object.entries(options.files ?? {}))
    writeFileSync(join(context, name), text);
  const out = mkdtempSync(join(world.dir, 'out-'));
  const args = ['build', '--progress=plain', '-t', 'it', '-o', out, ...(options.args ?? [])];
  const outcome = await world.start([...args, context]);
  return { ...outcome, out };
}

async function works(...args: Parameters<typeof build>): ReturnType<typeof build> {
  const outcome = await build(...args);
  assert.equal(outcome.status, 0, outcome.stderr);
  return outcome;
}

async function fails(pattern: RegExp, ...args: Parameters<typeof build>): Promise<Outcome> {
  const outcome = await build(...args);
  assert.equal(outcome.status, 1, outcome.stderr);
  assert.match(outcome.stderr, pattern);
  assert.doesNotMatch(outcome.stderr, /defect of stave|^\s+at .*:\d+:\d+/m);
  return outcome;
}

const OLD = 'Wed, 21 Oct 2015 07:28:00 GMT';

describe('ADD of a URL', () => {
  let web: WebServer;
  let body = 'content';
  before(async () => {
    web = await startWeb((request: IncomingMessage, response: ServerResponse) => {
      const { pathname } = new URL(request.url ?? '', 'http://x');
      if (pathname === '/missing') response.writeHead(404).end();
      else if (pathname === '/secret' && request.headers.authorization === undefined)
        response.writeHead(401).end();
      else if (pathname === '/cut') {
        response.writeHead(200, { 'content-length': '100' });
        response.write('part');
        setImmediate(() => response.destroy());
      } else if (pathname === '/plain') response.end(body);
      else {
        const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 8)}"`;
        response.setHeader('etag', etag).setHeader('last-modified', OLD);
        if (request.headers['if-none-match'] === etag) response.writeHead(304).end();
        else response.end(body);
      }
    });
  });
  after(() => web[Symbol.asyncDispose]());

  test('a file, 0600, as old as the server says, by its own name or another (testDockerfileADDFromURL)', async () => {
    const { out } = await works(
      `FROM scratch\nADD ${web.url}/foo /dest/\nADD ${web.url}/foo /named\nADD ${web.url}/ /u/\n`,
    );
    for (const path of ['dest/foo', 'named', 'u/__unnamed__']) {
      const stat = statSync(join(out, path));
      assert.equal(readFileSync(join(out, path), 'utf8'), 'content');
      assert.equal(stat.mode & 0o7777, 0o600);
      assert.equal(stat.mtime.toISOString(), '2015-10-21T07:28:00.000Z');
    }
  });

  test('without Last-Modified it is from 1970 (testDockerfileADDFromURL)', async () => {
    const { out } = await works(`FROM scratch\nADD ${web.url}/plain /\n`);
    assert.equal(statSync(join(out, 'plain')).mtimeMs, 0);
  });

  test('is asked for each time and fetched once (TestHTTPSource)', async () => {
    const dockerfile = `FROM scratch\nADD ${web.url}/again /\n`;
    await works(dockerfile);
    const before = web.asked.length;
    const { stderr } = await works(dockerfile);
    assert.deepEqual(web.asked.slice(before), ['GET /again']);
    assert.match(stderr, /ADD .*\n#\d+ CACHED/);
    body = 'other';
    const changed = await works(dockerfile);
    assert.equal(readFileSync(join(changed.out, 'again'), 'utf8'), 'other');
    assert.match(changed.stderr, /why: changed: content/);
    body = 'content';
  });

  test('--chmod and --chown (testAddURLChmod)', async () => {
    const { out } = await works(
      `FROM scratch\nADD --chmod=755 --chown=7:8 ${web.url}/foo /a\nADD --chmod=0644 ${web.url}/foo /b\n`,
    );
    const [a, b] = ['a', 'b'].map((name) => statSync(join(out, name)));
    assert.deepEqual([a!.mode & 0o7777, a!.uid, a!.gid, b!.mode & 0o7777], [0o755, 7, 8, 0o644]);
  });

  test('--checksum: right, wrong, other kinds, not for local files (testAddChecksum)', async () => {
    for (const algorithm of ['sha256', 'sha384', 'sha512']) {
      const sum = `${algorithm}:${createHash(algorithm).update('content').digest('hex')}`;
      await works(`FROM scratch\nADD --checksum=${sum} ${web.url}/sum /\n`);
      await works(`FROM scratch\nARG S=${sum}\nADD --checksum=\${S} ${web.url}/sum /\n`);
    }
    const right = createHash('sha256').update('content').digest('hex');
    const add = (sum: string, what: string): string =>
      `FROM scratch\nADD --checksum=${sum} ${what} /d/\n`;
    const url = `${web.url}/sum`;
    const wrong = `sha256:${'0'.repeat(64)}`;
    await fails(/digest mismatch/, add(wrong, url));
    await fails(/digest mismatch/, add(wrong, `${web.url}/fresh`));
    await fails(/invalid checksum digest length/, add('sha256:abc', url));
    await fails(/unsupported digest algorithm/, add(`md5:${right}`, url));
    await fails(/invalid checksum digest format/, add(right, url));
    await fails(/multiple sources/, add(`sha256:${right}`, `${url} ${url}2`));
    await fails(/requires HTTP\(S\) or Git/, add(`sha256:${right}`, 'Dockerfile'));
  });

  test('a known checksum needs no request (testAddChecksum)', async () => {
    const sum = createHash('sha256').update('content').digest('hex');
    const dockerfile = `FROM scratch\nADD --checksum=sha256:${sum} ${web.url}/pinned /\n`;
    await works(dockerfile);
    const before = web.asked.length;
    await works(dockerfile);
    assert.equal(web.asked.length, before);
  });

  test('URLs and local files in one instruction make one layer, in order', async () => {
    const { out } = await works(`FROM scratch\nADD a ${web.url}/foo ${web.url}/b%20c b /d/\n`, {
      files: { a: 'A', b: 'B' },
    });
    for (const [name, text] of Object.entries({ a: 'A', foo: 'content', 'b c': 'content', b: 'B' }))
      assert.equal(readFileSync(join(out, 'd', name), 'utf8'), text);
    const [image] = JSON.parse(world.ok('image', 'inspect', 'it').stdout) as [
      { RootFS: { Layers: string[] } },
    ];
    assert.equal(image.RootFS.Layers.length, 1);
  });

  test('COPY of a URL is refused', async () => {
    await fails(/source can't be a URL for COPY/, `FROM scratch\nCOPY ${web.url}/foo /\n`);
    await fails(
      /source can't be a URL for COPY/,
      `FROM scratch\nARG U=${web.url}/foo\nCOPY $U /\n`,
    );
    await fails(/git ref for COPY/, `FROM scratch\nCOPY ${web.url}/foo.git /\n`);
  });

  test('what is not there, wants a password, or breaks off is said so', async () => {
    await fails(/answers with status 404/, `FROM scratch\nADD ${web.url}/missing /\n`);
    await fails(/HTTP_AUTH_TOKEN_127/, `FROM scratch\nADD ${web.url}/secret /\n`);
    await fails(/broke off/, `FROM scratch\nADD ${web.url}/cut /\n`);
  });

  test('a secret is the token of its host, and is kept nowhere', async () => {
    const file = join(world.dir, 'token');
    writeFileSync(file, 't0ken-of-the-host\n');
    const context = mkdtempSync(join(world.dir, 'token-'));
    writeFileSync(join(context, 'Dockerfile'), `FROM scratch\nADD ${web.url}/secret /by-token\n`);
    const secret = `id=HTTP_AUTH_TOKEN_${web.host},src=${file}`;
    const outcome = await world.start(['build', '--secret', secret, context]);
    assert.equal(outcome.status, 0, outcome.stderr);
    assert.equal(web.headers.at(-1)?.authorization, 'Bearer t0ken-of-the-host');
    assert.throws(() => execFileSync('grep', ['-r', 't0ken-of', world.root]), /Command failed/);
    assert.doesNotMatch(outcome.stderr, /t0ken-of/);
  });

  test('credentials in a URL reach its server and nothing else', async () => {
    const url = `http://user:t0psecret@${web.host}/secret`;
    const outcome = await works(`FROM scratch\nADD ${url} /\n`);
    assert.equal(
      web.headers.at(-1)?.authorization,
      `Basic ${Buffer.from('user:t0psecret').toString('base64')}`,
    );
    const history = world.ok('history', '--no-trunc', 'it').stdout;
    assert.match(history, /ADD http:\/\/xxxxx:xxxxx@/);
    assert.doesNotMatch(outcome.stderr + history, /t0psecret/);
    const failed = await fails(
      /404/,
      `FROM scratch\nADD http://user:t0psecret@${web.host}/missing /\n`,
    );
    assert.doesNotMatch(failed.stderr, /t0psecret/);
  });
});

for (const format of ['sha1', 'sha256'] as const) {
  // testAddGitSHA1, testAddGitSHA256
  describe(`ADD of a git repository (testAddGit${format.toUpperCase()})`, () => {
    let server: WebServer;
    let remote = '';
    let first = '';
    let second = '';
    before(async () => {
      const root = mkdtempSync(join(world.dir, 'git-'));
      const repository = newRepository(join(root, 'r.git'), `--object-format=${format}`);
      writeFileSync(join(repository, 'foo'), 'one\n');
      writeFileSync(join(repository, 'run'), '#!/bin/sh\n', { mode: 0o755 });
      mkdirSync(join(repository, 'sub/deep'), { recursive: true });
      writeFileSync(join(repository, 'sub/deep/bar'), 'bar\n');
      git(repository, 'add', '.');
      git(repository, 'commit', '-qm', 'first');
      first = git(repository, 'rev-parse', 'HEAD');
      git(repository, 'tag', '-a', '-m', 'annotated', 'v1');
      writeFileSync(join(repository, 'foo'), 'two\n');
      git(repository, 'commit', '-qam', 'second');
      git(repository, 'branch', 'feature');
      second = git(repository, 'rev-parse', 'HEAD');
      server = await startGitServer(root);
      remote = `${server.url}/r.git/.git`;
    });
    after(() => server[Symbol.asyncDispose]());

    test('the default branch, without .git, 0644 and 0755', async () => {
      const { out } = await works(`FROM scratch\nADD ${remote} /r/\n`);
      assert.equal(readFileSync(join(out, 'r/foo'), 'utf8'), 'two\n');
      assert.equal(statSync(join(out, 'r/foo')).mode & 0o7777, 0o644);
      assert.equal(statSync(join(out, 'r/run')).mode & 0o7777, 0o755);
      assert.equal(statSync(join(out, 'r/sub')).mode & 0o7777, 0o755);
      assert.throws(() => statSync(join(out, 'r/.git')), /ENOENT/);
    });

    test('a tag, a commit, a branch, a directory', async () => {
      for (const [suffix, path, text] of [
        ['#v1', 'foo', 'one\n'],
        [`#${first}`, 'foo', 'one\n'],
        ['#feature', 'foo', 'two\n'],
        ['#feature:sub', 'deep/bar', 'bar\n'],
        ['#:sub/deep', 'bar', 'bar\n'],
      ] as const) {
        const { out } = await works(`FROM scratch\nADD ${remote}${suffix} /\n`);
        assert.equal(readFileSync(join(out, path), 'utf8'), text, suffix);
      }
    });

    test('--keep-git-dir', async () => {
      const { out } = await works(`FROM scratch\nADD --keep-git-dir=true ${remote}#v1 /r\n`);
      assert.equal(readFileSync(join(out, 'r/.git/HEAD'), 'utf8'), `${first}\n`);
      assert.equal(git(join(out, 'r'), 'status', '--porcelain'), '');
    });

    test('--checksum, whole or its beginning (testAddGitChecksumCache)', async () => {
      for (const sum of [first, first.slice(0, 8)])
        await works(`FROM scratch\nADD --checksum=${sum} ${remote}#v1 /\n`);
      const dockerfile = `FROM scratch\nADD --checksum=${first} ${remote}#feature /\n`;
      await fails(/expected checksum to match/, dockerfile);
    });

    test('the same commit by another ref is the same work (testAddGitChecksumCache)', async () => {
      await works(`FROM scratch\nADD ${remote}#main /x/\n`);
      const { stderr } = await works(
        `FROM scratch\nADD --checksum=${second} ${remote}#feature /x/\n`,
      );
      assert.match(stderr, /fetch .*\n#\d+ CACHED/);
    });
  });
}

describe('git references by query (testGitQueryString)', () => {
  let servers: WebServer[] = [];
  let remote = '';
  const hash: Record<string, string> = {};
  before(async () => {
    const root = mkdtempSync(join(world.dir, 'git-'));
    const server = await startGitServer(root);
    const dumb = await startGitServer(root, { dumb: true });
    servers = [server, dumb];
    const inner = newRepository(join(root, 'inner'));
    writeFileSync(join(inner, 'file'), '123\n');
    git(inner, 'add', '.');
    git(inner, 'commit', '-qm', 'initial');
    git(inner, 'update-server-info');
    const outer = newRepository(join(root, 'outer'));
    const commit = (text: string): void => {
      writeFileSync(join(outer, 'foo'), text);
      git(outer, 'add', '.');
      git(outer, 'commit', '-qm', text);
    };
    // By its path: the server could not answer while this waits for git.
    git(outer, 'submodule', '--quiet', 'add', inner, 'submod');
    const url = `${server.url}/inner/.git`;
    git(outer, 'config', '--file', '.gitmodules', 'submodule.submod.url', url);
    commit('base\n');
    git(outer, 'branch', 'base');
    mkdirSync(join(outer, 'sub'));
    writeFileSync(join(outer, 'sub/foo'), 'subfeature\n');
    commit('feature\n');
    git(outer, 'branch', 'feature');
    git(outer, 'reset', '-q', '--hard', 'base');
    for (const tag of ['v0.0.2', 'latest']) {
      commit(`${tag}\n`);
      git(outer, 'tag', tag);
      hash[tag] = git(outer, 'rev-parse', tag);
    }
    git(outer, 'update-server-info');
    remote = `${server.url}/outer/.git`;
  });
  after(async () => {
    for (const server of servers) await server[Symbol.asyncDispose]();
  });

  const cases: readonly (readonly [string, () => string, string | RegExp, string?])[] = [
    [
      'a tag and another commit',
      () => `?tag=v0.0.2&commit=${hash['latest']!}`,
      /expected checksum/,
    ],
    ['a fragment', () => '#v0.0.2', 'v0.0.2\n'],
    ['ref=', () => '?ref=base', 'base\n'],
    ['branch=', () => '?branch=base', 'base\n'],
    ['a branch that is not there', () => '?branch=invalid', /does not contain ref/],
    ['a tag as branch', () => '?branch=v0.0.2', /does not contain ref/],
    ['the same ref twice', () => '?tag=v0.0.2#refs/tags/v0.0.2', 'v0.0.2\n'],
    ['commit=', () => `?commit=${hash['latest']!}`, 'latest\n'],
    ['commit= of another', () => `?commit=${hash['v0.0.2']!.slice(0, 8)}`, /expected checksum/],
    ['commit= shortened', () => `?commit=${hash['latest']!.slice(0, 8)}`, 'latest\n'],
    ['ref= a commit', () => `?ref=${hash['v0.0.2']!}`, 'v0.0.2\n'],
    ['ref= a short commit', () => `?ref=${hash['v0.0.2']!.slice(0, 8)}`, /does not contain ref/],
    ['a tag and its commit', () => `?tag=v0.0.2&commit=${hash['v0.0.2']!}`, 'v0.0.2\n'],
    ['fetch-by-commit', () => `?fetch-by-commit&commit=${hash['v0.0.2']!}`, 'v0.0.2\n'],
    ['two refs', () => '?tag=v0.0.2#refs/heads/main', /ref conflicts/],
    ['tag and branch', () => '?tag=v0.0.2&branch=main', /branch conflicts with tag/],
    ['a directory by fragment', () => '#feature:sub', 'subfeature\n'],
    ['a directory by query', () => '?subdir=sub&ref=feature', 'subfeature\n'],
    ['keep-git-dir', () => '?keep-git-dir', /^[0-9a-f]{40}\n$/, '.git/HEAD'],
    ['keep-git-dir=false', () => '?keep-git-dir=false', /ENOENT/, '.git/HEAD'],
    ['submodules', () => '', '123\n', 'submod/file'],
    ['submodules=true', () => '?submodules=true', '123\n', 'submod/file'],
    ['no gitfile of a submodule', () => '?submodules', /ENOENT/, 'submod/.git'],
    ['submodules=false', () => '?submodules=false', /ENOENT/, 'submod/file'],
    ['an unknown name', () => '?depth=1', /unexpected query "depth"/],
    ['no value', () => '?ref=', /query "ref" has no value/],
    ['a name twice', () => '?ref=a&ref=b', /multiple values/],
    ['mtime=', () => '?mtime=never', /invalid mtime value/],
  ];
  for (const [name, suffix, expected, path = 'foo'] of cases) {
    test(name, async () => {
      const { status, stderr, out } = await build(`FROM scratch\nADD ${remote}${suffix()} /r/\n`);
      let seen = stderr;
      if (status === 0) {
        try {
          seen = readFileSync(join(out, 'r', path), 'utf8');
        } catch (error) {
          seen = String(error);
        }
      }
      if (typeof expected === 'string') assert.equal(seen, expected, stderr);
      else assert.match(seen, expected);
      assert.doesNotMatch(stderr, /defect of stave/);
    });
  }

  test('mtime=commit gives files the time of the commit', async () => {
    const { out } = await works(`FROM scratch\nADD ${remote}?mtime=commit /timed/\n`);
    assert.equal(statSync(join(out, 'timed/foo')).mtime.toISOString(), '2020-02-02T02:02:02.000Z');
  });

  test('--keep-git-dir against the query', async () => {
    const dockerfile = `FROM scratch\nADD --keep-git-dir=true ${remote}?keep-git-dir=false /r/\n`;
    await fails(/inconsistent keep-git-dir configuration/, dockerfile);
  });

  test('a server of plain files will do', async () => {
    for (const suffix of ['', '#base', `#${hash['v0.0.2']!}`])
      await works(`FROM scratch\nADD ${servers[1]!.url}/outer/.git${suffix} /r/\n`);
  });

  test('a private repository: by its URL, and nothing of the password is kept', async () => {
    const root = mkdtempSync(join(world.dir, 'git-'));
    const repository = newRepository(join(root, 'private.git'));
    writeFileSync(join(repository, 'f'), 'private\n');
    git(repository, 'add', '.');
    git(repository, 'commit', '-qm', 'f');
    await using server = await startGitServer(root, { password: 't0psecret' });
    const at = `${server.host}/private.git/.git`;
    const { out, stderr } = await works(
      `FROM scratch\nADD --keep-git-dir=true http://user:t0psecret@${at} /r/\n`,
    );
    assert.equal(readFileSync(join(out, 'r/f'), 'utf8'), 'private\n');
    const history = world.ok('history', '--no-trunc', 'it').stdout;
    assert.doesNotMatch(stderr + history, /t0psecret/);
    assert.throws(
      () => execFileSync('grep', ['-r', 't0psecret', world.root, out]),
      /Command failed/,
    );
    const refused = await fails(/GIT_AUTH_TOKEN/, `FROM scratch\nADD http://${at} /r/\n`);
    assert.doesNotMatch(refused.stderr, /t0psecret/);
  });
});
