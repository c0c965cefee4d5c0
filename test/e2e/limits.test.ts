import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { dockerBeside } from '../helpers/docker-beside.js';
import { type Outcome, staveWorld } from '../helpers/stave.js';

describe('what a container may take of the machine and do to it', () => {
  const world = staveWorld();
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  });
  after(() => {
    world[Symbol.dispose]();
  });
  const run = (...args: string[]): Outcome => world.run('run', '--rm', ...args);
  const out = (...args: string[]): string => world.ok('run', '--rm', ...args).stdout.trim();
  const inspect = (name: string): { State: Record<string, unknown> } =>
    (JSON.parse(world.ok('inspect', name).stdout) as { State: Record<string, unknown> }[])[0]!;

  test('more memory than its limit: 137, OOMKilled; nothing is left of its cgroup', () => {
    const { status } = world.run('run', '--name', 'oom', '-m', '16m', 'bb', 'tail', '/dev/zero');
    assert.equal(status, 137);
    assert.equal(inspect('oom').State['OOMKilled'], true);
    world.ok('rm', 'oom');
    world.run('run', '--name', 'fine', '-m', '16m', 'bb', 'sh', '-c', 'kill -9 $$');
    assert.equal(inspect('fine').State['OOMKilled'], false);
    const id = world.ok('inspect', '-f', '{{.Id}}', 'fine').stdout.trim();
    world.ok('rm', 'fine');
    const left = readdirSync('/sys/fs/cgroup').filter((name) =>
      existsSync(join('/sys/fs/cgroup', name, 'stave', id)),
    );
    assert.deepEqual(left, []);
  });

  test('a fork bomb ends at the limit of processes', () => {
    const bomb = 'i=0; while [ $i -lt 60 ]; do sleep 60 & i=$((i+1)); done; echo all';
    const { stdout, stderr, status } = run('--pids-limit', '20', 'bb', 'sh', '-c', bomb);
    assert.match(stderr, /can't fork/);
    assert.deepEqual([stdout, status === 0], ['', false]);
  });

  test('limits are what its cgroup says, inside', () => {
    const script =
      'cat /sys/fs/cgroup/cpu.max 2>/dev/null || cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us; ' +
      'cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes; ' +
      'touch /sys/fs/cgroup/x 2>/dev/null; cat /proc/self/limits | grep "open files"; df -k /dev/shm | tail -1';
    const lines = out(
      ...['-m', '16m', '--cpus', '0.5', '--ulimit', 'nofile=100:200', '--shm-size', '1m'],
      ...['bb', 'sh', '-c', script],
    ).split('\n');
    assert.match(lines[0]!, /^50000/);
    assert.equal(lines[1], String(16 << 20));
    assert.match(lines[2]!, /100 +200/);
    assert.match(lines[3]!, /^shm +1024 /);
  });

  test('exec is within the limits, and may do what the container may', () => {
    world.ok('run', '-d', '--name', 'ex', '-m', '32m', '--cap-drop', 'ALL', 'bb', 'sleep', '600');
    const { stdout } = world.ok(
      'exec',
      'ex',
      'sh',
      '-c',
      'cat /proc/self/cgroup; grep CapBnd /proc/self/status',
    );
    assert.match(stdout, /memory:\/stave\/|0::\/stave\//);
    assert.match(stdout, /CapBnd:\s+0000000000000000/);
    world.ok('rm', '-f', 'ex');
  });

  const STATUS: readonly (readonly [args: readonly string[], wanted: RegExp])[] = [
    [['--cap-add', 'net_admin', '--cap-drop=CAP_CHOWN'], /CapBnd:\s+00000000a80435fa/],
    [['--cap-drop', 'ALL', '--cap-add', 'KILL'], /CapBnd:\s+0000000000000020/],
    [['--security-opt', 'no-new-privileges'], /NoNewPrivs:\s+1/],
    [['--security-opt', 'no-new-privileges=false'], /NoNewPrivs:\s+0/],
    [['--security-opt', 'seccomp=unconfined'], /Seccomp:\s+0/],
    [['--group-add', '5', '--group-add=7', '-u', '1000'], /Groups:\s+0 5 7/],
    [['--privileged'], /Seccomp:\s+0/],
  ];
  for (const [args, wanted] of STATUS) {
    test(`run ${args.join(' ')}`, () => {
      assert.match(out(...args, 'bb', 'cat', '/proc/self/status'), wanted);
    });
  }

  test('a profile of ones own: what it forbids fails, and a later start has it still', () => {
    const file = join(world.dir, 'profile.json');
    const rule = { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', args: [] };
    writeFileSync(file, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule] }));
    const { status, stderr } = run('--security-opt', `seccomp=${file}`, 'bb', 'mkdir', '/x');
    assert.deepEqual(
      [status, stderr],
      [1, "mkdir: can't create directory '/x': Operation not permitted\n"],
    );
  });

  test('SYS_ADMIN may mount; without it nobody may', () => {
    const mount = ['bb', 'sh', '-c', 'mkdir -p /m && mount -t tmpfs t /m && echo mounted'];
    assert.equal(out('--cap-add', 'SYS_ADMIN', ...mount), 'mounted');
    assert.equal(run(...mount).status, 1);
  });

  test('a read-only root', () => {
    const { stdout, stderr } = run(
      '--read-only',
      'bb',
      'sh',
      '-c',
      'touch /x; mknod /k c 1 1; grep " / " /proc/mounts',
    );
    assert.match(stderr, /touch: \/x: Read-only file system/);
    assert.match(stdout, / \/ overlay ro,nodev/);
  });

  test('devices: given ones, no more than was given, and none made by hand', () => {
    const mem = 'mknod /k c 1 1; head -c 1 /k';
    assert.match(run('bb', 'sh', '-c', mem).stderr, /head: \/k: Permission denied/);
    const given = 'echo x > /dev/sink && ls -l /dev/sink';
    assert.match(
      out('--device', '/dev/full:/dev/sink', 'bb', 'sh', '-c', 'ls -l /dev/sink'),
      /1, +7/,
    );
    assert.match(out('--device', '/dev/null:/dev/sink', 'bb', 'sh', '-c', given), /1, +3/);
    // Where a cgroup guards them, the root's own are as closed.
    const ruled = run('--device-cgroup-rule', 'c 4:* r', 'bb', 'sh', '-c', mem);
    assert.match(ruled.stderr, /head: \/k: Operation not permitted/);
    const partly = 'exec 3</dev/t && echo read; exec 4>/dev/t && echo wrote';
    const { stdout } = run('--device', '/dev/loop-control:/dev/t:r', 'bb', 'sh', '-c', partly);
    assert.equal(stdout, 'read\n');
  });

  test('--init: the first process is an init, its child the program', () => {
    assert.match(out('--init', 'bb', 'ps'), /^ +1 0 +\/sbin\/docker-init -- ps$/m);
  });

  test('namespaces of others', () => {
    assert.equal(
      out('--uts', 'host', 'bb', 'hostname'),
      readFileSync('/proc/sys/kernel/hostname', 'utf8').trim(),
    );
    assert.match(
      out('--pid', 'host', 'bb', 'sh', '-c', 'echo /proc/*'),
      new RegExp(`/proc/${String(process.pid)}\\b`),
    );
    world.ok('run', '-d', '--name', 'pp', 'bb', 'sleep', '600');
    assert.match(out('--pid', 'container:pp', 'bb', 'ps'), / 1 0 +sleep 600/);
    world.ok('rm', '-f', 'pp');
    assert.match(run('--pid', 'container:pp', 'bb', 'ps').stderr, /^ERROR: No such container: pp/);
    assert.equal(
      out(
        '--ipc',
        'none',
        'bb',
        'sh',
        '-c',
        'ls -d /dev/shm 2>&1 | wc -l; ls /dev/shm 2>/dev/null | wc -l',
      ).split('\n')[1],
      '0',
    );
  });

  test('what is left of a PID namespace that was shared ends with the container', () => {
    world.ok('run', '--name', 'left', '--pid', 'host', 'bb', 'sh', '-c', 'setsid sleep 98761 &');
    world.ok('ps', '-a');
    const alive = readdirSync('/proc').filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1') === 'sleep\x0098761\0';
      } catch {
        return false;
      }
    });
    assert.deepEqual(alive, []);
    world.ok('rm', 'left');
  });

  test('kernel parameters of its namespaces, never of the machine', () => {
    const before = readFileSync('/proc/sys/net/ipv4/ip_default_ttl', 'utf8');
    const ttl = [
      '--sysctl',
      'net.ipv4.ip_default_ttl=77',
      'bb',
      'cat',
      '/proc/sys/net/ipv4/ip_default_ttl',
    ];
    assert.equal(out('--network', 'none', ...ttl), '77');
    assert.match(run('--network', 'host', ...ttl).stderr, /not allowed in host network namespace/);
    assert.equal(readFileSync('/proc/sys/net/ipv4/ip_default_ttl', 'utf8'), before);
    assert.equal(
      out('--domainname', 'example.org', 'bb', 'cat', '/proc/sys/kernel/domainname'),
      'example.org',
    );
  });

  test('files: --env-file, --label-file, --cidfile', () => {
    const [vars, labels, cid] = ['vars', 'labels', 'cid'].map((name) => join(world.dir, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(vars, '# x\nA=1\nB=two words\n');
    writeFileSync(labels, 'l=1\nm\n');
    const args = [
      '--name',
      'ff',
      '--env-file',
      vars,
      '-e',
      'A=2',
      '--label-file',
      labels,
      '--cidfile',
      cid,
    ];
    assert.equal(world.ok('run', ...args, 'bb', 'sh', '-c', 'echo $A $B').stdout, '2 two words\n');
    const format = '{{.Id}} {{json .Config.Labels}}';
    assert.equal(
      world.ok('inspect', '-f', format, 'ff').stdout,
      `${readFileSync(cid, 'utf8')} {"l":"1","m":""}\n`,
    );
    assert.match(
      world.run('create', '--cidfile', cid, 'bb').stderr,
      /^ERROR: container ID file found/,
    );
    world.ok('rm', 'ff');
  });

  test('log driver none keeps nothing; an unknown runtime or platform is said', () => {
    assert.equal(
      world.ok('run', '--name', 'nn', '--log-driver=none', 'bb', 'echo', 'hi').stdout,
      'hi\n',
    );
    assert.match(
      world.run('logs', 'nn').stderr,
      /configured logging driver does not support reading/,
    );
    world.ok('rm', 'nn');
    assert.match(run('--runtime', 'foo', 'bb', 'true').stderr, /Unknown runtime specified foo/);
    assert.equal(
      out('--runtime', 'runc', '-m', '20m', '--read-only', 'bb', 'echo', 'runc'),
      'runc',
    );
    assert.match(
      run('--pull', 'never', '--platform', 'linux/arm64', 'bb', 'true').stderr,
      /wanted linux\/arm64/,
    );
  });
});

