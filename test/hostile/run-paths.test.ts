import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, afterEach, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { plantCanary } from '../helpers/canary.js';
import { mountsOf } from '../helpers/mounts.js';
import { contextOf } from '../helpers/run-context.js';
import { type Outcome, staveWorld } from '../helpers/stave.js';

/** RELIABILITY 1A: images and steps that try to lead the engine out of their root. */
describe('paths and mounts of a RUN', () => {
  const world = staveWorld();
  const canary = plantCanary();
  const { dir } = canary;
  let before_: { tree: readonly string[]; mounts: readonly string[] };
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  });
  after(() => {
    world[Symbol.dispose]();
    canary[Symbol.dispose]();
  });
  beforeEach(() => {
    before_ = { tree: canary.tree(), mounts: mountsOf(world.dir, dir) };
  });
  afterEach(() => {
    assert.deepEqual(canary.tree(), before_.tree);
    assert.deepEqual(mountsOf(world.dir, dir), before_.mounts);
  });

  const build = (dockerfile: string, ...args: string[]): Outcome => {
    const outcome = world.run(
      'build',
      '--progress=plain',
      '--no-cache',
      '-t',
      'hostile',
      ...args,
      contextOf(world, dockerfile, { 'a.txt': 'a' }),
    );
    assert.ok(!outcome.stderr.includes(canary.bytes.trim()), 'bytes of the canary');
    assert.doesNotMatch(outcome.stderr, /^\s+at .*:\d+:\d+/m);
    return outcome;
  };
  const contained = (dockerfile: string, ...args: string[]): Outcome => {
    const outcome = build(dockerfile, ...args);
    assert.equal(outcome.status, 0, outcome.stderr);
    return outcome;
  };
  const refused = (dockerfile: string, why: RegExp, ...args: string[]): void => {
    const outcome = build(dockerfile, ...args);
    assert.equal(outcome.status, 1, outcome.stderr);
    assert.match(outcome.stderr, why);
  };

  test('A4: WORKDIR through a link of the image is made inside the root', () => {
    contained(
      `FROM bb\nRUN ln -s ${dir} /w\nWORKDIR /w/sub\nUSER 1234\nRUN pwd && touch here || true\n`,
    );
    assert.equal(
      world.ok('run', '--rm', 'hostile', 'ls', '-d', `${dir}/sub`).stdout,
      `${dir}/sub\n`,
    );
  });

  const swaps = [
    `rm -rf /d; mv /d /gone; ln -s ${dir} /d`,
    `mv /d /gone && ln -s ${dir} /d`,
    `mv /d /gone && ln -s ../../../../../..${dir} /d`,
  ];
  for (const swap of swaps) {
    for (const [mount, target] of [
      ['type=tmpfs', '/d/empty'],
      ['type=tmpfs', '/d/e/f'],
      ['source=a.txt', '/d/nothing'],
      ['type=secret,id=s', '/d/nothing'],
    ]) {
      test(`A5: ${mount ?? ''} on ${target ?? ''}, then ${swap.replace(dir, 'CANARY')}`, () => {
        contained(
          `FROM bb\nRUN --mount=${mount ?? ''},target=${target ?? ''} (${swap}) 2> /dev/null; true\n`,
          '--secret=id=s,env=HOME',
        );
      });
    }
  }

  const swapper = (path: string): string =>
    `i=0; while [ $i -lt 400 ]; do i=$((i+1)); ln -sfn ${dir} ${path}.l; mv -T ${path}.l ${path} 2>/dev/null || { rm -rf ${path}; mv -T ${path}.l ${path}; }; rm -f ${path}; mkdir -p ${path}/x/y; done`;

  test('A6, A7: a source in a cache mount while another step exchanges it for a link', () => {
    const victims = Array.from(
      { length: 12 },
      (_, i) =>
        `RUN --mount=type=cache,id=c,target=/c mkdir -p /c/s 2> /dev/null; true\nRUN --mount=type=cache,id=c,source=s,target=/v : ${String(i)}; cat /v/victim /v${dir}/victim 2> /dev/null; true`,
    );
    const attack = `FROM bb AS attacker\nRUN --mount=type=cache,id=c,target=/c ${swapper('/c/s')}; touch /done\n`;
    const outcome = build(
      `${attack}FROM bb AS victim\n${victims.join('\n')}\nFROM bb\nCOPY --from=attacker /done /\nCOPY --from=victim /bin/true /x\n`,
    );
    // A source that is not there at that moment is refused: never the host's.
    if (outcome.status !== 0)
      assert.match(outcome.stderr, /source \/s is not in the cache mount|removed by another step/);
  });

  test('A7: the same between two builds', async () => {
    const attack = contextOf(
      world,
      `FROM bb\nRUN --mount=type=cache,id=c7,target=/c ${swapper('/c/s')}\n`,
    );
    const victim = contextOf(
      world,
      `FROM bb\n${Array.from({ length: 8 }, (_, i) => `RUN --mount=type=cache,id=c7,target=/c --mount=type=cache,id=c7,source=/,target=/v : ${String(i)}; cat /v/s/victim 2> /dev/null; true`).join('\n')}\n`,
    );
    const outcomes = await Promise.all(
      [attack, victim].map((context) =>
        world.start(['build', '--progress=plain', '--no-cache', context]),
      ),
    );
    for (const { status, stderr } of outcomes) {
      assert.equal(status, 0, stderr);
      assert.ok(!stderr.includes(canary.bytes.trim()));
    }
  });

  test('A8: a bind source that is a link to the root', () => {
    contained(
      'FROM bb AS b\nRUN ln -s / /r\nFROM bb\nRUN --mount=type=bind,from=b,source=/r,target=/x,rw touch /x/BREAK\n',
    );
    assert.equal(existsSync('/BREAK'), false);
  });

  test('A9: an id is no path, a source stays inside', () => {
    for (const id of [`../../../..${dir}`, '/', 'a/b', '..', `${dir}/victim`])
      contained(`FROM bb\nRUN --mount=type=cache,id=${id},target=/t touch /t/made && ls /t\n`);
    contained(`FROM bb\nRUN --mount=type=cache,id=,target=/t touch /t/made\n`);
    refused(
      `FROM bb\nRUN --mount=type=cache,id=src,source=../../..${dir},target=/t touch /t/made\n`,
      /is not in the cache mount/,
    );
  });

  for (const option of ['bind-propagation=suid', 'ro=maybe', 'propagation=shared'])
    test(`A10: ${option}`, () => {
      refused(
        `FROM bb\nRUN --mount=type=bind,${option},target=/x true\n`,
        new RegExp(option.split('=')[0] ?? ''),
      );
    });

  test('A11, A12: a target below a cache mount while another step exchanges its directories', () => {
    const victims = Array.from(
      { length: 12 },
      (_, i) =>
        `RUN --mount=type=cache,id=n,target=/c --mount=type=tmpfs,target=/c/s/x : ${String(i)}; touch /c/s/x/made; true`,
    );
    const outcome = build(
      `FROM bb AS attacker\nRUN --mount=type=cache,id=n,target=/c ${swapper('/c/s')}; touch /done\nFROM bb AS victim\n${victims.join('\n')}\nFROM bb\nCOPY --from=attacker /done /\nCOPY --from=victim /bin/true /x\n`,
    );
    if (outcome.status !== 0)
      assert.match(outcome.stderr, /mount target \/c\/s\/x|removed by another step/);
    assert.equal(existsSync(`${dir}/x`), false);
    assert.equal(existsSync('/c/s'), false);
  });

  test('A13: /dev/null as a link into /proc, a mount over /dev', () => {
    const pattern = readFileSync('/proc/sys/kernel/core_pattern', 'utf8');
    const context = rootWith({
      'dev/null': '/proc/sys/kernel/core_pattern',
      'dev/pts': '/proc/sys/kernel',
    });
    world.run('build', '-t', 'devnull', context);
    world.run(
      'build',
      contextOf(
        world,
        'FROM devnull\nRUN echo x > /dev/null; echo x > /proc/sys/kernel/core_pattern; true\n',
      ),
    );
    assert.equal(readFileSync('/proc/sys/kernel/core_pattern', 'utf8'), pattern);
    refused('FROM bb\nRUN --mount=type=cache,target=/dev true\n', /is not allowed/);
  });

  for (const target of [
    '/proc',
    '/proc/',
    '/proc/self/attr',
    '/proc/sys',
    '/proc/1',
    '/sys',
    '/sys/fs/cgroup',
    '/dev',
    '/dev/pts',
    '/x/../proc',
    '/link/sys',
    '/up',
  ])
    test(`A15, A17: a mount on ${target}`, () => {
      const links = 'RUN ln -s /proc /link && ln -s ../../../proc/self /up\n';
      for (const type of ['tmpfs', 'cache', 'bind'])
        refused(
          `FROM bb\n${links}RUN --mount=type=${type},target=${target} true\n`,
          /mount target \S+ .*under \/proc, \/sys or \/dev is not allowed/,
        );
    });

  test('A15: a cache mount that holds a link to /proc', () => {
    contained(
      'FROM bb\nRUN --mount=type=cache,id=p,target=/c rm -rf /c/p; ln -s /proc /c/p; ln -sfn / /c/root\n',
    );
    refused(
      'FROM bb\nRUN --mount=type=cache,id=p,target=/c --mount=type=tmpfs,target=/c/p/self true\n',
      /mount target/,
    );
    refused(
      'FROM bb\nRUN --mount=type=cache,id=p,target=/c --mount=type=tmpfs,target=/c/root true\n',
      /it is the root/,
    );
  });

  for (const name of ['dev', 'proc', 'sys'])
    for (const lead of [dir, `../../../..${dir}`])
      test(`A16: /${name} is a link to ${lead.replace(dir, 'CANARY')}`, () => {
        const outcome = world.run(
          'build',
          rootWith({ [name]: lead }, 'RUN ["/bin/sh","-c","true"]'),
        );
        assert.equal(outcome.status, 1);
        assert.match(outcome.stderr, new RegExp(`/${name} of the image is not a directory`));
      });
  for (const name of ['etc', 'run', 'tmp', 'var'])
    test(`A16, A19: /${name} is a link to CANARY`, () => {
      const outcome = world.run(
        'build',
        rootWith(
          { [name]: dir },
          'RUN --mount=type=secret,id=s ["/bin/sh","-c","echo x >> /etc/hosts; true"]',
        ),
        '--secret=id=s,env=HOME',
      );
      assert.equal(outcome.status, 0, outcome.stderr);
    });

  test('A29: device nodes of a base layer and of a step are only names', () => {
    contained(
      'FROM bb AS base\nRUN mknod /zero c 1 5 && mknod /disk b 8 0\nFROM base\nRUN ! head -c1 /zero && ! cat /disk\nFROM bb\nCOPY --from=base /zero /copied\nRUN ! head -c1 /copied && mknod /own c 1 5 && ! head -c1 /own\n',
    );
  });

  test('A29: nor are they more in /dev, whose own devices stay the own ones of a step', () => {
    contained(
      'FROM bb\nRUN mknod /dev/own c 1 5 && ! head -c1 /dev/own && mknod /dev/loop b 7 0 && ! cat /dev/loop\nRUN [ $(head -c3 /dev/zero | wc -c) = 3 ] && chmod 600 /dev/null && chown 7:7 /dev/zero\nUSER 7\nRUN [ "$(stat -c %a%u /dev/null)" = 6660 ] || [ "$(stat -c %a%u /dev/null)" = 6667 ]\n',
    );
    const { mode, uid } = statSync('/dev/null');
    assert.deepEqual([mode & 0o777, uid], [0o666, 0]);
  });

  test('A30: /dev/shm is 64 MiB and goes with the step', () => {
    contained(
      'FROM bb\nRUN dd if=/dev/zero of=/dev/shm/f bs=1M count=200; [ $(stat -c %s /dev/shm/f) -le 67108864 ]\nRUN [ ! -e /dev/shm/f ]\n',
    );
  });

  for (const [flag, why] of [
    ['--security=insecure', /--allow security\.insecure/],
    ['--security=INSECURE', /invalid security mode "INSECURE"/],
    ['--security=bogus', /invalid security mode "bogus"/],
    ['--network=host', /--allow network\.host/],
    ['--network=../../x', /invalid network mode/],
    ['--device=vendor1.com/device=foo,required', /not registered|not allowed/],
  ] as const)
    test(`A31: ${flag} without the word of the command line`, () => {
      refused(`FROM bb\nRUN ${flag} true\n`, why);
    });

  test('A39: writes to the context stay in the step', () => {
    const context = contextOf(
      world,
      'FROM bb\nRUN --mount=type=bind,rw,target=/c touch /c/leak && rm /c/Dockerfile && echo b > /c/a.txt\n',
      { 'a.txt': 'a' },
    );
    world.ok('build', '-q', context);
    assert.equal(existsSync(join(context, 'leak')), false);
    assert.equal(readFileSync(join(context, 'a.txt'), 'utf8'), 'a');
    assert.equal(existsSync(join(context, 'Dockerfile')), true);
  });

  for (const [name, args] of Object.entries({
    hostname: ['--build-arg=BUILDKIT_SANDBOX_HOSTNAME=a\n1.2.3.4 evil'],
    host: ['--add-host=a:1.2.3.4\n5.6.7.8 evil'],
  }))
    test(`A40: a line break in a ${name}`, () => {
      refused('FROM bb\nRUN cat /etc/hosts\n', /invalid/, ...args);
    });

  /** An image from scratch whose root has links in the place of directories. */
  function rootWith(links: Readonly<Record<string, string>>, run = 'CMD ["sh"]'): string {
    const context = contextOf(world, `FROM scratch\nCOPY root /\n${run}\n`);
    mkdirSync(join(context, 'root/bin'), { recursive: true });
    copyFileSync('/bin/busybox', join(context, 'root/bin/busybox'));
    for (const tool of ['sh', 'true', 'cat'])
      symlinkSync('busybox', join(context, 'root/bin', tool));
    for (const [path, lead] of Object.entries(links)) {
      mkdirSync(join(context, 'root', path, '..'), { recursive: true });
      symlinkSync(lead, join(context, 'root', path));
    }
    writeFileSync(join(context, '.dockerignore'), 'Dockerfile\n');
    return context;
  }
});
