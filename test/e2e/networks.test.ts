import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
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
      `80/tcp -> 0.0.0.0:${port}\n80/tcp -> [::]:${port}\n81/udp -> 127.0.0.1:${udp}\n`,
    );
    assert.equal(ok('port', 'web', '80').stdout, `0.0.0.0:${port}\n[::]:${port}\n`);
    assert.match(
      run('port', 'web', '82').stderr,
      /^ERROR: no public port '82' published for web\n/,
    );
    assert.equal(
      ok('ps', '--format', '{{.Ports}}').stdout,
      `99/tcp, 0.0.0.0:${port}->80/tcp, [::]:${port}->80/tcp, 127.0.0.1:${udp}->81/udp\n`,
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
    assert.equal(get('[::1]', port), '');
  });

  test('-P takes what the image exposes; of a range the first that is free', () => {
    server('all', '-P', '--expose', '80-81');
    const ports = ok('port', 'all').stdout;
    const places = (port: string): string =>
      String.raw`${port}/tcp -> 0\.0\.0\.0:(\d+)\n${port}/tcp -> \[::\]:\d+\n`;
    assert.match(ports, new RegExp(`^${places('80')}${places('81')}$`));
    const [, first = ''] = /:(\d+)/.exec(ports) ?? [];
    const range = `${first}-${String(Number(first) + 50)}`;
    ok('run', '-d', '--name', 'next', '-p', `${range}:80`, 'bb', 'sleep', '1000');
    const [, next = ''] = /:(\d+)/.exec(ok('port', 'next').stdout) ?? [];
    assert.ok(Number(next) > Number(first));
    ok('rm', '-f', 'all', 'next');
  });

  for (const version of [4, 6] as const) {
    test(`udp over IPv${String(version)}`, async () => {
      const host = version === 4 ? '127.0.0.1' : '::1';
      ok('run', '-d', '--name', 'udp', '-p', `[${host}]::7/udp`, 'bb', 'sleep', '1000');
      const inside = ['-t', String(inspect('udp').State.Pid), '-n', process.execPath, '-e', ECHO];
      const server = spawn('nsenter', inside, { stdio: 'ignore' }); // Its busybox has no server of UDP.
      const port = Number(inspect('udp').NetworkSettings.Ports['7/udp']?.[0]?.HostPort);
      const socket = createSocket(`udp${version}`);
      const echo = new Promise<string>((resolve) => {
        socket.once('message', (data) => {
          resolve(data.toString());
        });
      });
      const again = setInterval(() => {
        socket.send('ping', port, host, () => undefined);
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
  }
});

describe('published ports and IPv6', () => {
  const portOf = (name: string): string =>
    inspect(name).NetworkSettings.Ports['80/tcp']?.[0]?.HostPort ?? '';
  const global6 = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .filter(
      ({ family, internal, address }) =>
        family === 'IPv6' && !internal && !address.startsWith('fe80'),
    )
    .map(({ address }) => `[${address}]`);
  const answers = (name: string, hosts: readonly string[]): Promise<void> =>
    until(`${name} answers`, () => hosts.every((host) => get(host, portOf(name)) === `${name}\n`));

  test('a container without an IPv6 address is reached by it', async () => {
    server('four', '-p', '80');
    await answers('four', ['127.0.0.1', '[::1]', ...global6]);
    // What is asked while the answer is under way, too, and a body of more than a packet, both ways.
    ok('exec', 'four', 'sh', '-c', 'seq 300000 > /www/long');
    const url = `http://[::1]:${portOf('four')}/long`;
    const { stdout } = spawnSync('curl', ['-s', '--noproxy', '*', url], { maxBuffer: 1 << 24 });
    assert.equal(stdout.length, ok('exec', 'four', 'cat', '/www/long').stdout.length);
    ok('restart', '-t', '0', 'four');
    await answers('four', ['127.0.0.1', '[::1]']);
    ok('rm', '-f', 'four');
  });

  test('one with an address is reached by rules, and on ::1', async () => {
    ok('network', 'create', '--ipv6', 'dual');
    server('dual', '--network', 'dual', '-p', '80');
    await answers('dual', ['127.0.0.1', '[::1]', ...global6]);
    ok('rm', '-f', 'dual');
  });

  test('-p [::1], [::] and 0.0.0.0 are these only', async () => {
    const table = [
      ['bridge', '[::1]', '[::1]', ['127.0.0.1', ...global6]],
      ['bridge', '[::]', '[::1]', ['127.0.0.1']],
      ['dual', '[::]', '[::1]', ['127.0.0.1']],
      ['dual', '0.0.0.0', '127.0.0.1', ['[::1]', ...global6]],
    ] as const;
    for (const [network, place, open, closed] of table) {
      server('only', '--network', network, '-p', `${place}::80`);
      assert.equal(ok('port', 'only', '80').stdout, `${place}:${portOf('only')}\n`);
      await answers('only', [open]);
      for (const host of closed) assert.equal(get(host, portOf('only')), '', `${place} ${host}`);
      ok('rm', '-f', 'only');
    }
    ok('network', 'rm', 'dual');
  });

  test('one port of both kinds at once, twice in a row; sctp says what it needs', async () => {
    server('both', '-p', '0.0.0.0::80');
    const port = portOf('both');
    server('other', '-p', `[::]:${port}:80`);
    await until(
      'both answer',
      () => get('127.0.0.1', port) === 'both\n' && get('[::1]', port) === 'other\n',
    );
    const taken = run('run', '--rm', '-p', `[::1]:${port}:80`, 'bb', 'true');
    assert.match(
      taken.stderr,
      new RegExp(`Bind for \\[::1\\]:${port} failed: port is already allocated`),
    );
    ok('kill', 'both', 'other');
    ok('run', '--rm', '-p', `${port}:80`, 'bb', 'true');
    ok('rm', '-f', 'both', 'other');
    const sctp = run('run', '--rm', '-p', '[::1]:7777:80/sctp', 'bb', 'true');
    assert.match(
      sctp.stderr,
      /^ERROR: .*sctp port cannot be published on \[::1\]\n.*hint: .*--ipv6/s,
    );
  });
});