describe("HostConfig of inspect is docker's", () => {
  const world = staveWorld();
  const docker = dockerBeside(world);

  /** What newer dockers have no more, what depends on the engine, and networks. */
  const OTHER = [
    'KernelMemory',
    'KernelMemoryTCP',
    'Runtime',
    'MaskedPaths',
    'ReadonlyPaths',
  ].concat(['NetworkMode', 'BlkioWeight']);
  const hostConfig = (text: string): Record<string, unknown> => {
    const found = JSON.parse(text) as { HostConfig: Record<string, unknown> }[];
    return Object.fromEntries(
      Object.entries(found[0]!.HostConfig)
        .filter(([name]) => !OTHER.includes(name))
        // An empty list is null or not as the client's version wrote it.
        .map(([name, value]) => [name, Array.isArray(value) && value.length === 0 ? null : value]),
    );
  };

  const CASES: readonly string[] = [
    '',
    '-m 64m --cpus 0.5 --pids-limit 10 --cpu-shares 5 --cpuset-cpus 0',
    '-m 64m --memory-swap -1 --memory-reservation 32m --oom-kill-disable --memory-swappiness 5',
    '--cap-add net_admin --cap-add CAP_SYS_TIME --cap-drop all --group-add 5 --privileged',
    '--ulimit nofile=10:20 --shm-size 1g --read-only --init --oom-score-adj 5',
    '--device /dev/null:/dev/x:rw --device-cgroup-rule c\u00a01:3\u00a0r --blkio-weight 0',
    '--security-opt no-new-privileges --security-opt seccomp=unconfined --sysctl kernel.msgmax=9000',
    '--pid host --uts host --ipc host --cgroup-parent /foo --cgroupns private --userns host',
    '--log-driver none --stop-timeout 5 --device-read-bps /dev/loop0:1m --device-write-iops /dev/loop0:5',
  ];
  for (const line of CASES) {
    test(`create ${line}`, () => {
      const args = line
        .split(' ')
        .filter((arg) => arg !== '')
        .map((arg) => arg.replaceAll('\u00a0', ' '));
      const [ours, theirs] = [
        world.ok('create', ...args, 'bb').stdout.trim(),
        docker.run('create', '--network', 'none', ...args, 'bb').trim(),
      ];
      assert.deepEqual(
        hostConfig(world.ok('inspect', ours).stdout),
        hostConfig(docker.run('inspect', theirs)),
      );
    });
  }
});
