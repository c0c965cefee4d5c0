import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { busyboxContext } from '../helpers/busybox.js';
import { git, newRepository, startGitServer } from '../helpers/git-server.js';
import { contextOf } from '../helpers/run-context.js';
import { type Outcome, staveWorld } from '../helpers/stave.js';
import type { WebServer } from '../helpers/web-server.js';

const TOKEN = 'tok3n-of-the-user-4711';
const FORMS = [TOKEN, Buffer.from(TOKEN).toString('hex'), TOKEN.split('').reverse().join('')];

/** RELIABILITY C12: credentials in addresses are used, and shown or kept nowhere. */
describe('C12: credentials in URLs', () => {
  const world = staveWorld();
  const repositories = join(world.dir, 'repositories');
  let server: WebServer;
  before(async () => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    const repository = newRepository(join(repositories, 'r.git'));
    writeFileSync(join(repository, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n');
    git(repository, 'add', '.');
    git(repository, 'commit', '--quiet', '-m', 'one');
    server = await startGitServer(repositories, { password: TOKEN });
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    world[Symbol.dispose]();
  });

  const address = (path: string): string => `http://user:${TOKEN}@${server.host}${path}`;

  /** Runs a build, and looks at everybody's arguments meanwhile. */
  async function build(args: readonly string[]): Promise<Outcome> {
    const own = args.some((arg) => arg.includes(TOKEN));
    const child = spawn(join(process.cwd(), 'bin/stave'), ['build', '--progress=plain', ...args], {
      env: world.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
    while (child.exitCode === null && child.signalCode === null) {
      // What the user wrote on the command line is theirs to show.
      if (!own) assert.deepEqual(tellTales(), []);
      await turn();
    }
    const outcome = { status: await closed, stdout, stderr };
    for (const form of FORMS) assert.ok(!(stdout + stderr).includes(form), stderr);
    assertNotKept();
    return outcome;
  }

  function tellTales(): string[] {
    return readdirSync('/proc').filter((pid) => {
      if (!/^\d+$/.test(pid) || pid === String(process.pid)) return false;
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(TOKEN);
      } catch {
        return false; // It ended while we looked.
      }
    });
  }

  function assertNotKept(): void {
    for (const form of FORMS) {
      const found = spawnSync('grep', ['-rlaF', form, world.root], { encoding: 'utf8' });
      assert.equal(found.stdout, '');
    }
  }

  test('ADD of a repository, right and wrong', async () => {
    const add = `FROM scratch\nADD ${address('/r.git')} /src/\n`;
    const built = await build(['-t', 'added', contextOf(world, add)]);
    assert.equal(built.status, 0, built.stderr);
    assert.match(built.stderr, /xxxxx:xxxxx@/);
    const history = world.ok('image', 'history', '--no-trunc', 'added').stdout;
    assert.ok(!history.includes(TOKEN));
    const inspected = world.ok('image', 'inspect', 'added').stdout;
    assert.ok(!inspected.includes(TOKEN));
    const none = `FROM scratch\nADD ${address('/none.git')} /src/\n`;
    const failed = await build([contextOf(world, none)]);
    assert.equal(failed.status, 1);
  });

  test('a repository as context and as named context', async () => {
    assert.equal((await build(['-t', 'context', address('/r.git')])).status, 0);
    const context = contextOf(world, 'FROM scratch\nCOPY --from=n Dockerfile /\n');
    const built = await build([`--build-context=n=${address('/r.git')}`, context]);
    assert.equal(built.status, 0, built.stderr);
  });

  test('FROM with a user and a password is no image name', async () => {
    const { status } = await build([contextOf(world, `FROM https://u:${TOKEN}@h/i\n`)]);
    assert.equal(status, 1);
  });

  test('a proxy of --build-arg', async () => {
    const steps = contextOf(world, 'FROM bb\nRUN true\n');
    const proxy = `--build-arg=HTTP_PROXY=http://user:${TOKEN}@127.0.0.1:1`;
    assert.equal((await build([proxy, '-t', 'proxied', steps])).status, 0);
    assert.ok(!world.ok('image', 'inspect', 'proxied').stdout.includes(TOKEN));
  });
});

test('C4: what the ignore file excludes is never opened', () => {
  using world = staveWorld();
  const context = join(world.dir, 'context');
  mkdirSync(join(context, 'sub'), { recursive: true });
  for (const name of ['secret-bytes', 'sub/secret-bytes', 'open'])
    writeFileSync(join(context, name), 'x');
  writeFileSync(join(context, '.dockerignore'), '**/secret-*\n');
  writeFileSync(
    join(context, 'Dockerfile'),
    'FROM scratch\nCOPY . /\nCOPY * /d/\nCOPY --parents sub /p/\n',
  );
  const log = join(world.dir, 'trace');
  const calls = 'trace=open,openat,openat2,readlink,readlinkat,execve';
  const args = [
    '-f',
    '-qq',
    '-s',
    '256',
    '-e',
    calls,
    '-o',
    log,
    'bin/stave',
    'build',
    '-q',
    context,
  ];
  const { status, stderr } = spawnSync('strace', args, { env: world.env, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const trace = readFileSync(log, 'utf8');
  assert.ok(trace.includes('/open"'), 'the trace shows what is opened');
  assert.deepEqual(
    trace.split('\n').filter((line) => line.includes('secret-bytes')),
    [],
  );
});
