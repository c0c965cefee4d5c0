import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFlags } from '../../src/cli/flags.js';
import { keyValues } from '../../src/cli/run-flags/key-value-file.js';
import { RUN_FLAGS, runOptions } from '../../src/cli/run-flags/run-options.js';
import { BuildError } from '../../src/model/error.js';
import type { HostConfig } from '../../src/model/host-config.js';

function optionsOf(...args: string[]) {
  const parsed = parseFlags([...args, 'img', 'cmd', '-x'], RUN_FLAGS, {
    interspersed: false,
    command: 'run',
  });
  const { stdout, stderr } = process;
  const { signal } = new AbortController();
  return runOptions({ name: 'stave run', flags: parsed, env: {}, stdout, stderr, signal });
}

const MEANINGS: readonly (readonly [args: readonly string[], host: Partial<HostConfig>])[] = [
  [['-m', '64m', '--memory-swap=-1'], { Memory: 64 << 20, MemorySwap: -1 }],
  [['--memory-reservation', '1.5g'], { MemoryReservation: 1.5 * 2 ** 30 }],
  [['--cpus', '.5', '-c', '512'], { NanoCpus: 5e8, CpuShares: 512 }],
  [['--cpuset-cpus=0-1', '--cpuset-mems=0'], { CpusetCpus: '0-1', CpusetMems: '0' }],
  [['--pids-limit=-1'], { PidsLimit: -1 }],
  [['--ulimit', 'nofile=10:20'], { Ulimits: [{ Name: 'nofile', Hard: 20, Soft: 10 }] }],
  [['--shm-size=1k'], { ShmSize: 1024 }],
  [['--cap-add', 'net_admin', '--cap-add=ALL'], { CapAdd: ['net_admin', 'ALL'], CapDrop: null }],
  [
    ['--device', '/dev/a'],
    {
      Devices: [{ PathOnHost: '/dev/a', PathInContainer: '/dev/a', CgroupPermissions: 'rwm' }],
    },
  ],
  [
    ['--device', '/dev/a:/dev/b:r'],
    { Devices: [{ PathOnHost: '/dev/a', PathInContainer: '/dev/b', CgroupPermissions: 'r' }] },
  ],
  [
    ['--device', '/dev/a:rw'],
    { Devices: [{ PathOnHost: '/dev/a', PathInContainer: '/dev/a', CgroupPermissions: 'rw' }] },
  ],
  [
    ['--security-opt', 'no-new-privileges', '--security-opt=systempaths=unconfined'],
    { SecurityOpt: ['no-new-privileges'], MaskedPaths: [], ReadonlyPaths: [] },
  ],
  [['--sysctl', 'net.core.somaxconn=5'], { Sysctls: { 'net.core.somaxconn': '5' } }],
  [['--init=false'], { Init: false }],
  [['--annotation', 'a=b=c'], { Annotations: { a: 'b=c' } }],
  [['--log-driver=none'], { LogConfig: { Type: 'none', Config: {} } }],
  [
    ['--device-read-bps', '/dev/a:1mb', '--blkio-weight-device=/dev/a:20'],
    {
      BlkioDeviceReadBps: [{ Path: '/dev/a', Rate: 1 << 20 }],
      BlkioWeightDevice: [{ Path: '/dev/a', Weight: 20 }],
    },
  ],
  [['--pid=container:x', '--uts=host'], { PidMode: 'container:x', UTSMode: 'host' }],
  [['--ipc=host', '--cgroupns=private'], { IpcMode: 'host', CgroupnsMode: 'private' }],
];
for (const [args, host] of MEANINGS) {
  test(`run ${args.join(' ')}`, () => {
    const options = optionsOf(...args);
    assert.deepEqual({ ...options.host, ...host }, options.host);
    assert.deepEqual([options.image, options.command], ['img', ['cmd', '-x']]);
  });
}

