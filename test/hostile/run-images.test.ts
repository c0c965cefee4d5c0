import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { plantCanary } from '../helpers/canary.js';
import { mountsOf } from '../helpers/mounts.js';
import { contextOf } from '../helpers/run-context.js';
import { runProgram } from '../helpers/run-program.js';
import { type Outcome, staveWorld } from '../helpers/stave.js';
import { openTerminal } from '../helpers/terminal.js';

/** runc reads the file itself, and no line beyond 64 KiB. */
const REFUSED_BY_RUNC: Readonly<Record<string, RegExp>> = {
  'a pipe': /\/etc\/passwd of the image is not a file/,
  'of 11 MiB': /could not be started: .*token too long/,
};

/** RELIABILITY 1A for containers: what an image is made of, and what runs in it, reaches nothing of the machine. */
for (const runtime of ['crun', 'runc'])
  describe(`images and containers that try to get out (${runtime})`, () => {
    const world = staveWorld();
    const canary = plantCanary();
    const { dir } = canary;
    const kernel = ['core_pattern', 'hostname'].map((name) => `/proc/sys/kernel/${name}`);
    const machine = (): unknown => [
      canary.tree(),
      mountsOf(world.dir, dir),
      kernel.map((path) => readFileSync(path, 'utf8')),
    ];
    let untouched: unknown;
    before(() => {
      world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    });
    after(() => {
      world[Symbol.dispose]();
      canary[Symbol.dispose]();
    });
    beforeEach(() => {
      untouched = machine();
    });
    afterEach(() => {
      assert.deepEqual(machine(), untouched);
    });

    const checked = (outcome: Outcome): Outcome => {
      assert.ok(!`${outcome.stdout}${outcome.stderr}`.includes(canary.bytes.trim()));
      assert.doesNotMatch(outcome.stderr, /^\s+at .*:\d+:\d+/m);
      return outcome;
    };
    const start = (...args: string[]): Outcome =>
      checked(world.run('run', '--rm', `--runtime=${runtime}`, ...args));
    const ok = (...args: string[]): string => {
      const { status, stdout, stderr } = start(...args);
      assert.equal(status, 0, stderr);
      return stdout;
    };
    /** An image of busybox, some lines, and links. */
    const image = (
      tag: string,
      lines: string,
      links: Readonly<Record<string, string>> = {},
    ): string => {
      const context = contextOf(world, `FROM bb\nCOPY root /\n${lines}\n`, { 'root/made': '' });
      for (const [path, lead] of Object.entries(links)) {
        mkdirSync(dirname(join(context, 'root', path)), { recursive: true });
        symlinkSync(lead, join(context, 'root', path));
      }
      world.ok('build', '-q', '-t', tag, context);
      return tag;
    };
    const stays = (name: string, tag: string, ...command: string[]): string => {
      const program = command.length > 0 ? command : ['sleep', '1000'];
      world.ok('run', '-d', `--runtime=${runtime}`, '--name', name, tag, ...program);
      return name;
    };
    const ends = (name: string): void => {
      world.ok('rm', '-f', name);
    };

    test('A1: exec with a working directory of ours', () => {
      stays('workdirs', 'bb');
      for (const fd of [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 20]) {
        const where = `/proc/self/fd/${String(fd)}`;
        const script = `cat ../../../..${dir}/victim`;
        assert.notEqual(
          checked(world.run('exec', '-w', where, 'workdirs', 'sh', '-c', script)).status,
          0,
        );
      }
      ends('workdirs');
    });

    test('A3: run and exec hand on no descriptor of ours', () => {
      stays('descriptors', 'bb');
      const script = 'for f in /proc/self/fd/*; do readlink $f; done; true';
      const links = [
        ok('bb', 'sh', '-c', script),
        world.ok('exec', 'descriptors', 'sh', '-c', script).stdout,
      ].flatMap((text) => text.trim().split('\n'));
      assert.deepEqual(
        links.filter((link) => !/^(pipe|socket):|^\/dev\/null$/.test(link)),
        [],
      );
      ends('descriptors');
    });

    for (const [name, lead] of [
      ['console', '/proc/sysrq-trigger'],
      ['pts', '/proc/sys/kernel'],
      ['shm', dir],
      ['mqueue', dir],
      ['ptmx', `${dir}/ptmx`],
      ['null', '/proc/sys/kernel/core_pattern'],
    ] as const)
      test(`A13, A14: a terminal, and /dev/${name} of the image is a link`, async () => {
        const tag = image(`dev-${name}`, 'CMD ["sh"]', { [`dev/${name}`]: lead });
        const script =
          'echo y > /dev/console; echo x > /dev/null; touch /dev/shm/made; ls -l /dev; tty';
        const args = ['run', '--rm', '-t', `--runtime=${runtime}`, tag, 'sh', '-c', script];
        const terminal = openTerminal('bin/stave', args, world.env);
        assert.equal(await terminal.exit, 0, terminal.text());
        assert.match(terminal.text(), /\/dev\/(pts\/0|console)/);
        ok(tag, 'sh', '-c', `${script}; true`);
      });

    for (const name of ['dev', 'proc', 'sys'])
      for (const lead of [dir, `../../../..${dir}`])
        test(`A16: /${name} is a link to ${lead.replace(dir, 'CANARY')}`, () => {
          const tag = `root-${name}`;
          const lines = `FROM scratch\nCOPY --from=bb /bin /bin\nCOPY root /\nCMD ["sh"]\n`;
          const context = contextOf(world, lines, { 'root/made': '' });
          symlinkSync(lead, join(context, 'root', name));
          world.ok('build', '-q', '-t', tag, context);
          const { status, stderr } = start(tag, 'true');
          assert.equal(status, 125, stderr);
          assert.match(stderr, new RegExp(`/${name} of the image is not a directory`));
        });

    for (const [name, lead] of [
      ['hosts', '/proc/sys/kernel/hostname'],
      ['hosts', `../../../..${dir}/victim`],
      ['resolv.conf', `${dir}/victim`],
      ['resolv.conf', '/proc/self/attr/exec'],
      ['resolv.conf', '/dev/null'],
      ['hostname', '/sys/kernel/mm/ksm/run'],
      ['hostname', '/nowhere/at/all'],
      ['hostname', '/etc/hostname'],
    ] as const)
      test(`A19: /etc/${name} is a link to ${lead.replace(dir, 'CANARY')}`, () => {
        const tag = image(`etc-${name}`, 'CMD ["sh"]', { [`etc/${name}`]: lead });
        const outcome = start(tag, 'sh', '-c', `echo more >> /etc/${name}; head -c 1 /dev/zero`);
        if (outcome.status !== 0) assert.match(outcome.stderr, /^ERROR: /);
      });

    test('A16, A19: /etc itself is a link to CANARY', () => {
      const context = contextOf(world, 'FROM scratch\nCOPY root /\nCOPY --from=bb /bin /bin\n', {
        'root/made': '',
      });
      symlinkSync(dir, join(context, 'root/etc'));
      world.ok('build', '-q', '-t', 'etc-link', context);
      ok('etc-link', 'sh', '-c', 'echo more >> /etc/hosts; cat /etc/hosts');
    });

    for (const [what, make] of [
      ['a pipe', 'mkfifo /etc/passwd'],
      ['a link to a pipe of ours', `ln -s ${dir}/fifo /etc/passwd`],
      ['a link into /proc', 'ln -s /proc/self/environ /etc/passwd'],
      ['of 11 MiB', 'truncate -s 11M /etc/passwd'],
    ] as const)
      test(`A18: /etc/passwd is ${what}`, () => {
        const refusal = REFUSED_BY_RUNC[what];
        const tag = image('passwd', `RUN mkdir -p /etc && rm -f /etc/passwd && ${make}`);
        if (runtime === 'runc' && refusal !== undefined)
          assert.match(start('-u', '7', tag, 'true').stderr, refusal);
        else assert.match(ok('-u', '7', tag, 'cat', '/proc/self/status'), /^Uid:\s7\s/m);
        const { status, stderr } = start('-u', 'app', tag, 'true');
        assert.equal(status, 125, stderr);
        assert.match(stderr, /unable to find user app/);
      });

    test('A21: volumes of an image that lead out', () => {
      const tag = image('volumes', `VOLUME ["/../../..${dir}", "/a/../b"]`);
      const list = ok(tag, 'sh', '-c', `touch ${dir}/made /b/made && ls ${dir} /b`);
      assert.equal(list, `/b:\nmade\n\n${dir}:\nmade\n`.split('\n\n').sort().join('\n\n'), list);
    });

    test('A22: a container that writes to what started it', () => {
      const programs = [runtime, 'conmon', 'sh'].map((name) =>
        realpathSync(runProgram('sh', '-c', `command -v ${name}`).trim()),
      );
      const sums = (): string[] =>
        programs.map((path) => createHash('sha256').update(readFileSync(path)).digest('hex'));
      const before_ = sums();
      const tag = image(
        'overwrites',
        'RUN printf "#!/proc/self/exe\\n" > /entry && chmod 755 /entry',
      );
      start(tag, '/entry', 'init');
      const loop =
        'while :; do for p in /proc/[0-9]*; do [ $p = /proc/$$ ] || echo x >> $p/exe; done; done 2>/dev/null';
      stays('overwriter', tag, 'sh', '-c', loop);
      for (let i = 0; i < 5; i++) checked(world.run('exec', 'overwriter', '/entry'));
      for (let i = 0; i < 5; i++) checked(world.run('exec', 'overwriter', 'true'));
      ends('overwriter');
      assert.deepEqual(sums(), before_);
    });

    test('A23: a process that is joining is not ptraced', () => {
      const context = contextOf(world, 'FROM bb\nCOPY probe /\n');
      runProgram(
        'gcc',
        '-static',
        '-O1',
        '-o',
        join(context, 'probe'),
        'test/helpers/ptrace-probe.c',
      );
      world.ok('build', '-q', '-t', 'tracer', context);
      stays('tracer', 'tracer', '/probe');
      for (let i = 0; i < 30; i++) checked(world.run('exec', 'tracer', 'true'));
      const said = world.ok('logs', 'tracer').stdout.split('\n');
      assert.equal(said[0], 'READY');
      assert.deepEqual(
        said.slice(1).filter((line) => line !== '' && line !== 'EXE /bin/busybox'),
        [],
      );
      ends('tracer');
    });

    test('A25: no cgroup file system, no user namespace to mount one in', () => {
      const said = ok(
        '--memory=50m',
        'bb',
        'sh',
        '-c',
        [
          'mount -t cgroup -o memory none /mnt && echo MOUNTED',
          'unshare -UrmC true && echo UNSHARED',
          'for f in /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/*/cgroup.procs /sys/fs/cgroup/cgroup.procs; do [ -e $f ] && (echo 1 > $f) && echo WROTE $f; done',
          'true',
        ].join('; '),
      );
      assert.equal(said, '');
    });

    test('A27: the primary group is one of the groups', () => {
      const tag = image(
        'groups',
        'RUN mkdir -p /etc && echo first:x:500: > /etc/group && echo u2:x:502:500::/: > /etc/passwd && echo secret > /f && chown 501:500 /f && chmod 704 /f',
      );
      assert.match(ok('-u', 'u2', tag, 'id', '-G'), /^500$/m);
      assert.equal(start('-u', 'u2', tag, 'cat', '/f').status, 1);
    });

    test('A28: a number is a number, and never root by accident', () => {
      const tag = image(
        'numbers',
        'RUN mkdir -p /etc && printf "1000:x:0:0::/:\\n4294967296:x:0:0::/:\\n" > /etc/passwd',
      );
      assert.equal(ok('-u', '1000', tag, 'id', '-u'), '1000\n');
      const largest = runtime === 'runc' ? '2147483647' : '4294967294';
      assert.equal(ok('-u', largest, tag, 'id', '-u'), `${largest}\n`);
      for (const user of ['4294967295', '4294967296', '-1', '0x0', '1e3', ' 0', 'a:b:c']) {
        const outcome = start(`--user=${user}`, tag, 'id', '-u');
        assert.notEqual(outcome.status, 0, user);
        assert.equal(outcome.stdout, '', user);
      }
    });

    test('A33: no abstract socket of ours', () => {
      stays('listening', 'bb');
      const sockets = ok('--network=host', 'bb', 'cat', '/proc/net/unix');
      assert.doesNotMatch(sockets, /@.*(stave|conmon|crun|runc|containers)/);
      ends('listening');
    });

    test('A34: only its own processes', () => {
      const { pid } = process;
      assert.equal(
        ok('bb', 'sh', '-c', `kill -9 ${String(pid)} 2>/dev/null; echo /proc/[0-9]*`),
        '/proc/1\n',
      );
    });

    test('A40: line breaks and other file formats in names', () => {
      for (const [args, why] of [
        [['--hostname=a\n1.2.3.4 evil'], /invalid hostname/],
        [['--add-host=a:1.2.3.4\n5.6.7.8 evil'], /invalid/],
        [['--network=../../x'], /network \.\.\/\.\.\/x not found|invalid/],
        [
          ['--sysctl=kernel.shm_rmid_forced=1+kernel.core_pattern=|/x'],
          /could not be started|invalid|not allowed/,
        ],
        [['--sysctl=kernel.core_pattern=|/x'], /not allowed|not in a separate|could not/i],
      ] as const) {
        const outcome = start(...args, 'bb', 'cat', '/etc/hosts');
        assert.equal(outcome.status, 125, `${args.join()}: ${outcome.stdout}${outcome.stderr}`);
        assert.match(outcome.stderr, why);
      }
      const home = '/x\nroot2::0:0::/:/bin/sh';
      const passwd = ok('-e', `HOME=${home}`, 'bb', 'sh', '-c', 'cat /etc/passwd 2>&1; true');
      assert.doesNotMatch(passwd, /root2/);
    });

    for (const how of ['cp', 'commit', 'diff'])
      test(`A37, A38: ${how} while the container exchanges directories for links`, async () => {
        const swap = `mkdir -p /a/b; while :; do mv /a /old; ln -s ${dir} /a; cp /a/victim /got 2>/dev/null; rm /a; mv /old /a; done`;
        stays('swapper', 'bb', 'sh', '-c', swap);
        const file = join(contextOf(world, 'x', { f: 'of ours' }), 'f');
        for (let i = 0; i < 12; i++) {
          if (how === 'cp') {
            checked(world.run('cp', file, 'swapper:/a/b/'));
            checked(world.run('cp', file, 'swapper:/a/victim'));
            const archive = checked(await world.start(['cp', 'swapper:/a', '-']));
            assert.ok(!archive.stdout.includes(canary.bytes.trim()));
          } else checked(world.run(how, 'swapper', ...(how === 'commit' ? ['taken'] : [])));
        }
        ends('swapper');
      });

    test('A37: names are literal', () => {
      stays('literal', image('names', 'RUN mkdir /d && touch "/d/*" "/d/[a]" /d/-rf /d/other'));
      for (const name of ['*', '[a]', '-rf']) {
        const to = join(world.dir, `literal-${String(name.length)}`);
        mkdirSync(to);
        world.ok('cp', `literal:/d/${name}`, to);
        assert.deepEqual(runProgram('ls', to), `${name}\n`);
        runProgram('rm', '-r', to);
      }
      ends('literal');
    });

    test("A36: the container's programs are never run for us", () => {
      const tools = ['xz', 'tar', 'gzip', 'zstd', 'git', 'cp', 'bzip2', 'unzip'];
      const fake = tools
        .flatMap((tool) => [`/usr/bin/${tool}`, `/usr/local/bin/${tool}`])
        .map((path) => `printf "#!/bin/sh\\necho ran > /marker\\n" > ${path} && chmod 755 ${path}`);
      const tag = image('tools', `RUN mkdir -p /usr/bin /usr/local/bin && ${fake.join(' && ')}`);
      stays('tools', tag);
      const context = contextOf(world, 'x', { f: 'f' });
      runProgram('tar', '-cJf', join(context, 'f.tar.xz'), '-C', context, 'f');
      world.ok('cp', join(context, 'f'), 'tools:/f');
      world.ok('cp', 'tools:/f', join(context, 'back'));
      world.ok('diff', 'tools');
      world.ok('commit', 'tools', 'with-tools');
      const add = contextOf(world, 'FROM with-tools\nADD f.tar.xz /to/\nRUN test ! -e /marker\n');
      runProgram('cp', join(context, 'f.tar.xz'), add);
      world.ok('build', '-q', add);
      assert.notEqual(world.run('exec', 'tools', 'ls', '/marker').status, 0);
      ends('tools');
    });

    test('A35: a RUN on a terminal has none', async () => {
      const context = contextOf(
        world,
        'FROM bb\nRUN ! (: > /dev/tty) 2>/dev/null && [ "$(readlink /proc/self/fd/0)" = /dev/null ] && ! tty && echo NO TERMINAL\n',
      );
      const args = ['build', '--progress=plain', '--no-cache', context];
      const terminal = openTerminal('bin/stave', args, world.env);
      assert.equal(await terminal.exit, 0, terminal.text());
      assert.match(terminal.text(), /NO TERMINAL/);
    });
  });
