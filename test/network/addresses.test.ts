import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assignAddress, macOf } from '../../src/network/assign-address.js';
import { chooseIpv6Subnet, chooseSubnet } from '../../src/network/choose-subnet.js';
import {
  formatBlock,
  formatIp,
  ipBytes,
  overlaps,
  parseBlock,
  parseIp,
} from '../../src/network/ip.js';

test('addresses are read and written as RFC 5952 says', () => {
  const table: Readonly<Record<string, string>> = {
    '10.0.0.1': '10.0.0.1',
    '::': '::',
    '::1': '::1',
    '1::': '1::',
    '2001:DB8::33': '2001:db8::33',
    'fd00:0:0:1:0:0:0:1': 'fd00:0:0:1::1',
    '1:2:3:4:5:6:7:8': '1:2:3:4:5:6:7:8',
    '2001:db8:0:1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
    '::ffff:1.2.3.4': '::ffff:102:304',
  };
  for (const [text, wanted] of Object.entries(table)) {
    const ip = parseIp(text);
    assert.equal(ip === undefined ? '' : formatIp(ip), wanted);
  }
  for (const text of ['', '1.2.3', '1.2.3.256', 'fe80::1%eth0', ':::', 'x'])
    assert.equal(parseIp(text), undefined);
  assert.deepEqual([...ipBytes({ version: 4, value: 0x0a000102n })], [10, 0, 1, 2]);
});

const block = (text: string) => {
  const found = parseBlock(text);
  assert.ok(found, text);
  return found;
};

test('blocks: their first address, what meets what', () => {
  assert.equal(formatBlock(block('10.1.2.3/8')), '10.0.0.0/8');
  assert.equal(formatBlock(block('2001:db8::33/64')), '2001:db8::/64');
  for (const text of ['10.0.0.0', '10.0.0.0/33', '10.0.0/8', '::/129', '10.0.0.0/-1'])
    assert.equal(parseBlock(text), undefined);
  assert.ok(overlaps(block('10.0.0.0/8'), block('10.9.0.0/16')));
  assert.ok(!overlaps(block('10.8.0.0/16'), block('10.9.0.0/16')));
  assert.ok(!overlaps(block('0.0.0.0/0'), block('::/0')));
});

test('a subnet is the first of docker pools that nobody has', () => {
  assert.deepEqual(chooseSubnet([]), {
    subnet: '172.17.0.0/16',
    gateway: '172.17.0.1',
    chosen: true,
  });
  assert.equal(chooseSubnet([block('172.16.0.0/14')])?.subnet, '172.20.0.0/16');
  assert.equal(chooseSubnet([block('172.16.0.0/12')])?.subnet, '192.168.0.0/20');
  assert.equal(chooseSubnet([block('172.16.0.0/12'), block('192.168.0.0/16')]), undefined);
  assert.match(chooseIpv6Subnet().subnet, /^fd[0-9a-f]{2}:.*::\/64$/);
});

test('an address is the lowest free one: not the network, the gateway, a neighbour, broadcast', () => {
  const subnet = { subnet: '10.0.0.0/29', gateway: '10.0.0.1', aux: { router: '10.0.0.3' } };
  assert.equal(assignAddress(subnet, new Set()), '10.0.0.2');
  assert.equal(assignAddress(subnet, new Set(['10.0.0.2'])), '10.0.0.4');
  assert.equal(assignAddress({ ...subnet, range: '10.0.0.6/31' }, new Set()), '10.0.0.6');
  const all = new Set(['10.0.0.2', '10.0.0.4', '10.0.0.5', '10.0.0.6']);
  assert.throws(() => assignAddress(subnet, all), /no available IPv4 addresses/);
  assert.throws(() => assignAddress(subnet, all, '10.0.0.5'), /Address already in use/);
  assert.throws(() => assignAddress(subnet, new Set(), '10.0.0.1'), /Address already in use/);
  assert.equal(assignAddress(subnet, new Set(), '10.0.0.5'), '10.0.0.5');
  const v6 = { subnet: 'fd00::/64', gateway: 'fd00::1' };
  assert.equal(assignAddress(v6, new Set(), 'fd00:0:0:0:0::9'), 'fd00::9');
  assert.equal(assignAddress(v6, new Set()), 'fd00::2');
});

test('a hardware address is made of the address, as docker makes it', () => {
  assert.equal(macOf('172.17.0.2'), '02:42:ac:11:00:02');
});