const MISTAKES: readonly (readonly [args: readonly string[], message: RegExp])[] = [
  [['-m', '10x'], /^invalid argument "10x" for "-m, --memory" flag: invalid size: '10x'$/],
  [
    ['--pids-limit', '1.5'],
    /^invalid argument "1.5" for "--pids-limit" flag: strconv.ParseInt: parsing "1.5": invalid syntax$/,
  ],
  [
    ['--cpus', 'two'],
    /^invalid argument "two" for "--cpus" flag: failed to parse two as a rational number$/,
  ],
  [['--cpus', '0.00000000001'], /value is too precise$/],
  [
    ['--ulimit', 'files=1'],
    /^invalid argument "files=1" for "--ulimit" flag: invalid ulimit type: files$/,
  ],
  [['--ulimit', 'core'], /: invalid ulimit argument: core$/],
  [
    ['--ulimit', 'core=1:2:3'],
    /: too many limit value arguments - 1:2:3, can only have up to two$/,
  ],
  [['--ulimit', 'core=x'], /: strconv.ParseInt: parsing "x": invalid syntax$/],
  [
    ['--ulimit', 'core=2:1'],
    /: ulimit soft limit must be less than or equal to hard limit: 2 > 1$/,
  ],
  [['--device', 'a:b:c:d'], /bad format for path: a:b:c:d$/],
  [['--device', '/dev/a:/dev/b:rr'], /bad mode specified: rr$/],
  [['--device', '/dev/a:b'], /b is not an absolute path$/],
  [['--device-cgroup-rule', 'c 1'], /invalid device cgroup format 'c 1'$/],
  [['--security-opt', 'foo'], /^invalid --security-opt: "foo"$/],
  [['--security-opt', 'seccomp=/no/such'], /^opening seccomp profile \(\/no\/such\) failed: /],
  [['--sysctl', 'kernel.core_pattern=x'], /sysctl 'kernel.core_pattern=x' is not allowed$/],
  [['--sysctl', 'net.ipv4.x'], /sysctl 'net.ipv4.x' is not allowed$/],
  [['--sysctl', 'net/../kernel/core_pattern=x'], /is not allowed$/],
  [['--sysctl', 'net..kernel=x'], /is not allowed$/],
  [['--sysctl', 'net.a=1\nkernel.core_pattern=x'], /is not allowed$/],
  [['--sysctl', 'kernel.shm_rmid_forced+kernel.core_pattern=1'], /is not allowed$/],
  [['--pid', 'private'], /^--pid: invalid PID mode$/],
  [['--uts', 'x'], /^--uts: invalid UTS mode$/],
  [['--userns', 'keep-id'], /^--userns: invalid USER mode$/],
  [['--cgroupns', 'x'], /^--cgroupns: invalid CGROUP mode$/],
  [['--ipc', 'x'], /^invalid IPC mode: x$/],
  [['--ipc', 'container:x'], /^--ipc container:x is not supported$/],
  [['--log-driver', 'syslog'], /^log driver "syslog" is not supported$/],
  [['--log-opt', 'max-file=3'], /^--log-opt max-file=3 is not supported$/],
  [['--log-driver', 'none', '--log-opt', 'a=b'], /^invalid logging opts for driver none$/],
  [['--blkio-weight-device', '/dev/a:5'], /invalid weight for device: \/dev\/a:5$/],
  [['--device-read-iops', '/x:5'], /bad format for device path: \/x:5$/],
  [
    ['--pull', 'foo'],
    /^invalid pull option: 'foo': must be one of "always", "missing" or "never"$/,
  ],
  [['--gpus', 'all'], /^--gpus is not supported: /],
  [['--isolation', 'hyperv'], /^--isolation is not supported: it is of Windows$/],
  [['--env-file', '/no/such'], /^--env-file: open \/no\/such: no such file or directory$/],
];
for (const [args, message] of MISTAKES) {
  test(`run ${args.join(' ')}: refused`, () => {
    assert.throws(() => optionsOf(...args), { name: BuildError.name, message });
  });
}

test('a file of variables: comments and empty lines are left out, values are as they stand', () => {
  const text = '# comment\n\n  A=1 \nB= "x" # y\r\nC\nD=a=b\n';
  assert.deepEqual(keyValues(text), ['A=1 ', 'B= "x" # y', 'C', 'D=a=b']);
  assert.throws(() => keyValues('=x'), /^BuildError: no variable name on line '=x'$/);
  assert.throws(() => keyValues('A B=x'), /variable 'A B' contains whitespaces$/);
});
