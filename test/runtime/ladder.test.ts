import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whyNoNamespaces } from '../../src/runtime/blocked.js';
import { type LadderFacts, ladderOf, standsOn } from '../../src/runtime/ladder.js';

const ROOT: LadderFacts = {
  uid: 0,
  privateMounts: true,
  userNamespace: false,
  idCount: 4_294_967_295,
  runtime: true,
  newuidmap: true,
  mapsRanges: true,
  subordinateIds: 65_536,
};
const RANGES: LadderFacts = { ...ROOT, uid: 1000, userNamespace: true, idCount: 65_536 };
const ONE: LadderFacts = { ...RANGES, idCount: 1 };
const NONE: LadderFacts = {
  ...ONE,
  privateMounts: false,
  userNamespace: false,
  namespaces: { what: 'unshare(2) is refused', remedy: 'permit it' },
};

const CASES: readonly (readonly [
  name: string,
  facts: LadderFacts,
  rung: number,
  blocked: readonly string[],
])[] = [
  ['root', ROOT, 1, []],
  ['subordinate ids', RANGES, 2, ['uid 1000 is an ordinary user']],
  [
    'no newuidmap',
    { ...ONE, newuidmap: false },
    3,
    ['uid 1000 is an ordinary user', 'newuidmap is not installed'],
  ],
  [
    'no line',
    { ...ONE, subordinateIds: 0 },
    3,
    ['uid 1000 is an ordinary user', 'the user has no line in /etc/subuid and /etc/subgid'],
  ],
  [
    'an old unshare',
    { ...ONE, mapsRanges: false },
    3,
    ['uid 1000 is an ordinary user', 'unshare(1) has no --map-auto'],
  ],
  [
    'no namespaces',
    NONE,
    4,
    ['uid 1000 is an ordinary user', 'unshare(2) is refused', 'unshare(2) is refused'],
  ],
  [
    'root of a container',
    { ...NONE, uid: 0 },
    4,
    ['unshare(2) is refused', 'unshare(2) is refused', 'unshare(2) is refused'],
  ],
  [
    "a container's root with its own user namespace",
    { ...RANGES, uid: 0 },
    2,
    ["root here is not the machine's root"],
  ],
  [
    'no runtime',
    { ...ROOT, runtime: false },
    4,
    [
      'neither crun nor runc is installed',
      'neither crun nor runc is installed',
      'neither crun nor runc is installed',
    ],
  ],
];
for (const [name, facts, rung, blocked] of CASES) {
  test(`the ladder of ${name}: rung ${String(rung)}`, () => {
    assert.equal(standsOn(facts), rung);
    const ladder = ladderOf(facts);
    assert.deepEqual(
      ladder.flatMap((each) => each.blocked ?? []),
      blocked,
    );
    for (const each of ladder) assert.equal(each.available, each.rung >= rung);
    for (const each of ladder) assert.equal(each.remedy === undefined, each.available);
  });
}

const SYSCTLS: readonly (readonly [file: string, value: string, remedy: RegExp])[] = [
  ['/proc/sys/user/max_user_namespaces', '0', /sysctl user\.max_user_namespaces=/],
  ['/proc/sys/kernel/unprivileged_userns_clone', '0', /sysctl kernel\.unprivileged_userns_clone=1/],
  [
    '/proc/sys/kernel/apparmor_restrict_unprivileged_userns',
    '1',
    /sysctl kernel\.apparmor_restrict_unprivileged_userns=0/,
  ],
];
for (const [file, value, remedy] of SYSCTLS) {
  test(`${file} = ${value} is named, with its remedy`, () => {
    const blocked = whyNoNamespaces((path) => (path === file ? value : ''));
    assert.match(blocked.remedy, remedy);
    assert.match(blocked.what, new RegExp(file.split('/').at(-1) ?? ''));
  });
}
