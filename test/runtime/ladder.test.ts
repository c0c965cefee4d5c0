import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whyNoNamespaces } from '../../src/runtime/blocked.js';
import { type LadderFacts, ladderOf } from '../../src/runtime/ladder.js';

const ROOT: LadderFacts = {
  uid: 0,
  privateMounts: true,
  userNamespace: false,
  idCount: 4_294_967_295,
  runtime: true,
  newuidmap: true,
  mapsRanges: true,
  subordinateIds: 65_536,
  chroot: { what: 'chroot(2) is refused', remedy: 'permit that' },
};
const RANGES: LadderFacts = { ...ROOT, uid: 1000, userNamespace: true, idCount: 65_536 };
const ONE: LadderFacts = { ...RANGES, idCount: 1 };
const NONE: LadderFacts = {
  ...ONE,
  privateMounts: false,
  userNamespace: false,
  namespaces: { what: 'unshare(2) is refused', remedy: 'permit it' },
};

const ORDINARY = 'uid 1000 is an ordinary user';
const NO_CHROOT = 'chroot(2) is refused';
const fill = (what: string, count: number): string[] => Array<string>(count).fill(what);

const CASES: readonly (readonly [
  name: string,
  facts: LadderFacts,
  stands: string,
  blocked: readonly string[],
])[] = [
  ['root', ROOT, 'root', []],
  ['subordinate ids', RANGES, 'rootless, subordinate ids', [ORDINARY]],
  [
    'no newuidmap',
    { ...ONE, newuidmap: false },
    'rootless, one id',
    [ORDINARY, 'newuidmap is not installed'],
  ],
  [
    'no line',
    { ...ONE, subordinateIds: 0 },
    'rootless, one id',
    [ORDINARY, 'the user has no line in /etc/subuid and /etc/subgid'],
  ],
  [
    'an old unshare',
    { ...ONE, mapsRanges: false },
    'rootless, one id',
    [ORDINARY, 'unshare(1) has no --map-auto'],
  ],
  [
    'no overlay',
    { ...ROOT, overlay: { what: 'overlayfs cannot be mounted', remedy: 'mount it' } },
    'no overlay',
    fill('overlayfs cannot be mounted', 3),
  ],
  [
    'no namespaces',
    NONE,
    'no namespaces',
    [ORDINARY, ...fill('unshare(2) is refused', 4), NO_CHROOT],
  ],
  [
    'root of a container without privileges',
    { ...NONE, uid: 0 },
    'no namespaces',
    [...fill('unshare(2) is refused', 5), NO_CHROOT],
  ],
  [
    'root of a container that may use chroot',
    withoutChrootBlock({ ...NONE, uid: 0 }),
    'chroot',
    fill('unshare(2) is refused', 5),
  ],
  [
    'an ordinary user where parts of /proc are masked',
    { ...ONE, proc: { what: 'mount(2) of /proc is refused', remedy: 'unmask it' } },
    'shared /proc',
    [ORDINARY, ...fill('mount(2) of /proc is refused', 3)],
  ],
  [
    "a container's root with its own user namespace",
    { ...RANGES, uid: 0 },
    'rootless, subordinate ids',
    ["root here is not the machine's root"],
  ],
  [
    'no runtime',
    { ...ROOT, runtime: false },
    'no namespaces',
    fill('neither crun nor runc is installed', 6),
  ],
];
for (const [name, facts, stands, blocked] of CASES) {
  test(`the ladder of ${name}: ${stands}`, () => {
    const ladder = ladderOf(facts);
    assert.deepEqual(
      ladder.filter(({ here }) => here).map((each) => each.name),
      [stands],
    );
    assert.deepEqual(
      ladder.flatMap((each) => each.blocked ?? []),
      blocked,
    );
    const place = ladder.findIndex(({ here }) => here);
    for (const [i, each] of ladder.entries()) assert.equal(each.available, i >= place);
    for (const each of ladder) assert.equal(each.remedy === undefined, each.available);
  });
}

function withoutChrootBlock({ chroot: _chroot, ...facts }: LadderFacts): LadderFacts {
  return facts;
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
