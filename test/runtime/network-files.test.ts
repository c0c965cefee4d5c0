import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostsFile, resolvConf } from '../../src/runtime/network-files.js';

test('hosts: localhost both ways and the name of the container', () => {
  const lines = hostsFile('box').split('\n');
  assert.equal(lines[0], '127.0.0.1\tlocalhost');
  assert.ok(lines.includes('127.0.1.1\tbox'));
  assert.ok(lines.some((line) => line.startsWith('::1\tlocalhost')));
  assert.equal(lines.at(-1), '');
});

const PUBLIC = 'nameserver 8.8.8.8\nnameserver 8.8.4.4\n';
const RESOLV: readonly (readonly [name: string, host: string, expected: string])[] = [
  [
    'nameservers and options are kept',
    'nameserver 192.0.2.1\nsearch a b\noptions ndots:2\n',
    'nameserver 192.0.2.1\nsearch a b\noptions ndots:2\n',
  ],
  ['comments and blank lines go', '# x\n\n; y\nnameserver 192.0.2.1', 'nameserver 192.0.2.1\n'],
  [
    "a loopback nameserver answers: the network is the host's",
    'nameserver 127.0.0.53\n',
    'nameserver 127.0.0.53\n',
  ],
  ['IPv6 with a zone', 'nameserver fe80::1%eth0\n', 'nameserver fe80::1%eth0\n'],
  ['none: public ones', 'search a\n', `search a\n${PUBLIC}`],
  ['a nameserver that is no address', 'nameserver nonsense\n', `nameserver nonsense\n${PUBLIC}`],
];
for (const [name, host, expected] of RESOLV) {
  test(`resolv.conf: ${name}`, () => {
    assert.equal(resolvConf(host, 'host'), expected);
  });
}

test('resolv.conf: nothing at all gives public ones, no network gives nothing', () => {
  assert.match(resolvConf('', 'host'), /nameserver 8\.8\.8\.8\nnameserver 8\.8\.4\.4\n$/);
  assert.equal(resolvConf('nameserver 192.0.2.1\n', 'none'), '');
});
