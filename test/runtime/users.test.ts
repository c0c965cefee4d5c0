import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BuildError } from '../../src/model/error.js';
import { resolveGroup, resolveUser } from '../../src/runtime/users.js';

const FILES = {
  passwd: [
    'root:x:0:0:root:/root:/bin/sh',
    'app:x:1000:1001::/home/app:',
    'u2:x:1002:1001::/:',
    'nohome:x:1003:1003:::',
    // Names that look like numbers, and lines that are none (A28).
    '1000:x:0:0::/:',
    '2000:x:0:0::/:',
    '4294967296:x:0:0::/:',
    '-1:x:0:0::/:',
    'bad:x:zero:0::/:',
    'big:x:99999999999:0::/:',
    'short:x',
    '',
    ':x:0:0::/:',
  ].join('\n'),
  group: 'root:x:0:\ng1:x:1001:app\nextra:x:1005:app,u2\nother:x:1006:u22\n7:x:0:\nbad:x:no:app\n',
};

type Who = readonly [uid: number, gid: number, groups: readonly number[], home: string];
const USERS: readonly (readonly [spec: string, who: Who])[] = [
  ['', [0, 0, [0], '/root']],
  ['root', [0, 0, [0], '/root']],
  ['0', [0, 0, [0], '/root']],
  ['app', [1000, 1001, [1001, 1005], '/home/app']],
  // The primary group is one of the groups even where /etc/group does not say so (A27).
  ['u2', [1002, 1001, [1001, 1005], '/']],
  ['nohome', [1003, 1003, [1003], '/']],
  ['nohome:g1', [1003, 1001, [1001], '/']],
  // A number is a number (A28).
  ['1000', [1000, 1001, [1001, 1005], '/home/app']],
  ['2000', [2000, 0, [0], '/']],
  ['00', [0, 0, [0], '/root']],
  ['2147483648', [2147483648, 0, [0], '/']],
  ['4294967294', [4294967294, 0, [0], '/']],
  ['app:extra', [1000, 1005, [1005], '/home/app']],
  ['app:7', [1000, 7, [7], '/home/app']],
  ['app:', [1000, 1001, [1001, 1005], '/home/app']],
  ['5:6', [5, 6, [6], '/']],
  [':g1', [0, 1001, [1001], '/root']],
];
for (const [spec, [uid, gid, additionalGids, home]] of USERS) {
  test(`user ${JSON.stringify(spec)}`, () => {
    assert.deepEqual(resolveUser(FILES, spec), { uid, gid, additionalGids, home });
  });
}

test('without passwd and group: root is root, a number a number', () => {
  const none = { passwd: '', group: '' };
  assert.deepEqual(resolveUser(none, ''), { uid: 0, gid: 0, additionalGids: [0], home: '/' });
  assert.deepEqual(resolveUser(none, '7:8'), { uid: 7, gid: 8, additionalGids: [8], home: '/' });
});

const NOBODY: readonly (readonly [spec: string, message: RegExp, code: string])[] = [
  ['nobody', /unable to find user nobody: no matching entries in passwd file/, 'not-found'],
  ['-2', /unable to find user -2/, 'not-found'],
  ['0x0', /unable to find user 0x0/, 'not-found'],
  ['1e3', /unable to find user 1e3/, 'not-found'],
  [' 0', /unable to find user {2}0/, 'not-found'],
  ['bad', /unable to find user bad/, 'not-found'],
  ['big', /unable to find user big/, 'not-found'],
  ['4294967295', /invalid user "4294967295"/, 'usage'],
  ['4294967296', /invalid user "4294967296"/, 'usage'],
  ['99999999999999999999', /invalid user/, 'usage'],
  ['app:nogroup', /unable to find group nogroup: no matching entries in group file/, 'not-found'],
  ['app:4294967295', /invalid group/, 'usage'],
  ['app:-1', /unable to find group -1/, 'not-found'],
  ['a:b:c', /invalid user "a:b:c"/, 'usage'],
];
for (const [spec, message, code] of NOBODY) {
  test(`nobody: ${JSON.stringify(spec)}`, () => {
    assert.throws(
      () => resolveUser(FILES, spec),
      (error) => error instanceof BuildError && error.code === code && message.test(error.message),
    );
  });
}

test('a group by name or number', () => {
  assert.equal(resolveGroup(FILES, 'extra'), 1005);
  assert.equal(resolveGroup(FILES, '1005'), 1005);
  assert.equal(resolveGroup(FILES, '9'), 9);
  assert.equal(resolveGroup(FILES, '7'), 7);
});

test('50 MB of lines are read in linear time, without recursion', () => {
  const passwd = `${'x:x:1:1::/:\n'.repeat(1_000_000)}last:x:5:5::/:\n${'y'.repeat(10_000_000)}`;
  assert.equal(resolveUser({ passwd, group: '' }, 'last').uid, 5);
});
