import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { leftovers } from '../helpers/faults/leftovers.js';
import { must } from '../helpers/faults/run.js';
import { startRunning } from '../helpers/faults/holders.js';
import { figure, rounds } from '../helpers/figure.js';
import { freePort, startRegistry } from '../helpers/registry.js';
import { staveWorld } from '../helpers/stave.js';

const MB = 1 << 20;

/** RELIABILITY R16: a proxy before a real registry counts the bytes of blobs. */
test('16 pulls at once of an image with a large layer, also when the first of them dies', async () => {
  using world = staveWorld();
  await using registry = await startRegistry(world.dir);
  const megabytes = Math.max(20, rounds(200));
  const context = join(world.dir, 'large');
  mkdirSync(context);
  writeFileSync(join(context, 'noise'), randomBytes(megabytes * MB));
  writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nCOPY noise /noise\n');
  const archive = join(world.dir, 'large.tar');
  world.ok('build', '-q', '-o', `type=docker,dest=${archive}`, '-t', 'large', context);
  await must('skopeo', ['copy', '-q', '--dest-tls-verify=false', `docker-archive:${archive}`, `docker://${registry.host}/large:v1`], world.env); // prettier-ignore
  await using proxy = await countingProxy(registry.host);
  const name = `${proxy.host}/large:v1`;
  for (const dies of [false, true]) {
    const store = { ...world.env, STAVE_ROOT: join(world.dir, `store-${String(dies)}`) };
    proxy.bytes = 0;
    const first = startRunning({ ...world, env: store }, ['pull', name]);
    // Whoever is first then is the one who downloads.
    if (dies) await proxy.reached(1);
    const rest = Array.from({ length: 15 }, () =>
      startRunning({ ...world, env: store }, ['pull', name]),
    );
    if (dies) {
      await proxy.reached((megabytes * MB) / 2);
      first.signal('SIGKILL');
    }
    const ends = await Promise.all([first, ...rest].map(({ ended }) => ended));
    const failed = ends.filter((status) => status !== 0).length;
    assert.equal(failed, dies ? 1 : 0, rest.map((each) => each.text()).join('\n'));
    const times = proxy.bytes / (megabytes * MB);
    assert.ok(times <= 1.1, `${String(times)} times its bytes`);
    await must('bin/stave', ['images'], store);
    const checked = await must('bin/stave', ['store', 'check', '--full'], store);
    assert.doesNotMatch(checked, /bad/);
    assert.deepEqual(leftovers(store.STAVE_ROOT), []);
    figure({
      area: 'Many at once',
      what: `16 pulls at once of a ${String(megabytes)} MB layer${dies ? ', one is killed half-way' : ''}`,
      value: `${times.toFixed(2)} times its bytes came, ${String(16 - failed)} of 16 ended well`,
      rows: ['S7'],
    });
  }
});

interface Proxy extends AsyncDisposable {
  readonly host: string;
  bytes: number;
  readonly reached: (bytes: number) => Promise<void>;
}

async function countingProxy(to: string): Promise<Proxy> {
  const port = await freePort();
  let waiting: { bytes: number; go: () => void } | undefined;
  const server = createServer((asked, answer) => {
    const onward = request(`http://${to}${asked.url ?? ''}`, { method: asked.method, headers: { ...asked.headers, host: to } }); // prettier-ignore
    onward.on('response', (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.on('data', (chunk: Buffer) => {
        if (asked.url?.includes('/blobs/') === true) proxy.bytes += chunk.length;
        if (waiting !== undefined && proxy.bytes >= waiting.bytes) waiting.go();
      });
      response.pipe(answer);
      answer.on('close', () => response.destroy());
    });
    onward.on('error', () => answer.destroy());
    asked.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const proxy: Proxy = {
    host: `127.0.0.1:${String(port)}`,
    bytes: 0,
    reached: (bytes) =>
      new Promise((go) => {
        waiting = { bytes, go };
      }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
