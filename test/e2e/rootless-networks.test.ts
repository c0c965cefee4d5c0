import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { ordinaryWorld } from '../helpers/ordinary-user.js';
import { processesOf } from '../helpers/processes.js';

/** Distributions leave the device to everybody; where it is root's, a node of ours lies over it. */
const TUN = [
  'mkdir -p /dev/net',
  'mount -t tmpfs -o mode=755 tun /dev/net',
  'mknod -m 666 /dev/net/tun c 10 200',
].join('\n');

describe('networks of an ordinary user', { timeout: 300_000 }, () => {
  const world = ordinaryWorld({ before: TUN });
  let server: Server;
  before(async () => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    server = createServer((_, response) => response.end('from outside'));
    await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  });
  after(() => {
    server.close();
    for (const id of world.run('ps', '-aq').stdout.split('\n').filter(Boolean))
      world.run('rm', '-f', id);
    world[Symbol.dispose]();
  });

  /** What a server in the container says to a connection from here. */
  const answer = (port: number, host = '127.0.0.1'): Promise<string> =>
    new Promise((resolve) => {
      let text = '';
      const socket = connect(port, host);
      socket.on('data', (data: Buffer) => (text += data.toString()));
      socket.on('error', () => {
        resolve('');
      });
      socket.on('close', () => {
        resolve(text);
      });
    });
  const SERVER = ['sh', '-c', 'while :; do echo served | nc -l -p 80; done'];
  const portOf = (name: string): number =>
    Number(/:(\d+)$/m.exec(world.ok('port', name, '80').stdout)?.[1]);
  /** The slirp4netns of a container, whose socket has its name. */
  const helpersOf = (id: string): number[] => processesOf(`/${id.slice(0, 12)}\0`);

  test('the container is alone in it, and reaches the world', async () => {
    const { address } = Object.values(networkInterfaces())
      .flat()
      .find((each) => each?.family === 'IPv4' && !each.internal) ?? {
      address: '',
    };
    const { port } = server.address() as AddressInfo;
    const url = `http://${address}:${String(port)}/`;
    const script = `ls /sys/class/net; wget -q -O - ${url}; echo; cat /etc/hosts /etc/resolv.conf`;
    const run = await world.start(['run', '--rm', '--hostname=own', 'bb', 'sh', '-c', script]);
    assert.equal(run.status, 0, run.stderr);
    assert.equal(run.stderr, '');
    assert.match(run.stdout, /^eth0\nlo\n/);
    if (address !== '') assert.match(run.stdout, /^from outside$/m);
    assert.match(run.stdout, /^10\.0\.2\.100\s+own$/m);
    assert.match(run.stdout, /^nameserver 10\.0\.2\.3$/m);
  });

  test("the machine's loopback is not the container's", async () => {
    const { port } = server.address() as AddressInfo;
    for (const address of ['127.0.0.1', '10.0.2.2']) {
      const script = `wget -T 2 -q -O - http://${address}:${String(port)}/`;
      const run = await world.start(['run', '--rm', 'bb', 'sh', '-c', script]);
      assert.notEqual(run.status, 0);
    }
  });

  test('published ports: chosen, told, reached, free again at the end', async () => {
    world.ok('run', '-d', '-p', '80', '--name', 'web', 'bb', ...SERVER);
    const port = portOf('web');
    // The container's server may be a moment behind.
    while ((await answer(port)) !== 'served\n');
    assert.match(
      world.ok('ps').stdout,
      new RegExp(`0\\.0\\.0\\.0:${String(port)}->80/tcp, \\[::\\]:${String(port)}->80/tcp`),
    );
    while ((await answer(port, '::1')) !== 'served\n');
    const { status, stderr } = world.run('run', '--rm', '-p', `${String(port)}:80`, 'bb', 'true');
    assert.equal(status, 125);
    assert.match(stderr, /Bind for 0\.0\.0\.0:\d+ failed: port is already allocated/);
    const json = world.ok('inspect', '-f', '{{json .NetworkSettings.Networks}}', 'web').stdout;
    assert.match(json, /"bridge":.*"IPAddress":"10\.0\.2\.100"/);
    world.ok('rm', '-f', 'web');
    world.ok('run', '--rm', '-p', `${String(port)}:80`, 'bb', 'true');
  });

  test('its process ends with the container, whatever is killed', async () => {
    const id = world.ok('run', '-d', '-p', '80', '--name', 'killed', 'bb', ...SERVER).stdout.trim();
    assert.equal(helpersOf(id).length, 1);
    const port = portOf('killed');
    world.ok('kill', 'killed');
    world.ok('wait', 'killed');
    while (helpersOf(id).length > 0) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(await answer(port), '');
    world.ok('start', 'killed');
    while ((await answer(portOf('killed'))) !== 'served\n');
    world.ok('rm', '-f', 'killed');
  });

  test('what needs more than an ordinary user is refused, with the remedy', () => {
    const low = world.run('run', '--rm', '-p', '81:80', 'bb', 'true');
    assert.equal(low.status, 125);
    assert.match(low.stderr, /cannot expose privileged port 81\n[^]*hint: .*ip_unprivileged_port/);
    const named = world.run('run', '--rm', '--network', 'lan', 'bb', 'true');
    assert.equal(named.status, 125);
    assert.match(named.stderr, /need root|not found/);
  });

  test('without slirp4netns: the host network, said so; ports are refused; doctor tells', () => {
    const hide = `${TUN}\nmount --bind /dev/null /usr/bin/slirp4netns`;
    const bare = ordinaryWorld({ before: hide });
    try {
      bare.ok('build', '-q', '-t', 'bb', busyboxContext(bare.dir));
      const plain = bare.ok('run', '--rm', 'bb', 'echo', 'ran');
      assert.equal(plain.stdout, 'ran\n');
      assert.match(plain.stderr, /^WARNING: the container uses the host's network: .*slirp4netns/);
      const ports = bare.run('run', '--rm', '-p', '8080:80', 'bb', 'true');
      assert.equal(ports.status, 125);
      assert.match(
        ports.stderr,
        /slirp4netns, not installed here\n[^]*apt-get install slirp4netns/,
      );
      assert.match(bare.run('doctor').stdout, /slirp4netns.*apt-get install slirp4netns/);
    } finally {
      bare[Symbol.dispose]();
    }
  });
});
