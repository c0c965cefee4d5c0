import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readdirSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, test } from 'node:test';
import { get, networkWorld, until } from '../helpers/network-world.js';

const world = networkWorld();
const { ok, run, inspect, network, attached, server } = world;

describe('the default network', () => {
  test('is a bridge with an address, a way out and the host as its gateway', () => {
    const out = ok(
      'run',
      '--rm',
      '--hostname',
      'box',
      'bb',
      'sh',
      '-c',
      'cat /etc/hosts; route -n',
    ).stdout;
    const [, gateway = ''] = /^0\.0\.0\.0\s+(\S+)/m.exec(out) ?? [];
    assert.match(out, new RegExp(`^${gateway.replace(/\.1$/, '.2')}\tbox$`, 'm'));
    assert.equal(network('bridge').IPAM.Config[0]?.Gateway, gateway);
  });

  test('reaches a server of the host', async () => {
    const host = createServer((socket) => socket.end('hello from the host\n'));
    await new Promise<void>((resolve) => host.listen(0, '0.0.0.0', resolve));
    const { port } = host.address() as AddressInfo;
    const { stdout } = await world.start([
      'run',
      '--rm',
      '--add-host',
      'host:host-gateway',
      'bb',
      'nc',
      '-w',
      '30',
      'host',
      String(port),
    ]);
    host.close();
    assert.equal(stdout, 'hello from the host\n');
  });

  test('--network none has no interface but lo, host has the host its own', () => {
    const names = (mode: string): string[] =>
      ok('run', '--rm', '--network', mode, 'bb', 'ls', '/sys/class/net').stdout.trim().split('\n');
    assert.deepEqual(names('none'), ['lo']);
    assert.deepEqual(names('host').sort(), readdirSync('/sys/class/net').sort());
  });
});

const ECHO = `const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (data, from) => socket.send(data, from.port, from.address));
socket.bind(7);`;

describe('published ports', () => {
  test('answer on the loopback and on the host address; ps, port and inspect say where', async () => {
    server('web', '-p', '80', '-p', '127.0.0.1::81/udp', '--expose', '99');
    const { Ports } = inspect('web').NetworkSettings;
    const port = Ports['80/tcp']?.[0]?.HostPort ?? '';
    const udp = Ports['81/udp']?.[0]?.HostPort ?? '';
    await until('the server answers', () => get('127.0.0.1', port) === 'web\n');
    const own = Object.values(networkInterfaces())
      .flatMap((each) => each ?? [])
      .find(({ family, internal }) => family === 'IPv4' && !internal);
    if (own !== undefined) assert.equal(get(own.address, port), 'web\n');
    assert.equal(
      ok('port', 'web').stdout,
      `80/tcp -> 0.0.0.0:${port}\n81/udp -> 127.0.0.1:${udp}\n`,
    );
    assert.equal(ok('port', 'web', '80').stdout, `0.0.0.0:${port}\n`);
    assert.match(
      run('port', 'web', '82').stderr,
      /^ERROR: no public port '82\/tcp' published for web\n/,
    );
    assert.equal(
      ok('ps', '--format', '{{.Ports}}').stdout,
      `99/tcp, 0.0.0.0:${port}->80/tcp, 127.0.0.1:${udp}->81/udp\n`,
    );
    assert.equal(Ports['99/tcp'], null);
  });

  test('one that a container has is refused in docker words, and nothing is left of who asked', () => {
    const port = inspect('web').NetworkSettings.Ports['80/tcp']?.[0]?.HostPort ?? '';
    const before = attached();
    const { status, stderr } = run('run', '--rm', '-p', `${port}:80`, 'bb', 'true');
    assert.equal(status, 125);
    assert.match(
      stderr,
      new RegExp(`^ERROR: .*Bind for 0.0.0.0:${port} failed: port is already allocated\n`),
    );
    assert.deepEqual(attached(), before);
    const also = run('run', '--rm', '-p', `127.0.0.1:${port}:80`, 'bb', 'true');
    assert.match(also.stderr, /port is already allocated/);
  });

  test('one that a server of the host has is refused too', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const { stderr } = run('run', '--rm', '-p', `${String(port)}:80`, 'bb', 'true');
    other.close();
    assert.match(stderr, /Bind for 0\.0\.0\.0:\d+ failed: port is already allocated/);
  });

  test('nobody else can take it while the container runs, and anybody after it', async () => {
    const port = Number(inspect('web').NetworkSettings.Ports['80/tcp']?.[0]?.HostPort);
    const listen = (): Promise<string> =>
      new Promise((resolve) => {
        const other = createServer();
        other.once('error', (error) => {
          resolve((error as NodeJS.ErrnoException).code ?? '');
        });
        other.listen(port, '0.0.0.0', () => other.close(() => resolve('free')));
      });
    assert.equal(await listen(), 'EADDRINUSE');
    ok('rm', '-f', 'web');
    assert.equal(await listen(), 'free');
    assert.equal(get('127.0.0.1', port), '');
  });

  test('-P takes what the image exposes; of a range the first that is free', () => {
    server('all', '-P', '--expose', '80-81');
    const ports = ok('port', 'all').stdout;
    assert.match(ports, /^80\/tcp -> 0\.0\.0\.0:\d+\n81\/tcp -> 0\.0\.0\.0:\d+\n$/);
    const [, first = ''] = /:(\d+)/.exec(ports) ?? [];
    const range = `${first}-${String(Number(first) + 50)}`;
    ok('run', '-d', '--name', 'next', '-p', `${range}:80`, 'bb', 'sleep', '1000');
    const [, next = ''] = /:(\d+)/.exec(ok('port', 'next').stdout) ?? [];
    assert.ok(Number(next) > Number(first));
    ok('rm', '-f', 'all', 'next');
  });

  test('udp', async () => {
    ok('run', '-d', '--name', 'udp', '-p', '127.0.0.1::7/udp', 'bb', 'sleep', '1000');
    const inside = ['-t', String(inspect('udp').State.Pid), '-n', process.execPath, '-e', ECHO];
    const server = spawn('nsenter', inside, { stdio: 'ignore' }); // Its busybox has no server of UDP.
    const port = Number(inspect('udp').NetworkSettings.Ports['7/udp']?.[0]?.HostPort);
    const socket = createSocket('udp4');
    const echo = new Promise<string>((resolve) => {
      socket.once('message', (data) => {
        resolve(data.toString());
      });
    });
    const again = setInterval(() => {
      socket.send('ping', port, '127.0.0.1', () => undefined);
    }, 100);
    try {
      assert.equal(await echo, 'ping');
    } finally {
      clearInterval(again);
      socket.close();
      server.kill('SIGKILL');
    }
    ok('rm', '-f', 'udp');
  });
});
