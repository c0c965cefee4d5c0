import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { startRegistry, type TestRegistry } from '../helpers/registry.js';
import { type Outcome, staveWorld } from '../helpers/stave.js';
import type { ImageIndex } from '../../src/model/oci.js';

describe('images come from a registry', () => {
  const world = staveWorld();
  let registry: TestRegistry;
  before(async () => {
    registry = await startRegistry(world.dir);
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    const archive = join(world.dir, 'bb.tar');
    world.ok('save', '-o', archive, 'bb');
    skopeo(
      'copy',
      '--dest-tls-verify=false',
      `oci-archive:${archive}`,
      `docker://${registry.host}/team/bb:v1`,
    );
  });
  after(async () => {
    await registry[Symbol.asyncDispose]();
    world[Symbol.dispose]();
  });

  const context = (dir: string, name: string, dockerfile: string): string => {
    const at = join(dir, name);
    mkdirSync(at, { recursive: true });
    writeFileSync(join(at, 'Dockerfile'), dockerfile);
    return at;
  };

  test('FROM pulls what skopeo pushed, and the store then satisfies it without the registry', () => {
    using fresh = staveWorld();
    const base = `${registry.host}/team/bb:v1`;
    const at = context(fresh.dir, 'from', `FROM ${base}\nRUN echo built > /made\n`);
    fresh.ok('build', '-q', '-t', 'app', at);
    assert.equal(fresh.ok('run', '--rm', 'app', 'cat', '/made').stdout, 'built\n');
    const again = context(fresh.dir, 'again', `FROM ${base}\nRUN echo other > /made\n`);
    const env = { ...fresh.env, http_proxy: 'http://127.0.0.1:1' };
    const run = spawnSync('bin/stave', ['build', '-q', again], { env, encoding: 'utf8' });
    assert.equal(run.status, 0, run.stderr);
  });

  test('image pull prints what docker prints, and says up to date the second time', () => {
    using fresh = staveWorld();
    const name = `${registry.host}/team/bb:v1`;
    const first = fresh.ok('pull', name).stdout;
    assert.match(first, /^v1: Pulling from team\/bb\n/);
    assert.match(first, /^[0-9a-f]{12}: Pull complete$/m);
    assert.match(first, /^Digest: sha256:[0-9a-f]{64}\nStatus: Downloaded newer image for /m);
    assert.match(fresh.ok('pull', name).stdout, /Status: Image is up to date/);
    assert.equal(fresh.ok('run', '--rm', name, 'echo', 'runs').stdout, 'runs\n');
  });

  test('run pulls an image that is not there', () => {
    using fresh = staveWorld();
    const outcome = fresh.ok('run', '--rm', `${registry.host}/team/bb:v1`, 'echo', 'pulled');
    assert.equal(outcome.stdout, 'pulled\n');
    assert.match(outcome.stderr, /^Unable to find image '.*' locally\n/);
  });

  test('a flipped bit in a layer is refused by the name of the blob', async () => {
    using other = staveWorld();
    await using broken = await startRegistry(other.dir);
    const archive = join(other.dir, 'bb.tar');
    world.ok('save', '-o', archive, 'bb');
    skopeo(
      'copy',
      '--dest-tls-verify=false',
      `oci-archive:${archive}`,
      `docker://${broken.host}/bb:v1`,
    );
    const digest = flipLargestBlob(broken.data);
    const outcome = other.run('pull', `${broken.host}/bb:v1`);
    assert.equal(outcome.status, 1);
    assert.match(outcome.stderr, new RegExp(`blob sha256:${digest} is damaged`));
    assert.ok(
      !readdirSync(join(other.root, 'blobs/sha256')).includes(digest),
      'nothing of it is kept',
    );
  });

  test('push prints what docker prints; what was pushed has a digest, and is pulled as it was', () => {
    const repository = `${registry.host}/team/pushed`;
    world.ok('tag', 'bb', `${repository}:v1`);
    world.ok('tag', 'bb', `${repository}:v2`);
    const first = world.ok('push', `${repository}:v1`).stdout;
    const text = `^The push refers to repository \\[${repository}\\]\n(\\w{12}: Preparing\n)+(\\w{12}: (Pushed|Mounted from team/bb)\n)+v1: digest: (sha256:\\w{64}) size: \\d+\n$`;
    const digest = new RegExp(text).exec(first)?.at(-1) ?? '';
    assert.notEqual(digest, '', first);
    assert.match(world.ok('push', `${repository}:v1`).stdout, /^\w{12}: Layer already exists$/m);
    assert.equal(world.ok('push', '-aq', repository).stdout, `${repository}\n`);
    assert.equal(world.ok('push', '-q', `${repository}:v2`).stdout, `${repository}:v2\n`);
    assert.match(
      world.ok('image', 'inspect', '-f', '{{.RepoDigests}}', 'bb').stdout,
      new RegExp(`${repository}@${digest}`),
    );
    using fresh = staveWorld();
    const pulled = fresh.ok('pull', '-a', repository).stdout;
    const tag = (name: string): string =>
      `${name}: Pulling from team/pushed\n(\\w{12}: .*\n)*Digest: ${digest}\n`;
    assert.match(
      pulled,
      new RegExp(
        `^(?=[^]*${tag('v1')})(?=[^]*${tag('v2')})[^]*Status: Downloaded newer image for ${repository}\n${repository}\n$`,
      ),
    );
    const tags = fresh.ok('images', '--format', '{{.Tag}} {{.Digest}}').stdout;
    assert.equal(tags, `v1 ${digest}\nv2 ${digest}\n`);
    assert.equal(fresh.ok('run', '--rm', `${repository}:v2`, 'echo', 'runs').stdout, 'runs\n');
    fresh.ok('tag', `${repository}:v1`, 'zz:1');
    const id = fresh.ok('images', '-q', '--no-trunc', 'zz').stdout.trim();
    assert.deepEqual(
      fresh
        .ok('rmi', '-f', id)
        .stdout.split('\n')
        .map((line) => line.replace(repository, 'R')),
      ['R:v1', 'R:v2', `R@${digest}`, 'zz:1']
        .map((name) => `Untagged: ${name}`)
        .concat(`Deleted: ${id}`, ''),
      "a repository's digest goes with its last name",
    );
    const before = world.ok('images', '-q').stdout.split('\n').length;
    world.ok('rmi', `${repository}:v1`, `${repository}:v2`);
    assert.equal(
      world.ok('images', '-q').stdout.split('\n').length,
      before - 2,
      'no <none> is left',
    );
  });

  test('what is not pushed or pulled, and why', () => {
    const at = registry.host;
    world.ok('tag', 'bb', `${at}/team/bb:v1`);
    for (const [args, message] of [
      [['push', `${at}/none`], `An image does not exist locally with the tag: ${at}/none`],
      [['push', `${at}/team/bb:zz`], `tag does not exist: ${at}/team/bb:zz`],
      [['push', '-a', `${at}/team/bb:v1`], "tag can't be used with --all-tags/-a"],
      [['pull', '-a', `${at}/team/bb:v1`], "tag can't be used with --all-tags/-a"],
      [['pull', '-a', `${at}/none`], `repository ${at}/none not found`],
      [['push', `${at}/x@sha256:${'0'.repeat(64)}`], 'cannot push a digest reference'],
      [
        ['push', '--platform', 'linux/s390x', `${at}/team/bb:v1`],
        `image with reference ${at}/team/bb:v1 was found but does not provide the specified platform (linux/s390x)`,
      ],
    ] as const) {
      const { status, stderr } = world.run(...args);
      assert.equal(status, 1);
      assert.equal(stderr.split('\n')[0], `ERROR: ${message}`);
      assert.match(stderr, /\n\nhint: /);
    }
  });

  test('a manifest list: made, annotated, pushed with its images, pulled by platform', () => {
    const [bb, app, list] = ['team/bb:v1', 'team/other:1', 'lists/all:1'].map(
      (name) => `${registry.host}/${name}`,
    ) as [string, string, string];
    writeFileSync(join(world.dir, 'Dockerfile'), 'FROM bb\nCOPY Dockerfile /\n');
    world.ok('build', '-q', '-t', app, world.dir);
    world.ok('push', '-q', app);
    const error = (...args: string[]): string =>
      world.run('manifest', ...args).stderr.split('\n')[0] ?? '';
    const [created, refusal] = [
      `Created manifest list ${list}\n`,
      'ERROR: refusing to amend an existing manifest list with no --amend flag',
    ];
    assert.equal(world.ok('manifest', 'create', list, bb).stdout, created);
    assert.equal(error('create', list, app), refusal);
    assert.equal(world.ok('manifest', 'create', '-a', list, app).stdout, created);
    world.ok('manifest', 'annotate', '--arch', 'arm64', '--variant=v8', list, app);
    const own = {
      os: 'linux',
      architecture: world.ok('version', '-f', '{{.Client.Arch}}').stdout.trim(),
    };
    const platforms = (): unknown =>
      (JSON.parse(world.ok('manifest', 'inspect', list).stdout) as ImageIndex).manifests.map(
        ({ platform }) => platform,
      );
    const wanted = [own, { os: 'linux', architecture: 'arm64', variant: 'v8' }];
    assert.deepEqual(platforms(), wanted);
    const whole = JSON.parse(world.ok('manifest', 'inspect', '-v', list).stdout) as {
      readonly Descriptor: { readonly digest: string };
    }[];
    assert.deepEqual(Object.keys(whole[0] ?? {}), ['Ref', 'Descriptor', 'Raw', 'OCIManifest']);
    const pushed = world.ok('manifest', 'push', '--purge', list).stdout.split('\n');
    assert.equal(pushed.length, 4);
    assert.match(pushed[0] ?? '', /^Pushed ref \S+\/lists\/all@(sha256:\w{64}) with digest: \1$/);
    assert.equal(error('rm', list), `ERROR: No such manifest: ${list}`);
    assert.deepEqual(platforms(), wanted, 'now of the registry');
    const byDigest = `${list}@${whole[0]?.Descriptor.digest ?? ''}`;
    assert.match(world.ok('manifest', 'inspect', byDigest).stdout, /^\{\n\t"schemaVersion": 2,/);
    using fresh = staveWorld();
    fresh.ok('pull', '-q', '--platform', 'linux/arm64/v8', list);
    assert.equal(
      fresh.ok('run', '--rm', list, 'cat', '/Dockerfile').stdout,
      'FROM bb\nCOPY Dockerfile /\n',
    );
    fresh.ok('pull', '-q', list);
    assert.match(fresh.ok('images', '--tree').stdout, /\n├─ linux\/\w+ .*\n└─ linux\/arm64.*\n/);
    fresh.ok('tag', list, `${registry.host}/lists/again:1`);
    assert.match(
      fresh.ok('push', `${registry.host}/lists/again:1`).stdout,
      new RegExp(`\n1: digest: ${pushed[2] ?? ''} size: \\d+\n$`),
      'the whole index',
    );
    for (const [args, message] of [
      [['create', list], "'stave manifest create' requires at least 2 arguments"],
      [['create', list, list], `${list} is a manifest list`],
      [['create', list, `${registry.host}/none:1`], `no such manifest: ${registry.host}/none:1`],
      [['annotate', list, bb], `No such manifest: ${list}`],
      [['push', list], `No such manifest: ${list}`],
      [['inspect', `${registry.host}/none:1`], `no such manifest: ${registry.host}/none:1`],
    ] as const)
      assert.equal(error(...args), `ERROR: ${message}`);
  });

  test('a mirror answers for another registry', () => {
    using fresh = staveWorld();
    const file = join(fresh.dir, 'config.json');
    const config = {
      registries: { 'registry.example.org': { mirrors: [`http://${registry.host}`] } },
    };
    writeFileSync(file, JSON.stringify(config));
    const env = { ...fresh.env, STAVE_CONFIG: file };
    const run = spawnSync('bin/stave', ['pull', 'registry.example.org/team/bb:v1'], {
      env,
      encoding: 'utf8',
    });
    assert.equal(run.status, 0, run.stderr);
  });

  test('an unknown name, and an unreachable registry, are clear', () => {
    using fresh = staveWorld();
    assert.match(
      fresh.run('pull', `${registry.host}/team/nope`).stderr,
      /team\/nope:latest: not found/,
    );
    assert.match(
      fresh.run('pull', '127.0.0.1:1/x').stderr,
      /registry 127\.0\.0\.1:1 cannot be reached/,
    );
  });

  test("a private registry: basic and bearer, with credentials of docker's config.json", async () => {
    for (const scheme of ['basic', 'bearer'] as const) {
      using fresh = staveWorld();
      await using guard = await guarded(registry.host, scheme);
      const name = `${guard.host}/team/bb:v1`;
      const refused = await fresh.start(['pull', name]);
      assert.match(refused.stderr, new RegExp(`registry ${guard.host} refuses`));
      const auth = Buffer.from('user:hunter2').toString('base64');
      mkdirSync(join(fresh.dir, 'home/.docker'));
      writeFileSync(
        join(fresh.dir, 'home/.docker/config.json'),
        JSON.stringify({ auths: { [guard.host]: { auth } } }),
      );
      const allowed = await fresh.start(['pull', name]);
      assert.equal(allowed.status, 0, allowed.stderr);
      assert.ok(!JSON.stringify(refused).includes('hunter2'));
    }
  });

  test('login and logout: the file, a helper, what the registry says of the password', async () => {
    using fresh = staveWorld();
    await using guard = await guarded(registry.host, 'bearer');
    const home = join(fresh.dir, 'home');
    const config = join(home, '.docker/config.json');
    const login = (password: string, ...args: string[]): Promise<Outcome> => {
      const line = `printf %s ${password} | bin/stave login -u user --password-stdin ${args.join(' ')}`;
      return shell(line, { ...fresh.env, PATH: `${home}:${process.env['PATH'] ?? ''}` });
    };
    const wrong = await login('wrong', guard.host);
    assert.equal(wrong.status, 1);
    assert.match(wrong.stderr, /^ERROR: registry \S+ refuses: /);
    const right = await login('hunter2', `http://${guard.host}/v1/`);
    assert.equal(right.stdout, 'Login Succeeded\n', right.stderr);
    assert.match(
      right.stderr,
      /WARNING! Your credentials are stored unencrypted in '.*config.json'/,
    );
    const auth = Buffer.from('user:hunter2').toString('base64');
    assert.deepEqual(JSON.parse(readFileSync(config, 'utf8')), {
      auths: { [guard.host]: { auth } },
    });
    assert.equal(statSync(config).mode & 0o777, 0o600);
    assert.equal((await fresh.start(['pull', '-q', `${guard.host}/team/bb:v1`])).status, 0);
    const again = await fresh.start(['login', guard.host]);
    assert.equal(again.stdout, 'Login Succeeded\n');
    assert.match(again.stderr, /Authenticating with existing credentials\.\.\. \[Username: user\]/);
    const out = await fresh.start(['logout', guard.host]);
    assert.equal(out.stdout, `Removing login credentials for ${guard.host}\n`);
    assert.deepEqual(JSON.parse(readFileSync(config, 'utf8')), { auths: {} });

    const kept = join(home, 'kept');
    const helper = `#!/bin/sh\ncase $1 in store) cat >${kept};; erase) cat >${kept}.gone; rm ${kept};; get) cat ${kept};; esac\n`;
    writeFileSync(join(home, 'docker-credential-test'), helper, { mode: 0o755 });
    writeFileSync(config, JSON.stringify({ credHelpers: { [guard.host]: 'test' }, aliases: {} }));
    const helped = await login('hunter2', guard.host);
    assert.equal(helped.stderr, '');
    assert.deepEqual(JSON.parse(readFileSync(kept, 'utf8')), {
      ...{ ServerURL: guard.host, Username: 'user', Secret: 'hunter2' },
    });
    assert.deepEqual(JSON.parse(readFileSync(config, 'utf8')), {
      ...{ credHelpers: { [guard.host]: 'test' }, aliases: {}, auths: { [guard.host]: {} } },
    });
    const env = { ...fresh.env, PATH: `${home}:${process.env['PATH'] ?? ''}` };
    assert.equal((await shell(`bin/stave logout ${guard.host}`, env)).status, 0);
    assert.equal(readFileSync(`${kept}.gone`, 'utf8'), guard.host);
    for (const [args, message] of [
      [['-u', 'x'], 'cannot perform an interactive login from a non-TTY device'],
      [['--password-stdin'], 'the --password-stdin option requires --username to be set'],
      [['-p', 'x', '--password-stdin'], /cannot specify both --password and --password-stdin/],
      [['-u', ''], 'username is empty'],
      [['a', 'b'], /requires at most 1 argument/],
    ] as const)
      assert.match(fresh.run('login', ...args).stderr.split('\n')[0] ?? '', new RegExp(message));
  });
});

async function shell(line: string, env: NodeJS.ProcessEnv): Promise<Outcome> {
  const child = spawn('sh', ['-c', line], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { status, stdout, stderr };
}

/** A proxy before the real registry that wants credentials. */
async function guarded(
  upstream: string,
  scheme: 'basic' | 'bearer',
): Promise<{ host: string } & AsyncDisposable> {
  const basic = `Basic ${Buffer.from('user:hunter2').toString('base64')}`;
  let host = '';
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const given = request.headers.authorization;
    if (request.url?.startsWith('/token') === true) {
      response.statusCode = given === basic ? 200 : 401;
      response.end(JSON.stringify({ token: 'secret-token' }));
      return;
    }
    if (given !== (scheme === 'basic' ? basic : 'Bearer secret-token')) {
      const realm =
        scheme === 'basic'
          ? 'Basic realm="test"'
          : `Bearer realm="http://${host}/token",service="test",scope="repository:team/bb:pull"`;
      response.writeHead(401, { 'www-authenticate': realm }).end();
      return;
    }
    const accept = request.headers.accept ?? '*/*';
    const answer = await fetch(`http://${upstream}${request.url ?? ''}`, { headers: { accept } });
    const type = answer.headers.get('content-type') ?? '';
    response
      .writeHead(answer.status, { 'content-type': type })
      .end(Buffer.from(await answer.arrayBuffer()));
  };
  const server: Server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  host = `127.0.0.1:${String(address.port)}`;
  return {
    host,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Changes one bit in the middle of the registry's largest blob and gives its digest's hex. */
function flipLargestBlob(data: string): string {
  const root = join(data, 'docker/registry/v2/blobs/sha256');
  const blobs = readdirSync(root)
    .flatMap((fan) => readdirSync(join(root, fan)).map((hex) => join(root, fan, hex, 'data')))
    .map((file) => ({ file, bytes: readFileSync(file) }))
    .sort((a, b) => b.bytes.length - a.bytes.length);
  const largest = blobs[0];
  if (largest === undefined) throw new Error('no blobs');
  const middle = largest.bytes.length >> 1;
  largest.bytes.writeUInt8(largest.bytes.readUInt8(middle) ^ 1, middle);
  writeFileSync(largest.file, largest.bytes);
  return largest.file.split('/').at(-2) ?? '';
}

function skopeo(...args: string[]): void {
  const result = spawnSync('skopeo', args, { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(result.stderr);
}
