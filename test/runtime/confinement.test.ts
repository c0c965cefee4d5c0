import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import type { ProcessSpec, SeccompRule } from '../../src/model/process.js';
import { ociSpec } from '../../src/runtime/oci-spec.js';
import { seccompProfile } from '../../src/runtime/seccomp-profile.js';

// Docker's defaults (moby, daemon/pkg/oci and profiles/seccomp), written down here a second time on purpose.

interface Spec {
  readonly process: {
    readonly capabilities: Readonly<Record<string, readonly string[]>>;
    readonly noNewPrivileges: boolean;
    readonly user: unknown;
    readonly terminal: boolean;
  };
  readonly mounts: readonly { destination: string; type: string; options: readonly string[] }[];
  readonly linux: {
    readonly namespaces: readonly { type: string }[];
    readonly maskedPaths: readonly string[];
    readonly readonlyPaths: readonly string[];
    readonly resources: { readonly devices: readonly Record<string, unknown>[] };
  };
}

function specOf(change: Partial<ProcessSpec> = {}, nodes?: string): Spec {
  const process: ProcessSpec = {
    id: 'x',
    root: '/r',
    args: ['true'],
    env: [],
    cwd: '/',
    user: { uid: 0, gid: 0, additionalGids: [0] },
    network: 'host',
    hostname: 'h',
    mounts: [],
    stdio: { kind: 'pipe', onOutput: () => undefined },
    ...change,
  };
  return ociSpec(process, { bpf: '' }, nodes) as Spec;
}

/** Bits of linux/capability.h. */
const BITS: Readonly<Record<string, number>> = {
  CHOWN: 0,
  DAC_OVERRIDE: 1,
  FOWNER: 3,
  FSETID: 4,
  KILL: 5,
  SETGID: 6,
  SETUID: 7,
  SETPCAP: 8,
  NET_BIND_SERVICE: 10,
  NET_RAW: 13,
  SYS_CHROOT: 18,
  MKNOD: 27,
  AUDIT_WRITE: 29,
  SETFCAP: 31,
};
const maskOf = (names: readonly string[] = []): string =>
  names.reduce((all, name) => all + 2 ** BITS[name.replace('CAP_', '')]!, 0).toString(16);

test('capabilities: a80425fb bounding; none inheritable or ambient; none in effect for a user', () => {
  const root = specOf().process.capabilities;
  const user = specOf({ user: { uid: 1000, gid: 0, additionalGids: [0] } }).process.capabilities;
  const sets = ['bounding', 'permitted', 'effective', 'inheritable', 'ambient'];
  assert.deepEqual(
    sets.map((name) => maskOf(root[name])),
    ['a80425fb', 'a80425fb', 'a80425fb', '0', '0'],
  );
  assert.deepEqual(
    sets.map((name) => maskOf(user[name])),
    ['a80425fb', '0', '0', '0', '0'],
  );
});

test("masked and read-only paths are Docker's", () => {
  const { maskedPaths, readonlyPaths } = specOf().linux;
  const perProcessor = maskedPaths.filter((path) => path.includes('thermal_throttle'));
  assert.deepEqual(maskedPaths.filter((path) => !perProcessor.includes(path)).sort(), [
    '/proc/acpi',
    '/proc/asound',
    '/proc/interrupts',
    '/proc/kcore',
    '/proc/keys',
    '/proc/latency_stats',
    '/proc/sched_debug',
    '/proc/scsi',
    '/proc/timer_list',
    '/proc/timer_stats',
    '/sys/devices/virtual/powercap',
    '/sys/firmware',
  ]);
  assert.equal(
    perProcessor.length > 0,
    existsSync('/sys/devices/system/cpu/cpu0/thermal_throttle'),
  );
  assert.deepEqual([...readonlyPaths].sort(), [
    '/proc/bus',
    '/proc/fs',
    '/proc/irq',
    '/proc/sys',
    '/proc/sysrq-trigger',
  ]);
});

test('no_new_privs is off: sudo works in RUN; the terminal only where there is one', () => {
  assert.equal(specOf().process.noNewPrivileges, false);
  assert.equal(specOf().process.terminal, false);
  const stdio = { kind: 'inherit', stdin: true, terminal: true } as const;
  assert.equal(specOf({ stdio }).process.terminal, true);
});

test('namespaces: its own but for the network, which none takes away', () => {
  const names = (network: 'host' | 'none'): string[] =>
    specOf({ network })
      .linux.namespaces.map(({ type }) => type)
      .sort();
  assert.deepEqual(names('host'), ['ipc', 'mount', 'pid', 'uts']);
  assert.deepEqual(names('none'), ['ipc', 'mount', 'network', 'pid', 'uts']);
});

test("mounts: Docker's, without its /run, /sys read-only, binds private", () => {
  const { mounts } = specOf({ mounts: [{ source: '/s', target: '/t', readonly: true }] });
  const at = (path: string) => mounts.find(({ destination }) => destination === path)!;
  assert.deepEqual(mounts.map(({ destination }) => destination).sort(), [
    '/.', // Remounted without devices.
    '/dev',
    '/dev/mqueue',
    '/dev/pts',
    '/dev/shm',
    '/proc',
    '/sys',
    '/t',
  ]);
  for (const path of ['/proc', '/sys', '/dev/shm', '/dev/mqueue'])
    for (const option of ['nosuid', 'noexec', 'nodev'])
      assert.ok(at(path).options.includes(option));
  assert.ok(at('/sys').options.includes('ro'));
  assert.ok(at('/dev/shm').options.includes('size=65536k'));
  assert.deepEqual(at('/t').options, ['rbind', 'rprivate', 'ro']);
});

