import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { leftProcesses } from '../helpers/faults/left-processes.js';
import { contextOf, copyProgram } from '../helpers/run-context.js';
import { staveWorld } from '../helpers/stave.js';

describe('RUN mounts from build to build', () => {
  const world = staveWorld();
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  });
  after(() => {
    world[Symbol.dispose]();
  });
  const plain = (context: string, ...args: string[]): string =>
    world.ok('build', '--progress=plain', ...args, context).stderr;
  const cat = (image: string, file: string): string =>
    world.ok('run', '--rm', image, 'cat', file).stdout;

  test('only what is bound of a stage is in the key, rw or not (testMountRWCache)', () => {
    const dockerfile = [
      'FROM bb AS build',
      'COPY cachebust /',
      'RUN mkdir out && echo foo > out/foo',
      'FROM bb AS second',
      'RUN --mount=from=build,src=out,target=/out,rw touch /out/bar && cat /proc/sys/kernel/random/uuid > /unique',
      '',
    ].join('\n');
    const context = contextOf(world, dockerfile, { cachebust: '0' });
    plain(context, '-t', 'rw');
    const first = cat('rw', '/unique');
    writeFileSync(join(context, 'cachebust'), '1');
    assert.match(plain(context, '-t', 'rw'), /RUN mkdir out .*\n#\d+ why: input changed/);
    assert.equal(cat('rw', '/unique'), first);
  });

  test('only what is bound of the context is in the key, and the reason names the file (testMountDuplicate)', () => {
    const run = 'RUN --mount=source=src,target=/src --mount=target=/all,source=src cat /src/a > /a';
    const context = contextOf(world, `FROM bb\n${run}\n`, { 'src/a': 'one', other: '1' });
    plain(context, '-t', 'bound');
    writeFileSync(join(context, 'other'), '2');
    assert.match(plain(context), /RUN .*\n#\d+ CACHED/);
    writeFileSync(join(context, 'src/a'), 'two');
    assert.match(plain(context, '-t', 'bound'), /why: changed: src\/a \(content\)/);
    assert.equal(cat('bound', '/a'), 'two');
  });

  test('the value of a secret is in no key, its id is', () => {
    const context = contextOf(world, 'FROM bb\nRUN --mount=type=secret,id=a true\n');
    const secret = join(world.dir, 'value');
    writeFileSync(secret, 'first value');
    plain(context, `--secret=id=a,src=${secret}`);
    writeFileSync(secret, 'second value');
    assert.match(plain(context, `--secret=id=a,src=${secret}`), /RUN .*\n#\d+ CACHED/);
    writeFileSync(join(context, 'Dockerfile'), 'FROM bb\nRUN --mount=type=secret,id=b true\n');
    assert.match(plain(context), /why: changed: /);
  });

  test('a cache mount stays from build to build; with an owner it begins anew under --no-cache (testCacheMountModeNoCache)', () => {
    const dockerfile = [
      'FROM bb',
      'RUN --mount=type=cache,target=/plain,id=p echo x >> /plain/log; wc -l < /plain/log > /plain.count',
      'RUN --mount=type=cache,target=/owned,id=o,mode=0700 echo x >> /owned/log',
      'RUN --mount=type=cache,target=/owned,id=o,mode=0700 echo x >> /owned/log; wc -l < /owned/log > /owned.count',
      '',
    ].join('\n');
    const context = contextOf(world, dockerfile);
    for (const count of ['1', '2', '3']) {
      plain(context, '--no-cache', '-t', 'cached');
      assert.equal(cat('cached', '/plain.count').trim(), count);
      assert.equal(cat('cached', '/owned.count').trim(), '2', 'one and the same within a build');
    }
  });

  test('a namespace separates cache mounts; no id is a path', () => {
    const id = '../../../../../escape';
    const dockerfile = `FROM bb\nRUN --mount=type=cache,target=/c,id=${id} echo x >> /c/log; wc -l < /c/log > /n\n`;
    const context = contextOf(world, dockerfile);
    for (const [namespace, count] of [
      ['', '1'],
      ['a', '1'],
      ['a', '2'],
      ['', '2'],
    ] as const) {
      plain(context, '--no-cache', '-t', 'ns', `--build-arg=BUILDKIT_CACHE_MOUNT_NS=${namespace}`);
      assert.equal(cat('ns', '/n').trim(), count);
    }
    const names = readdirSync(join(world.root, 'mounts'));
    assert.ok(
      names.every((name) => /^[0-9a-f]{40}(\.\d+)?$/.test(name)),
      names.join(' '),
    );
    const metas = names.map((name) =>
      readFileSync(join(world.root, 'mounts', name, 'meta.json'), 'utf8'),
    );
    assert.ok(metas.some((meta) => (JSON.parse(meta) as { id: string }).id === id));
  });

  test('sharing=locked holds across processes (testLockedCacheMounts)', async () => {
    const step = 'mkdir /c/busy && sleep 0.2 && rmdir /c/busy && echo x >> /c/log';
    const contexts = ['a', 'b', 'c'].map((name) =>
      contextOf(
        world,
        `FROM bb\nRUN --mount=type=cache,id=lock,target=/c,sharing=locked : ${name}; ${step}\n`,
      ),
    );
    const outcomes = await Promise.all(
      contexts.map((context) => world.start(['build', '--progress=plain', context])),
    );
    for (const { status, stderr } of outcomes) assert.equal(status, 0, stderr);
    assert.ok(
      outcomes.some(({ stderr }) =>
        stderr.includes('waiting for another step that uses the cache mount lock'),
      ),
    );
    const count = contextOf(
      world,
      'FROM bb\nRUN --mount=type=cache,id=lock,target=/c wc -l < /c/log > /n\n',
    );
    plain(count, '-t', 'locked');
    assert.equal(cat('locked', '/n').trim(), '3');
  });

  test('sharing=private gives a step its own while another holds it', async () => {
    const contexts = ['a', 'b'].map((name) => {
      const mounts =
        '--mount=type=cache,id=meet,target=/meet --mount=type=cache,id=own,target=/c,sharing=private';
      const meet = 'until [ -e /meet/a ] && [ -e /meet/b ]; do sleep 0.02; done';
      const run = `touch /meet/${name} /c/${name}; ${meet}; echo has $(ls /c)`;
      return contextOf(world, `FROM bb\nRUN ${mounts} ${run}\n`);
    });
    const outcomes = await Promise.all(
      contexts.map((context) => world.start(['build', '--progress=plain', context])),
    );
    for (const { status, stderr } of outcomes) assert.equal(status, 0, stderr);
    assert.match(outcomes[0]?.stderr ?? '', /^#\d+ [\d.]+ has a$/m);
    assert.match(outcomes[1]?.stderr ?? '', /^#\d+ [\d.]+ has b$/m);
  });

  test('nested cache mounts in two stages at once (testCacheMountParallel)', () => {
    const stage = (name: string): string =>
      `FROM bb AS ${name}\nRUN --mount=type=cache,target=/foo/bar --mount=type=cache,target=/foo/bar/baz echo ${name} > /foo/bar/baz/f && touch /${name}\n`;
    const dockerfile = `${stage('s1')}${stage('s2')}FROM bb\nCOPY --from=s1 /s1 /\nCOPY --from=s2 /s2 /\n`;
    const context = contextOf(world, dockerfile);
    for (let round = 0; round < 5; round++) plain(context, '--no-cache');
    assert.equal(existsSync('/foo/bar'), false);
  });

  test('a device of CDI (testDeviceRunEnv)', () => {
    const spec =
      'kind: vendor1.com/device\ndevices:\n- {name: foo, containerEdits: {env: [FOO=injected], deviceNodes: [{path: /dev/foo, hostPath: /dev/zero}], mounts: [{hostPath: /etc/passwd, containerPath: /data/users, options: [ro]}]}}\n';
    const context = contextOf(
      world,
      'FROM bb\nRUN --device=vendor1.com/device=foo echo $FOO > /env && head -c2 /dev/foo | wc -c >> /env && [ -s /data/users ]\nRUN [ ! -e /data ]\n',
      { 'vendor1.yaml': spec },
    );
    // The engine looks in /var/run/cdi: a directory of this test's own, in a mount namespace of its own.
    const script = `mount -t tmpfs t /run && mkdir /run/cdi && cp ${context}/vendor1.yaml /run/cdi && exec bin/stave "$@"`;
    const inside = (...args: string[]) =>
      spawnSync(
        'unshare',
        ['-m', 'sh', '-c', script, 'sh', 'build', '-t', 'device', ...args, context],
        {
          env: world.env,
          encoding: 'utf8',
        },
      );
    const refused = inside();
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /device vendor1\.com\/device=foo is not allowed/);
    const allowed = inside('--allow=device=vendor1.com/device=foo');
    assert.equal(allowed.status, 0, allowed.stderr);
    assert.equal(cat('device', '/env'), 'injected\n2\n');
  });

  test('limits: a cgroup of its own, below the parent that was asked for (testCgroupParent, testLinuxResources)', () => {
    const eat = '[ $(head -c 50000000 /dev/zero | tail -c 40000000 | wc -c) = 40000000 ]';
    const context = contextOf(world, `FROM bb\nRUN cat /proc/self/cgroup > /cgroup; ${eat}\n`);
    const small = world.run('build', '--memory=24m', '--memory-swap=24m', context);
    assert.equal(small.status, 1, small.stderr);
    // The kernel takes the pipe's end or, some days, the shell too.
    assert.match(small.stderr, /Killed|exit code: 137/);
    world.ok(
      'build',
      '-q',
      '-t',
      'limited',
      '--cgroup-parent=/foocgroup',
      '--resource=cpu-shares=512',
      context,
    );
    assert.match(cat('limited', '/cgroup'), /:\/foocgroup\/step-[0-9a-f]+$/m);
    assert.match(
      plain(context, '--cgroup-parent=/foocgroup', '--memory=512m'),
      /RUN .*\n#\d+ CACHED/,
    );
    removeCgroups('foocgroup');
  });

  test('the API gives secrets to its engine by pipe, not by argument or environment', async () => {
    const value = Buffer.from('api-secret-\xff-value', 'latin1');
    const context = contextOf(
      world,
      'FROM bb\nRUN --mount=type=secret,id=s sha256sum < /run/secrets/s > /sum && cat /proc/*/cmdline /proc/*/environ > /dev/null; sleep 0.3\n',
    );
    process.env['XDG_CACHE_HOME'] = world.env['XDG_CACHE_HOME'];
    // As installed: the engine is started by the launcher beside dist/.
    const { build } = (await import(
      resolve('dist/index.mjs')
    )) as typeof import('../../src/index.js');
    await using running = build({
      context,
      root: world.root,
      tags: ['api'],
      secrets: [{ id: 's', value }],
    });
    const seen: string[] = [];
    for await (const event of running.events) {
      if (event.type === 'vertex-started') seen.push(...everyProcess());
    }
    await running.result;
    assert.ok(seen.length > 0);
    assert.ok(!seen.some((text) => text.includes('api-secret-')));
    const sum = spawnSync('sha256sum', { input: value, encoding: 'utf8' }).stdout;
    assert.equal(cat('api', '/sum'), sum);
  });
});

/** Empty ones of ours, in every hierarchy. */
function removeCgroups(name: string): void {
  for (const hierarchy of readdirSync('/sys/fs/cgroup')) {
    const path = join('/sys/fs/cgroup', hierarchy, name);
    if (existsSync(path)) spawnSync('rmdir', [path]);
  }
}

/** Arguments and environments of all other processes. */
function everyProcess(): string[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .flatMap((pid) => ['cmdline', 'environ'].map((file) => readIf(`/proc/${pid}/${file}`)));
}

function readIf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // It ended meanwhile.
  }
}

