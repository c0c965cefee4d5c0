import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { busyboxContext } from '../helpers/busybox.js';
import { git, newRepository, startGitServer } from '../helpers/git-server.js';
import { type Outcome, staveWorld } from '../helpers/stave.js';
import { startWeb, type WebServer } from '../helpers/web-server.js';

const COMMITTED = 1_580_608_922; // The helper's committer date.
const NEWEST = 1_700_000_302;
const MODIFIED = 1_700_000_201;
const SAYS = 'FROM bb\nARG SOURCE_DATE_EPOCH\nRUN echo "epoch <$SOURCE_DATE_EPOCH>"\n';

/** What SOURCE_DATE_EPOCH is when it names something that has a time. */
describe('SOURCE_DATE_EPOCH of a source', () => {
  const world = staveWorld();
  let web: WebServer;
  const archive = (): Buffer => {
    const dir = mkdtempSync(join(world.dir, 'archive-'));
    mkdirSync(join(dir, 'later')); // A directory's time does not count.
    writeFileSync(join(dir, 'Dockerfile'), SAYS);
    writeFileSync(join(dir, 'newest'), '');
    execFileSync('touch', ['-d', `@${String(NEWEST - 3600)}`, join(dir, 'Dockerfile')]);
    execFileSync('touch', ['-d', `@${String(NEWEST)}`, join(dir, 'newest')]);
    return execFileSync('tar', ['-C', dir, '-cf', '-', '.']);
  };

  before(async () => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    const [tar, modified] = [archive(), new Date(MODIFIED * 1000).toUTCString()];
    const old = new Date(-86_400_000).toUTCString();
    web = await startWeb(({ url = '' }, response) => {
      if (url.startsWith('/dated/')) response.setHeader('last-modified', modified);
      if (url.startsWith('/old/')) response.setHeader('last-modified', old);
      if (url.endsWith('.tar')) response.end(tar);
      else if (url.endsWith('.tgz')) response.end(gzipSync(tar));
      else if (url.endsWith('cut.gz')) response.end(gzipSync(tar).subarray(0, 60));
      else if (url.endsWith('/Dockerfile')) response.end(SAYS);
      else response.writeHead(404).end();
    });
  });
  after(async () => {
    await web[Symbol.asyncDispose]();
    world[Symbol.dispose]();
  });

  const empty = join(world.dir, 'empty');
  mkdirSync(empty);
  const arg = (value: string): string => `--build-arg=SOURCE_DATE_EPOCH=${value}`;

  function build(...args: string[]): Promise<Outcome> {
    return world.start(['build', '--progress=plain', '--no-cache', '-t', 'it', ...args]);
  }
  /** A build of `dockerfile` whose steps and image have this time. */
  async function gives(seconds: number | undefined, ...args: string[]): Promise<void> {
    const { status, stderr } = await build(...args);
    assert.equal(status, 0, stderr);
    assert.match(stderr, new RegExp(`epoch <${seconds === undefined ? '' : String(seconds)}>`));
    if (seconds === undefined) return;
    const created = world.ok('image', 'inspect', '--format', '{{.Created}}', 'it').stdout.trim();
    assert.equal(Date.parse(created) / 1000, seconds);
  }
  /** The text as a Dockerfile for `-f`. */
  function file(text: string): string {
    const path = join(world.dir, 'Dockerfile');
    writeFileSync(path, text);
    return path;
  }

  test('a context of git: its commit (testSourceDateEpochContextGit)', async () => {
    const root = mkdtempSync(join(world.dir, 'git-'));
    const repository = newRepository(join(root, 'r.git'));
    writeFileSync(join(repository, 'Dockerfile'), SAYS);
    git(repository, 'add', '.');
    git(repository, 'commit', '--quiet', '--date=2001-01-01T00:00:00Z', '-m', 'later committed');
    await using server = await startGitServer(root);
    await gives(COMMITTED, arg('context'), `${server.url}/r.git`);
    const named = `--build-context=src=${server.url}/r.git`;
    await gives(COMMITTED, arg('src'), named, '-f', file(SAYS), empty);
    const stage = `ARG SOURCE_DATE_EPOCH=Src\nFROM scratch AS src\nADD ${server.url}/r.git /\n`;
    await gives(COMMITTED, '-f', file(`${stage}${SAYS}`), empty);
  });

  test('a context of the web: Last-Modified (testSourceDateEpochContextHTTPLastModified)', async () => {
    await gives(MODIFIED, arg('context'), `${web.url}/dated/c.tar`);
    await gives(MODIFIED, arg('context'), `${web.url}/dated/Dockerfile`);
  });

  test('else its newest file (testSourceDateEpochContextHTTPArchive)', async () => {
    await gives(NEWEST, arg('context'), `${web.url}/c.tgz`);
    await gives(undefined, arg('context'), `${web.url}/Dockerfile`);
  });

  test('a context from stdin: its newest file', () => {
    const args = ['build', '--progress=plain', '--no-cache', arg('context'), '-'];
    const options = { env: world.env, encoding: 'utf8' } as const;
    const { stderr } = spawnSync('bin/stave', args, { ...options, input: archive() });
    assert.match(stderr, new RegExp(`epoch <${String(NEWEST)}>`));
    assert.match(spawnSync('bin/stave', args, { ...options, input: SAYS }).stderr, /epoch <>/);
  });

  test('a stage of one ADD (testSourceDateEpochStageHTTPArchive, TestSourceDateEpochStageSourceHTTP)', async () => {
    const stage = (path: string): string =>
      `ARG SOURCE_DATE_EPOCH=mysource\nARG AT=${web.url}\nFROM scratch AS mysource\nARG AT\nADD $AT${path} /\n`;
    for (const path of ['/src.tar', '/src.tgz'])
      await gives(NEWEST, '-f', file(`${stage(path)}${SAYS}`), empty);
    await gives(MODIFIED, '-f', file(`${stage('/dated/src.tar')}${SAYS}`), empty);
    for (const path of ['/Dockerfile', '/cut.gz'])
      await gives(undefined, '-f', file(`${stage(path)}${SAYS}`), empty);
    // Its own flags count: nothing that is not what --checksum says tells a time.
    const sum = `${stage('/src.tar').replace('ADD ', `ADD --checksum=sha256:${'0'.repeat(64)} `)}${SAYS}`;
    const { status, stderr } = await build('-f', file(sum), empty);
    assert.equal(status, 1);
    assert.match(stderr, /digest mismatch/);
  });

  test('a number goes before the stage (testSourceDateEpochStageOverride)', async () => {
    const stage = `ARG SOURCE_DATE_EPOCH=mysource\nFROM scratch AS mysource\nADD ${web.url}/src.tar /\n`;
    const asked = web.asked.length;
    await gives(1_600_000_000, arg('1600000000'), '-f', file(`${stage}${SAYS}`), empty);
    assert.equal(web.asked.length, asked);
  });

  test('a named context: Last-Modified (testSourceDateEpochNamedContextHTTPLastModified)', async () => {
    const named = `--build-context=src=${web.url}/dated/c.tar`;
    await gives(MODIFIED, arg('src'), named, '-f', file(SAYS), empty);
  });

  test('else its newest file (testSourceDateEpochNamedContextHTTPArchive)', async () => {
    const named = `--build-context=src=${web.url}/c.tar`;
    await gives(NEWEST, arg('src'), named, '-f', file(SAYS), empty);
    const directory = `--build-context=src=${empty}`;
    await gives(undefined, arg('src'), directory, '-f', file(SAYS), empty);
  });

  test('a time before 1970 and a source that is not there are said so', async () => {
    const old = await build(arg('context'), `${web.url}/old/c.tar`);
    assert.match(old.stderr, /ERROR: invalid SOURCE_DATE_EPOCH: context is of -86400/);
    const named = `--build-context=src=${web.url}/none`;
    const none = await build(arg('src'), named, '-f', file(SAYS), empty);
    assert.match(none.stderr, /answers with status 404/);
    assert.equal(none.status, 1);
  });
});
