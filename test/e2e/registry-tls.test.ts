import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  type ScriptedRegistry,
  scriptedRegistry,
  smallImage,
} from '../helpers/scripted-registry.js';
import { type Outcome, staveWorld } from '../helpers/stave.js';

function openssl(...args: string[]): void {
  const result = spawnSync('openssl', args, { encoding: 'utf8' });
  assert.equal(result.status, 0, result.stderr);
}

/** A CA of its own and a certificate of it for names and addresses. */
function certificates(dir: string, names: string): { ca: string; key: string; cert: string } {
  const at = (name: string): string => join(dir, name);
  const subject = (name: string): string[] => ['-subj', `/CN=${name}`, '-days', '2'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
    ...subject('test CA'),
  );
  openssl('req', ...key, '-keyout', at('key'), '-out', at('csr'), '-subj', '/CN=registry');
  writeFileSync(at('ext'), `subjectAltName=${names}\n`);
  openssl(
    'x509',
    '-req',
    '-in',
    at('csr'),
    '-CA',
    at('ca.pem'),
    '-CAkey',
    at('ca.key'),
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    at('ext'),
    '-out',
    at('cert'),
  );
  return {
    ca: at('ca.pem'),
    key: readFileSync(at('key'), 'utf8'),
    cert: readFileSync(at('cert'), 'utf8'),
  };
}

describe('a registry behind TLS with a CA of its own', () => {
  const world = staveWorld();
  let registry: ScriptedRegistry;
  let ca = '';
  before(async () => {
    const made = certificates(world.dir, 'IP:127.0.0.1,DNS:registry.test');
    ca = made.ca;
    registry = await scriptedRegistry(smallImage().routes, { tls: made });
  });
  after(async () => {
    await registry[Symbol.asyncDispose]();
    world[Symbol.dispose]();
  });

  /** The command line in a store of its own; the loopback registry is asked by TLS as a mirror. */
  const pull = (env: NodeJS.ProcessEnv, name = 'reg.test/app:v1'): Promise<Outcome> => {
    using fresh = staveWorld();
    const file = join(world.dir, 'stave.json');
    const mirrors = [`https://${registry.host}`];
    writeFileSync(file, JSON.stringify({ registries: { 'reg.test': { mirrors } } }));
    const child = spawn('bin/stave', ['pull', name], {
      env: {
        ...fresh.env,
        STAVE_ROOT: join(world.dir, `store-${Math.random()}`),
        STAVE_CONFIG: file,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    return new Promise((resolve) => {
      child.on('close', (status) => resolve({ status, stdout, stderr }));
    });
  };

  test('NODE_EXTRA_CA_CERTS counts, through the launcher that takes it away from node', async () => {
    const outcome = await pull({ NODE_EXTRA_CA_CERTS: ca });
    assert.equal(outcome.status, 0, outcome.stderr);
  });

  test("the machine's list counts, at SSL_CERT_FILE", async () => {
    const outcome = await pull({ SSL_CERT_FILE: ca });
    assert.equal(outcome.status, 0, outcome.stderr);
  });

  test('without it the certificate is refused, nothing is asked of the server', async () => {
    const before = registry.seen.length;
    const outcome = await pull({});
    assert.equal(outcome.status, 1);
    assert.match(outcome.stderr, /^ERROR: registry .* cannot be reached: /);
    assert.equal(registry.seen.length, before);
  });

  test('a file that is none of certificates is a clear error', async () => {
    for (const file of ['/nowhere/ca.pem', '/etc/hostname']) {
      const outcome = await pull({ NODE_EXTRA_CA_CERTS: file });
      assert.equal(outcome.status, 1);
      assert.ok(
        outcome.stderr.startsWith(
          `ERROR: NODE_EXTRA_CA_CERTS: ${file} cannot be read as certificates\n`,
        ),
        outcome.stderr,
      );
    }
  });

  test('through a proxy: the tunnel is checked against the same CA', async () => {
    const asked: string[] = [];
    const proxy = createServer();
    proxy.on('connect', (request, client) => {
      asked.push(request.url ?? '');
      const [host = '', port = ''] = registry.host.split(':');
      const server = connect(Number(port), host, () => {
        client.write('HTTP/1.1 200 OK\r\n\r\n');
        server.pipe(client).pipe(server);
      });
      server.on('error', () => client.destroy());
      client.on('error', () => server.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.address() as { port: number };
    const env = { https_proxy: `http://127.0.0.1:${port}`, NODE_EXTRA_CA_CERTS: ca };
    const outcome = await pull(env, 'registry.test/app:v1');
    proxy.closeAllConnections();
    proxy.close();
    assert.equal(outcome.status, 0, outcome.stderr);
    assert.ok(asked.length > 0 && asked.every((name) => name === 'registry.test:443'));
  });
});
