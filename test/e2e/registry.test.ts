import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { startRegistry, type TestRegistry } from '../helpers/registry.js';
import { staveWorld } from '../helpers/stave.js';

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
});

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
