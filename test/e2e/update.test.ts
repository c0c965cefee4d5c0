import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { dockerBeside } from '../helpers/docker-beside.js';
import { staveWorld } from '../helpers/stave.js';

const ROOT = '/sys/fs/cgroup';

/** `update`, in the cgroups of containers that run and in what is kept of those that do not. */
describe('update', () => {
  const world = staveWorld();
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  });
  after(() => {
    for (const id of world.ok('ps', '-aq').stdout.split('\n').filter(Boolean))
      world.run('rm', '-f', id);
    world[Symbol.dispose]();
  });
  const idOf = (name: string): string => world.ok('inspect', '-f', '{{.Id}}', name).stdout.trim();
  /** A limit as the kernel has it, in version 1 or 2. */
  const limit = (id: string, old: string, unified: string): string => {
    const [path] = [join(ROOT, old), join(ROOT, unified)]
      .map((file) => file.replace('ID', `stave/${id}`))
      .filter((file) => existsSync(file));
    return path === undefined ? 'none' : readFileSync(path, 'utf8').trim();
  };
  const memory = (id: string): string =>
    limit(id, 'memory/ID/memory.limit_in_bytes', 'ID/memory.max');
  const pids = (id: string): string => limit(id, 'pids/ID/pids.max', 'ID/pids.max');

  test('limits of a container that runs, at once and for its next start', () => {
    world.ok('run', '-d', '--name', 'live', '-m', '32m', 'bb', 'sleep', '600');
    const id = idOf('live');
    const grown = ['-m', '64m', '--memory-swap', '128m', '--pids-limit', '9', '--cpus', '0.5'];
    assert.equal(world.ok('update', ...grown, 'live').stdout, 'live\n');
    assert.deepEqual([memory(id), pids(id)], [String(64 << 20), '9']);
    assert.match(limit(id, 'cpu/ID/cpu.cfs_quota_us', 'ID/cpu.max'), /^50000/);
    const format = '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.NanoCpus}}';
    assert.equal(
      world.ok('inspect', '-f', format, 'live').stdout,
      '67108864 134217728 500000000\n',
    );
    world.ok('update', '-m', '16m', '--memory-swap', '16m', 'live');
    assert.equal(memory(id), String(16 << 20));
    world.ok('restart', '-t', '0', 'live');
    assert.deepEqual([memory(id), pids(id)], [String(16 << 20), '9']);
    world.ok('rm', '-f', 'live');
  });

  test('a container without a cgroup gets one, with all its processes and those of exec', () => {
    const script = 'sleep 600 & sleep 600';
    world.ok('run', '-d', '--name', 'bare', 'bb', 'sh', '-c', script);
    const id = idOf('bare');
    assert.equal(pids(id), 'none');
    world.ok('update', '--pids-limit', '5', '--cpu-shares', '512', 'bare');
    assert.equal(pids(id), '5');
    const own = world.ok('exec', 'bare', 'cat', '/proc/self/cgroup', '/proc/1/cgroup').stdout;
    const lines = own.split('\n').filter((line) => /:pids:|^0::\/stave/.test(line));
    assert.ok(lines.length >= 2 && lines.every((line) => line.endsWith(`/stave/${id}`)), own);
    const bomb = 'for i in 1 2 3 4 5 6 7 8; do sleep 5 & done';
    assert.match(world.run('exec', 'bare', 'sh', '-c', bomb).stderr, /can't fork/);
    world.ok('pause', 'bare');
    world.ok('unpause', 'bare');
    world.ok('rm', '-f', 'bare');
    const left = readdirSync(ROOT).filter((name) => existsSync(join(ROOT, name, 'stave', id)));
    assert.deepEqual(left, []);
  });

  test('one that does not run begins with them; the kernel says no, and nothing is kept', () => {
    world.ok('create', '--name', 'later', 'bb', 'sleep', '600');
    world.ok('update', '--pids-limit', '7', 'later');
    world.ok('start', 'later');
    assert.equal(pids(idOf('later')), '7');
    const { status, stderr } = world.run('update', '--cpuset-cpus', '4096', 'later');
    assert.equal(status, 1);
    assert.match(stderr, /Requested CPUs are not available - requested 4096/);
    assert.equal(world.ok('inspect', '-f', '{{.HostConfig.CpusetCpus}}.', 'later').stdout, '.\n');
    world.ok('rm', '-f', 'later');
  });
});