test('devices: where nodes are given /dev is closed, and they are mounted on it', () => {
  const { mounts } = specOf({}, '/nodes');
  const names = mounts.map(({ destination }) => destination);
  const dev = names.indexOf('/dev');
  assert.deepEqual(
    names.slice(dev, dev + 7),
    ['', '/null', '/zero', '/full', '/random', '/urandom', '/tty'].map((name) => `/dev${name}`),
  );
  assert.ok(mounts[dev]?.options.includes('nodev'));
  assert.ok(mounts.slice(dev + 1, dev + 7).every(({ options }) => !options.includes('nodev')));
  assert.ok(
    !specOf()
      .mounts.find(({ destination }) => destination === '/dev')
      ?.options.includes('nodev'),
  );
});

test('devices: all are denied first; only the harmless ones may be opened', () => {
  const [first, ...rest] = specOf().linux.resources.devices;
  assert.deepEqual(first, { allow: false, access: 'rwm' });
  const opened = rest
    .filter(({ access }) => access !== 'm')
    .map(({ type, major, ...rest }) => {
      const minor = 'minor' in rest ? String(rest['minor']) : 'any';
      return `${String(type)} ${String(major)}:${minor}`;
    });
  assert.deepEqual(opened.sort(), [
    'c 136:any',
    'c 1:3',
    'c 1:5',
    'c 1:7',
    'c 1:8',
    'c 1:9',
    'c 5:0',
    'c 5:2',
  ]);
});

const rulesOf = (name: string): SeccompRule[] =>
  seccompProfile('x64').syscalls.filter(({ names }) => names.includes(name));

/** Behind capabilities a container does not have, or never allowed. */
const DENIED = (
  'acct add_key bpf clock_settime create_module delete_module fanotify_init finit_module fsconfig fsmount fsopen ' +
  'fspick get_mempolicy init_module io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load ' +
  'kexec_load keyctl lookup_dcookie mbind mount mount_setattr move_mount move_pages nfsservctl open_by_handle_at ' +
  'open_tree perf_event_open pivot_root process_madvise quotactl reboot request_key set_mempolicy setdomainname ' +
  'sethostname setns settimeofday stime swapoff swapon sysfs syslog umount umount2 unshare userfaultfd ustat vhangup'
).split(' ');
test('seccomp: what needs a capability, or has broken out before, is not allowed', () => {
  for (const name of DENIED) assert.deepEqual(rulesOf(name), [], name);
});

test('seccomp: what every program needs is', () => {
  const needed =
    'read write openat2 execve chroot ptrace fchmodat2 statx futex_waitv copy_file_range memfd_create close_range mseal vmsplice';
  for (const name of needed.split(' '))
    assert.deepEqual(
      rulesOf(name).map(({ action, args }) => [action, args]),
      [['SCMP_ACT_ALLOW', undefined]],
      name,
    );
});

test('seccomp: EPERM by default; clone3 is ENOSYS; clone may not make namespaces; each name once', () => {
  const profile = seccompProfile('x64');
  assert.deepEqual([profile.defaultAction, profile.defaultErrnoRet], ['SCMP_ACT_ERRNO', 1]);
  assert.deepEqual(
    rulesOf('clone3').map(({ action, errnoRet }) => [action, errnoRet]),
    [['SCMP_ACT_ERRNO', 38]],
  );
  assert.deepEqual(rulesOf('clone')[0]?.args, [
    { index: 0, op: 'SCMP_CMP_MASKED_EQ', value: 0x7e020000, valueTwo: 0 },
  ]);
  const plain = profile.syscalls
    .filter(({ args }) => args === undefined)
    .flatMap(({ names }) => names);
  assert.equal(new Set(plain).size, plain.length);
});

test('seccomp: every socket family but AF_ALG and AF_VSOCK', () => {
  const rules = rulesOf('socket').map(({ args = [] }) => args[0]!);
  const allowed = (family: number): boolean =>
    rules.some(({ op, value }) => {
      if (op === 'SCMP_CMP_LT') return family < value;
      if (op === 'SCMP_CMP_GT') return family > value;
      return op === 'SCMP_CMP_EQ' && family === value;
    });
  const denied = Array.from({ length: 64 }, (_, family) => family).filter(
    (family) => !allowed(family),
  );
  assert.deepEqual(denied, [38, 40]);
});

test('seccomp: personality only for Linux, 32 bit, UNAME26 and to ask', () => {
  const values = rulesOf('personality').map(({ args = [] }) => args[0]!.value);
  assert.deepEqual(
    values.sort((a, b) => a - b),
    [0, 8, 0x20000, 0x20008, 0xffffffff],
  );
});

test('seccomp: 64 and 32 bit calls of each machine are filtered', () => {
  assert.deepEqual(seccompProfile('x64').architectures, [
    'SCMP_ARCH_X86_64',
    'SCMP_ARCH_X86',
    'SCMP_ARCH_X32',
  ]);
  assert.deepEqual(seccompProfile('arm64').architectures, ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM']);
});
