import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { git, newRepository } from '../helpers/git-server.js';
import { newKey, type SshServer, startSshServer } from '../helpers/ssh-server.js';
import { type Outcome, staveWorld } from '../helpers/stave.js';

describe('git by ssh', () => {
  const world = staveWorld();
  const home = join(world.dir, 'home');
  const repository = join(world.dir, 'repository');
  let server: SshServer;
  before(async () => {
    server = await startSshServer(join(world.dir, 'sshd'));
    newRepository(repository);
    writeFileSync(join(repository, 'Dockerfile'), 'FROM scratch\nCOPY f /from-context\n');
    writeFileSync(join(repository, 'f'), 'by ssh');
    git(repository, 'add', '.');
    git(repository, 'commit', '-qm', 'f');
    mkdirSync(join(home, '.ssh'));
    know(server.known);
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    world[Symbol.dispose]();
  });

  function know(text: string): void {
    writeFileSync(join(home, '.ssh/known_hosts'), text);
  }

  async function build(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Outcome & { readonly out: string }> {
    const out = mkdtempSync(join(world.dir, 'out-'));
    const all = ['build', '--no-cache', '--progress=plain', '-o', out, ...args];
    return { ...(await world.start(all, env)), out };
  }

  function adds(source: string): string {
    const context = mkdtempSync(join(world.dir, 'context-'));
    writeFileSync(join(context, 'Dockerfile'), `FROM scratch\nADD ${source} /d/\n`);
    return context;
  }

  async function works(args: readonly string[], env = {}): Promise<string> {
    const { status, stderr, out } = await build(args, env);
    assert.equal(status, 0, stderr);
    return out;
  }

  async function fails(pattern: RegExp, args: readonly string[], env = {}): Promise<string> {
    const { status, stderr } = await build(args, env);
    assert.equal(status, 1, stderr);
    assert.match(stderr, pattern);
    assert.match(stderr, /^hint: /m);
    assert.doesNotMatch(stderr, /defect of stave|^\s+at .*:\d+:\d+/m);
    return stderr;
  }

  const url = (): string => `ssh://root@${server.host}${repository}`;
  const withKey = (): string => `--ssh=default=${server.userKey}`;

  test('ADD ssh://, with a key, with an agent; the agent of a key is gone after', async () => {
    const out = await works([withKey(), adds(`${url()}#main`)]);
    assert.equal(readFileSync(join(out, 'd/f'), 'utf8'), 'by ssh');
    const left = readdirSync('/proc').filter((pid) =>
      readIf(`/proc/${pid}/environ`).includes(`STAVE_SSH=${home}`),
    );
    assert.deepEqual(left, []);
    await withAgent([server.userKey], async (socket) => {
      await works([`--ssh=default=${socket}`, adds(url())]);
      await works(['--ssh=default', adds(url())], { SSH_AUTH_SOCK: socket });
    });
  });

  test('ADD by ssh without --ssh default is refused before anything is asked', async () => {
    await withAgent([server.userKey], async (socket) => {
      const env = { SSH_AUTH_SOCK: socket };
      const no = /Dockerfile:2: no SSH key "default" forwarded from the client/;
      await fails(no, [adds(url())], env);
      await fails(no, [`--ssh=other=${socket}`, adds(url())], env);
      await fails(no, [adds('git@127.0.0.1:r')], env);
    });
  });

  test("a context by ssh: with what is given, the user's agent, or the user's own key", async () => {
    assert.ok(existsSync(join(await works([withKey(), url()]), 'from-context')));
    await withAgent([server.userKey], async (socket) => {
      await works([`${url()}#main`], { SSH_AUTH_SOCK: socket });
    });
    const other = join(world.dir, 'other-home');
    mkdirSync(join(other, '.ssh'), { recursive: true });
    writeFileSync(join(other, '.ssh/known_hosts'), server.known);
    writeFileSync(join(other, '.ssh/id_ed25519'), readFileSync(server.userKey), { mode: 0o600 });
    await works([url()], { HOME: other });
  });

  test('a named context by ssh', async () => {
    const context = mkdtempSync(join(world.dir, 'context-'));
    writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nCOPY --from=repo f /f\n');
    const out = await works([withKey(), `--build-context=repo=${url()}`, context]);
    assert.equal(readFileSync(join(out, 'f'), 'utf8'), 'by ssh');
  });

  test('a key the host does not know', async () => {
    const stranger = newKey(join(world.dir, 'stranger'));
    await fails(/git: .*Permission denied \(publickey/, [`--ssh=default=${stranger}`, adds(url())]);
  });

  test('an unknown host, or one with another key, is refused and not remembered', async () => {
    const file = join(home, '.ssh/known_hosts');
    know('');
    const unknown = await fails(/Host key verification failed/, [withKey(), adds(url())]);
    assert.match(unknown, /^hint: the host is not in known_hosts/m);
    await fails(/Host key verification failed/, [withKey(), url()]);
    assert.equal(readFileSync(file, 'utf8'), '');
    const [name = ''] = server.known.split(' ');
    const other = readFileSync(`${newKey(join(world.dir, 'impostor'))}.pub`, 'utf8');
    know(`${name} ${other}`);
    const changed = await fails(/Host key for .* has changed/, [withKey(), adds(url())]);
    assert.match(changed, /^hint: the host's key is another than that in known_hosts/m);
    know(server.known);
  });

  test('a submodule by ssh comes with the same key', async () => {
    const parent = newRepository(join(world.dir, 'parent'));
    writeFileSync(
      join(parent, '.gitmodules'),
      `[submodule "sub"]\n\tpath = sub\n\turl = ${url()}\n`,
    );
    const head = git(repository, 'rev-parse', 'HEAD');
    git(parent, 'update-index', '--add', '--cacheinfo', `160000,${head},sub`);
    git(parent, 'add', '.gitmodules');
    git(parent, 'commit', '-qm', 'sub');
    const out = await works([withKey(), adds(`ssh://root@${server.host}${parent}`)]);
    assert.equal(readFileSync(join(out, 'd/sub/f'), 'utf8'), 'by ssh');
  });

  // This form has no port: an sshd at 22 in a network of its own.
  test('ADD and a context user@host:path', () => {
    const scp = `root@127.0.0.1:${repository}`;
    const out = mkdtempSync(join(world.dir, 'out-'));
    const script = `ip link set lo up
/usr/sbin/sshd -D -f '${server.config}' & sshd=$!
trap 'kill $sshd' EXIT
until ssh-keyscan -t ed25519 127.0.0.1 >'${home}/.ssh/known_hosts' 2>/dev/null &&
  test -s '${home}/.ssh/known_hosts'; do kill -0 $sshd || exit 9; done
bin/stave build ${withKey()} -o '${out}' '${adds(scp)}' && bin/stave build ${withKey()} -o '${out}' '${scp}'`;
    const { status, stderr } = spawnSync('unshare', ['-n', 'sh', '-c', script], {
      env: world.env,
      encoding: 'utf8',
    });
    know(server.known);
    assert.equal(status, 0, stderr);
    assert.deepEqual(readdirSync(out).sort(), ['d', 'from-context']);
  });

  async function withAgent(
    keys: readonly string[],
    use: (socket: string) => Promise<void>,
  ): Promise<void> {
    const socket = join(mkdtempSync(join(world.dir, 'agent-')), 's');
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] });
    await new Promise((resolve) => agent.stdout.once('data', resolve)); // It listens before it speaks.
    try {
      const env = { ...process.env, SSH_AUTH_SOCK: socket };
      assert.equal(spawnSync('ssh-add', ['-q', ...keys], { env }).status, 0);
      await use(socket);
    } finally {
      agent.kill('SIGKILL');
    }
  }
});

function readIf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