describe("update and what lists and shows containers are docker's", () => {
  const world = staveWorld();
  const docker = dockerBeside(world);

  const RESULT =
    '{{with .HostConfig}}{{.Memory}} {{.MemorySwap}} {{.MemoryReservation}} {{.NanoCpus}} {{.CpuShares}} {{.CpuPeriod}} {{.CpuQuota}} {{.CpusetCpus}} {{.CpusetMems}} {{json .PidsLimit}}{{end}}';
  const CASES: readonly (readonly [create: string, update: string])[] = [
    ['', '-m 64m'],
    ['', '-m 64m --memory-swap 128m'],
    ['-m 32m', '-m 64m'],
    ['-m 32m', '-m 65m'],
    ['-m 32m --memory-swap -1', '-m 64m'],
    ['-m 32m', '--memory-swap -1 --memory-reservation 16m'],
    ['-m 32m', '--memory-swap 1g'],
    ['--cpus 0.5', '--cpu-quota 2000'],
    ['--cpus 0.5', '--cpu-period 2000'],
    ['--cpu-quota 2000', '--cpus 0.5'],
    ['--cpu-period 2000', '--cpus 0.5 --cpu-shares 7'],
    ['--cpu-shares 10', '--cpu-shares 20 --cpuset-cpus 0 --cpuset-mems 0 --pids-limit 11'],
    ['--pids-limit 11', '--pids-limit -1'],
    ['', '-m 1m'],
    ['', '--cpuset-cpus x'],
    ['', ''],
  ];
  const both = (args: readonly string[]): [string, string] => {
    const ours = world.run(...args);
    let theirs: string;
    try {
      theirs = docker.run(...args);
    } catch (error) {
      theirs = error instanceof Error ? error.message : '';
    }
    return [ours.status === 0 ? ours.stdout : ours.stderr, theirs];
  };
  /** What went wrong, without what only one of them says around it. */
  const reason = (text: string): string =>
    /^(?:ERROR|docker|Error response from daemon): (.*)$/m
      .exec(text)?.[1]
      ?.replace(/[0-9a-f]{64}/, 'ID')
      .replace(/^Error response from daemon: /, '') ??
    text.replace(/^\/usr\/bin\/docker update[^\n]*\n/, '').trim();

  for (const [index, [create, update]] of CASES.entries()) {
    test(`create ${create}, update ${update}`, () => {
      const name = `upd-${String(index)}`;
      const words = (line: string): string[] => line.split(' ').filter((word) => word !== '');
      both(['create', '--network', 'none', '--name', name, ...words(create), 'bb', 'true']);
      const [ours, theirs] = both(['update', ...words(update), name]);
      assert.equal(reason(ours), reason(theirs));
      const [kept, theirsKept] = both(['inspect', '-f', RESULT, name]);
      assert.equal(kept, theirsKept);
    });
  }

  /** Exit code and stdout of both; ids are their own. */
  const compare = (args: readonly string[]): void => {
    const { status, stdout } = world.run(...args);
    let theirs: readonly [number, string];
    try {
      theirs = [0, docker.run(...args)];
    } catch (error) {
      const message = error instanceof Error ? error.message : '';
      theirs = [Number(/: (\d+)\n/.exec(message)?.[1]), ''];
    }
    const shown = status === 0 ? stdout.replace(/\b[0-9a-f]{12,64}\b/g, 'ID') : '';
    assert.deepEqual([status, shown], [theirs[0], theirs[1].replace(/\b[0-9a-f]{12,64}\b/g, 'ID')]);
  };
  const NAMES = ['--format', '{{.Names}} {{.State}} {{.Label "k"}}'];
  const SHOWN: readonly (readonly string[])[] = [
    ['ps', '-a', '-f', 'name=^/cmp', '--no-trunc', '--format', '{{.Names}} {{.Command}}'],
    ['ps', '-a', '-f', 'name=^cmp', '--format', '{{json .Command}} {{.Image}} {{.Networks}}'],
    ['ps', '-a', '-f', 'exited=3', ...NAMES],
    ['ps', '-f', 'exited=3', ...NAMES],
    ['ps', '-f', 'status=exited', '-f', 'name=cmp', ...NAMES],
    ['ps', '-a', '-f', 'label=k=v', ...NAMES],
    ['ps', '-a', '-f', 'since=cmp-ended', '-f', 'name=cmp', ...NAMES],
    ['ps', '-a', '-f', 'before=cmp-named', '-f', 'name=cmp', ...NAMES],
    ['ps', '-a', '-f', 'ancestor=bb', '-f', 'name=cmp', ...NAMES],
    ['ps', '-a', '-f', 'ancestor=bb-more', ...NAMES],
    ['ps', '-n', '2', ...NAMES],
    ['ps', '-l', '-q'],
    ['ps', '-a', '--format', '{{.Label}}'],
    ['ps', '-a', '-f', 'x'],
    ['ps', '-n', 'x'],
    ['inspect', '-f', '{{.Config.Env}} {{.Config.User}} {{.Path}} {{.Args}}', 'cmp-named'],
    ['inspect', '-f', '{{if .State.Health}}a{{else}}b{{end}} {{.State.ExitCode}}', 'cmp-ended'],
    ['inspect', '-f', '{{.SizeRw}} {{.ID}}', 'cmp-ended'],
    ['inspect', '-f', '{{', 'cmp-ended'],
    ['inspect', 'cmp-none', 'cmp-none2'],
    ['logs', '--tail', 'x', 'cmp-ended'],
    ['logs', '--details', 'cmp-ended'],
    ['logs', '--tail', '1', 'cmp-ended'],
    ['logs', '--nosuch', 'cmp-ended'],
    ['start', '-a', 'cmp-ended', 'cmp-named'],
    ['create', '--cpus', 'x', 'bb'],
    ['create', '--name', 'cmp-named', 'bb'],
    ['rename', 'cmp-named', '/cmp-again'],
    ['rename', 'cmp-again', 'cmp-named'],
    ['rename', 'cmp-named', ''],
    ['kill', '-s', 'nosuch', 'cmp-named'],
    ['wait', 'cmp-ended'],
    ['run', '--network', 'none', '-d', '-a', 'stdout', 'bb'],
    ['exec', '-Z', 'cmp-named', 'true'],
  ];
  test('what there is to be shown', () => {
    const none = ['--network', 'none'];
    const [named] = both(['create', ...none, '--name', 'cmp-named', '-l', 'k=v', 'bb']);
    assert.match(named, /^[0-9a-f]{64}\n$/);
    const ended = ['run', ...none, '--name', 'cmp-ended', '-e', 'A=b', 'bb', 'sh', '-c'];
    both([...ended, 'echo one; echo "<&>"; exit 3']);
    both([
      'create',
      ...none,
      '--name',
      'cmp-long',
      '-u',
      '1',
      'bb',
      'echo',
      'ä ö',
      '€',
      'more to it',
    ]);
    both(['commit', '-c', 'LABEL k=v', 'cmp-named', 'bb-more']);
  });
  for (const args of SHOWN) {
    test(args.join(' '), () => {
      compare(args);
    });
  }
});
