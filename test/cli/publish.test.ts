import assert from 'node:assert/strict';
import { test } from 'node:test';
import { displayedPorts } from '../../src/cli/format/displayed-ports.js';
import { parsePublish } from '../../src/cli/run-flags/publish.js';

const text = (spec: string): string =>
  parsePublish(spec)
    .map(([port, { HostIp, HostPort }]) => `${HostIp}|${HostPort}|${port}`)
    .join(' ');

test("-p is read as docker's go-connections reads it", () => {
  const table: Readonly<Record<string, string>> = {
    '80': '||80/tcp',
    '8080:80': '|8080|80/tcp',
    ':80': '||80/tcp',
    '8080:80/UDP': '|8080|80/udp',
    '127.0.0.1:8080:80': '127.0.0.1|8080|80/tcp',
    '127.0.0.1::80': '127.0.0.1||80/tcp',
    '[::1]:8080:80': '::1|8080|80/tcp',
    '::1:8080:80': '::1|8080|80/tcp',
    '8000-8001:80-81/sctp': '|8000|80/sctp |8001|81/sctp',
    '80-81': '||80/tcp ||81/tcp',
    '8000-8010:80': '|8000-8010|80/tcp',
    '8000-8000:80': '|8000|80/tcp',
  };
  for (const [spec, wanted] of Object.entries(table)) assert.equal(text(spec), wanted, spec);
});

test('what is wrong with -p is said in the same words', () => {
  const table: Readonly<Record<string, RegExp>> = {
    '': /no port specified: <empty>/,
    'x:80': /invalid hostPort: x/,
    '80:x': /invalid containerPort: x/,
    '80:80/icmp': /invalid proto: icmp/,
    '1.2.3:80:80': /invalid IP address: 1\.2\.3/,
    '80-82:80-81': /invalid ranges specified for container and host Ports: 80-81 and 80-82/,
    '70000:80': /invalid hostPort: 70000/,
    '80:81-80': /invalid containerPort: 81-80/,
  };
  for (const [spec, wanted] of Object.entries(table))
    assert.throws(() => parsePublish(spec), wanted);
});

test('PORTS: exposed first, neighbours as a range, what is mapped elsewhere last', () => {
  const port = (name: string, hostPort?: number, hostIp = '0.0.0.0') =>
    hostPort === undefined ? { port: name } : { port: name, hostIp, hostPort };
  assert.equal(displayedPorts([]), '');
  assert.equal(
    displayedPorts([port('80/tcp', 8080), port('99/tcp'), port('53/udp', 53, '127.0.0.1')]),
    '127.0.0.1:53->53/udp, 99/tcp, 0.0.0.0:8080->80/tcp',
  );
  assert.equal(
    displayedPorts([
      port('82/tcp', 82),
      port('80/tcp', 80),
      port('81/tcp', 81),
      port('90/tcp', 90),
    ]),
    '0.0.0.0:80-82->80-82/tcp, 0.0.0.0:90->90/tcp',
  );
  assert.equal(displayedPorts([port('80/tcp', 8080, '::')]), '[::]:8080->80/tcp');
});