describe('RUN --mount=type=ssh', () => {
  const world = staveWorld();
  const keys = join(world.dir, 'keys');
  const socket = join(world.dir, 'agent.sock');
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  before(() => {
    mkdirSync(keys);
    for (const name of ['one', 'two'])
      spawnSync('ssh-keygen', [
        '-q',
        '-t',
        'ed25519',
        '-N',
        '',
        '-C',
        name,
        '-f',
        join(keys, name),
      ]);
    spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'phrase', '-f', join(keys, 'locked')]);
    const added = spawnSync('ssh-add', ['-q', join(keys, 'one')], {
      env: { ...process.env, SSH_AUTH_SOCK: socket },
    });
    assert.equal(added.status, 0, String(added.stderr));
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    const context = contextOf(world, 'FROM bb\nCOPY root /\nCOPY passwd /etc/passwd\n', {
      passwd: 'root:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n',
    });
    copyProgram('/usr/bin/ssh-add', join(context, 'root'));
    world.ok('build', '-q', '-t', 'ssh', context);
  });
  after(() => {
    agent.kill();
    world[Symbol.dispose]();
  });
  const lines = (mount: string, command: string, ...args: string[]): string => {
    const run = `RUN --mount=type=ssh${mount} { ${command}; } > /said 2>&1 || true`;
    const context = contextOf(world, `FROM ssh\n${run}\n`);
    world.ok('build', '-q', '-t', 'said', ...args, context);
    return world.ok('run', '--rm', 'said', 'cat', '/said').stdout;
  };

  test('an agent is forwarded, for looking and signing only (testSSHSocketParams)', () => {
    assert.match(lines('', 'ssh-add -l', `--ssh=default=${socket}`), /^256 SHA256:\S+ one /);
    const removed = lines('', 'ssh-add -D; ssh-add -l', `--ssh=default=${socket}`);
    assert.match(removed, /Failed to remove all identities|one/);
    assert.match(lines('', ': again; ssh-add -l', `--ssh=default=${socket}`), / one /);
    const facts = lines(
      ',target=/sock,mode=741,uid=100,gid=102',
      'stat -c "%u %g %f" /sock; echo $SSH_AUTH_SOCK',
      `--ssh=default=${socket}`,
    );
    assert.equal(facts, '100 102 c1e1\n/sock\n');
  });

  test('keys make an agent of our own, which ends with the step', async () => {
    const given = `--ssh=git=${join(keys, 'one')},${join(keys, 'two')}`;
    const listed = lines(',id=git', 'ssh-add -l', given);
    assert.match(listed, / one .*\n.* two /);
    // In the mount namespace of the command that started it, so that it is known from agents of other tests.
    assert.deepEqual(await leftProcesses(world.root), []);
  });

  test('a key with a passphrase is refused by name', () => {
    const context = contextOf(world, 'FROM ssh\nRUN --mount=type=ssh true\n');
    const { status, stderr } = world.run('build', `--ssh=default=${join(keys, 'locked')}`, context);
    assert.equal(status, 1);
    assert.match(stderr, /ssh key \S+locked cannot be used: /);
  });

  test('the socket is only in its own step, and its user may be named (RELIABILITY E6)', () => {
    const dockerfile = [
      'FROM ssh',
      'RUN --mount=type=ssh stat -c %a $SSH_AUTH_SOCK > /mode',
      'RUN [ ! -e /run ] && [ -z "$SSH_AUTH_SOCK" ]',
      'USER app',
      'RUN --mount=type=ssh,uid=1000 ssh-add -l',
      'RUN --mount=type=ssh ! ssh-add -l',
      '',
    ].join('\n');
    const context = contextOf(world, dockerfile);
    world.ok('build', '-q', '-t', 'only', `--ssh=default=${socket}`, context);
    assert.equal(world.ok('run', '--rm', 'only', 'cat', '/mode').stdout, '600\n');
  });

  test('no descriptor is left over many steps (testSSHFileDescriptorsClosed)', () => {
    const steps = Array.from(
      { length: 10 },
      (_, i) =>
        `RUN --mount=type=ssh : ${String(i)}; ssh-add -l && ls /proc/self/fd | wc -l >> /fds`,
    );
    const context = contextOf(world, `FROM ssh\n${steps.join('\n')}\n`);
    world.ok('build', '-q', '-t', 'fds', `--ssh=default=${socket}`, context);
    const counts = world.ok('run', '--rm', 'fds', 'cat', '/fds').stdout.trim().split('\n');
    assert.equal(new Set(counts).size, 1, counts.join(' '));
    rmSync(context, { recursive: true });
  });
});
