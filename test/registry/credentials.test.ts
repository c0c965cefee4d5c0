import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BuildError } from '../../src/model/error.js';
import { type Credentials, findCredentials } from '../../src/registry/credentials.js';
import { pullWorld, type PullWorld } from '../helpers/pull-world.js';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const password = (username: string, word: string): Credentials => ({
  kind: 'password',
  username,
  password: word,
});

/** Puts a credential helper on a PATH of its own: `script` sees the server on stdin. */
function helper(world: PullWorld, name: string, script: string): NodeJS.ProcessEnv {
  const bin = join(world.dir, 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, `docker-credential-${name}`), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, `docker-credential-${name}`), 0o755);
  return { PATH: `${bin}:${process.env['PATH'] ?? ''}` };
}

const FOUND: readonly (readonly [
  config: object,
  domain: string,
  found: Credentials | undefined,
])[] = [
  [{}, 'reg.example.org', undefined],
  [
    { auths: { 'reg.example.org': { auth: base64('u:p:q') } } },
    'reg.example.org',
    password('u', 'p:q'),
  ],
  [
    { auths: { 'https://reg.example.org': { auth: base64('u:p') } } },
    'reg.example.org',
    password('u', 'p'),
  ],
  [{ auths: { r: { username: 'u', password: 'p' } } }, 'r', password('u', 'p')],
  [{ auths: { r: { identitytoken: 't' } } }, 'r', { kind: 'identity', token: 't' }],
  [
    { auths: { 'https://index.docker.io/v1/': { auth: base64('u:p') } } },
    'docker.io',
    password('u', 'p'),
  ],
  // D12: no other host, no other port, no prefix.
  [{ auths: { reg: { auth: base64('u:p') } } }, 'reg.evil', undefined],
  [{ auths: { 'reg.example.org': { auth: base64('u:p') } } }, 'example.org', undefined],
  [{ auths: { 'reg.example.org': { auth: base64('u:p') } } }, 'reg.example.org:5000', undefined],
  [{ auths: { 'reg.example.org:5000': { auth: base64('u:p') } } }, 'reg.example.org', undefined],
  [{ auths: { r: { auth: 'bm9jb2xvbg==' } } }, 'r', undefined],
  [{ auths: { r: {} } }, 'r', undefined],
];
for (const [config, domain, found] of FOUND) {
  test(`${JSON.stringify(config)} for ${domain}`, async () => {
    await using world = pullWorld();
    world.dockerConfig(config);
    assert.deepEqual(findCredentials(domain, {}, world.home), found);
  });
}

test('DOCKER_CONFIG names another directory', async () => {
  await using world = pullWorld();
  writeFileSync(
    join(world.dir, 'config.json'),
    JSON.stringify({ auths: { r: { auth: base64('u:p') } } }),
  );
  assert.deepEqual(
    findCredentials('r', { DOCKER_CONFIG: world.dir }, world.home),
    password('u', 'p'),
  );
});

test('a helper is asked with the server on stdin; its own registry first, then the store', async () => {
  await using world = pullWorld();
  const env = helper(
    world,
    'own',
    `read s; printf '{"ServerURL":"%s","Username":"u","Secret":"%s"}' "$s" "$s"`,
  );
  world.dockerConfig({ credHelpers: { r: 'own' }, credsStore: 'absent' });
  assert.deepEqual(findCredentials('r', env, world.home), password('u', 'r'));
  world.dockerConfig({ credsStore: 'own' });
  assert.deepEqual(
    findCredentials('docker.io', env, world.home),
    password('u', 'https://index.docker.io/v1/'),
  );
});

test('a helper gives a token, or knows nothing and auths count', async () => {
  await using world = pullWorld();
  const token = helper(world, 'token', `echo '{"Username":"<token>","Secret":"t"}'`);
  world.dockerConfig({ credsStore: 'token' });
  assert.deepEqual(findCredentials('r', token, world.home), { kind: 'identity', token: 't' });
  const none = helper(world, 'none', `echo credentials not found in native keychain; exit 1`);
  world.dockerConfig({ credsStore: 'none', auths: { r: { auth: base64('u:p') } } });
  assert.deepEqual(findCredentials('r', none, world.home), password('u', 'p'));
});

const BROKEN: readonly (readonly [name: string, script: string, message: RegExp])[] = [
  ['fails', 'echo secret; exit 3', /docker-credential-fails failed for r/],
  ['garbage', 'echo secret', /docker-credential-garbage gave no credentials for r/],
  ['wrong', `echo '{"Username":1,"Secret":"secret"}'`, /gave no credentials/],
  ['nothing', 'echo null', /gave no credentials/],
];
for (const [name, script, message] of BROKEN) {
  test(`a broken helper is named, what it printed is not: ${name}`, async () => {
    await using world = pullWorld();
    const env = helper(world, name, script);
    world.dockerConfig({ credsStore: name });
    assert.throws(
      () => findCredentials('r', env, world.home),
      (error) =>
        error instanceof BuildError &&
        error.code === 'auth' &&
        message.test(error.message) &&
        !error.message.includes('secret'),
    );
  });
}

for (const name of ['../../evil', 'x;y', '/bin/sh', 'a b', '-x', '']) {
  test(`D12: a helper called ${JSON.stringify(name)} is not run`, async () => {
    await using world = pullWorld();
    world.dockerConfig({ credHelpers: { r: name } });
    const find = (): unknown => findCredentials('r', {}, world.home);
    if (name === '') assert.equal(find(), undefined);
    else assert.throws(find, /is no name of a credential helper/);
  });
}

for (const text of ['', 'null', '[', '"x"', '7']) {
  test(`a config.json of ${JSON.stringify(text)} is a clear error`, async () => {
    await using world = pullWorld();
    world.dockerConfig(text);
    assert.throws(() => findCredentials('r', {}, world.home), /config\.json cannot be read/);
  });
}
