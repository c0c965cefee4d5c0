import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { tarOf } from '../helpers/archives.js';
import { busyboxContext } from '../helpers/busybox.js';
import { type Outcome, staveWorld } from '../helpers/stave.js';

const which = (name: string): string =>
  spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();

describe('what a step can see and do', () => {
  const world = staveWorld();
  let runcOnly = '';
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    runcOnly = join(world.dir, 'runc-only');
    mkdirSync(runcOnly);
    for (const name of ['runc', 'node', 'unshare', 'readlink', 'sh'])
      symlinkSync(which(name), join(runcOnly, name));
  });
  after(() => {
    world[Symbol.dispose]();
  });

  let count = 0;
  const context = (
    dockerfile: string,
    files: Readonly<Record<string, Uint8Array>> = {},
  ): string => {
    const at = join(world.dir, `context-${count++}`);
    mkdirSync(at);
    writeFileSync(join(at, 'Dockerfile'), dockerfile);
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(at, name), bytes);
    return at;
  };
  const build = (dockerfile: string, files?: Readonly<Record<string, Uint8Array>>): Outcome =>
    world.run('build', '--progress=plain', '--no-cache', context(dockerfile, files));
  const withPath = (path: string | undefined, ...args: string[]): Outcome => {
    const env = path === undefined ? world.env : { ...world.env, PATH: path };
    const run = spawnSync('bin/stave', args, { env, encoding: 'utf8' });
    return { status: run.status, stdout: run.stdout, stderr: run.stderr };
  };

  for (const kind of ['crun', 'runc']) {
    test(`${kind}: A26: capabilities, seccomp and no_new_privs of root and of a user`, () => {
      const path = kind === 'runc' ? runcOnly : undefined;
      const status =
        'RUN grep -E "^(Cap|NoNew|Seccomp:)" /proc/self/status | tr -d "\\t" | tr "\\n" " "; id -G';
      const at = context(`FROM bb\n${status}\nUSER 1000:7\n${status}\n`);
      const { stderr } = withPath(path, 'build', '--progress=plain', '--no-cache', at);
      const [root = '', user = ''] = [...stderr.matchAll(/CapInh.*/g)].map(([line]) => line);
      const caps = (inForce: string): string =>
        `CapInh:0000000000000000 CapPrm:${inForce} CapEff:${inForce} CapBnd:00000000a80425fb CapAmb:0000000000000000 NoNewPrivs:0 Seccomp:2`;
      assert.equal(root, `${caps('00000000a80425fb')} 0`, stderr);
      assert.equal(user, `${caps('0000000000000000')} 7`);
    });

    test(`${kind}: A16: a /dev, /proc or /sys that is no directory is refused before anything starts`, () => {
      const path = kind === 'runc' ? runcOnly : undefined;
      const canary = join(world.dir, `canary-${kind}`);
      mkdirSync(canary);
      writeFileSync(join(canary, 'ptmx'), 'mine');
      for (const name of ['dev', 'proc', 'sys']) {
        const layer = tarOf({ name, type: 'symlink', link: canary });
        const at = context('FROM scratch\nADD l.tar /\nCOPY --from=bb /bin /bin\nRUN true\n', {
          'l.tar': layer,
        });
        const { status, stderr } = withPath(path, 'build', '--progress=plain', at);
        assert.equal(status, 1);
        assert.match(stderr, new RegExp(`/${name} of the image is not a directory`));
      }
      assert.deepEqual(readdirSync(canary), ['ptmx']);
      assert.equal(readFileSync(join(canary, 'ptmx'), 'utf8'), 'mine');
    });
  }

  test('A3: no descriptor but 0, 1 and 2, whatever we were started with', () => {
    const fds = [openSync('/', 'r'), openSync(world.dir, 'r'), openSync('/dev/zero', 'r')];
    const at = context(
      'FROM bb\nRUN ls -l /proc/self/fd | grep -c -- "->" && readlink /proc/self/fd/0\n',
    );
    const run = spawnSync('bin/stave', ['build', '--progress=plain', '--no-cache', at], {
      env: world.env,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe', ...fds, ...fds, ...fds],
    });
    assert.equal(run.status, 0, run.stderr);
    // ls lists the directory it has open as well, and cannot read that link any more.
    assert.match(run.stderr, /^#\d+ [\d.]+ 3$/m);
    assert.match(run.stderr, /^#\d+ [\d.]+ \/dev\/null$/m);
  });

  test("a step's output can be opened by its names, by a user as well", () => {
    const words =
      'RUN echo said > /dev/stderr && echo told > /dev/stdout && echo both | tee /dev/stderr\n';
    const { status, stderr } = build(`FROM bb\n${words}USER 7\n${words}`);
    assert.equal(status, 0, stderr);
    for (const [word, times] of [
      ['said', 2],
      ['told', 2],
      ['both', 4],
    ] as const)
      assert.equal(stderr.match(new RegExp(`^#\\d+ [\\d.]+ ${word}$`, 'gm'))?.length, times, word);
  });

  test('A1, A2: a working directory that leaves the root is refused', () => {
    const secret = join(world.dir, 'secret');
    writeFileSync(secret, 'CANARY BYTES');
    const cases = [
      ...[3, 7, 8, 9, 20].map((fd) => `WORKDIR /proc/self/fd/${fd}`),
      'RUN ln -s /proc/self/fd/7 /w\nWORKDIR /w/x',
      'RUN ln -s /proc/1/cwd /w\nWORKDIR /w',
      'WORKDIR /proc/self/cwd',
    ];
    for (const lines of cases) {
      const { status, stderr } = build(
        `FROM bb\n${lines}\nRUN cat ../../../..${secret}; ls ../../..\n`,
      );
      assert.equal(status, 1, `${lines}: ${stderr}`);
      assert.ok(!stderr.includes('CANARY BYTES'));
    }
    for (const fd of [3, 7, 8]) {
      const run = world.run(
        'run',
        '--rm',
        '-w',
        `/proc/self/fd/${fd}`,
        'bb',
        'cat',
        `../../..${secret}`,
      );
      assert.equal(run.status, 125, run.stderr);
      assert.ok(!run.stdout.includes('CANARY'));
    }
  });

  test('A18: passwd as a pipe, a link out, a giant: no hang, nothing of the host', () => {
    for (const make of [
      'mkfifo /etc/passwd',
      'ln -s /proc/self/fd /etc/passwd',
      'truncate -s 11M /etc/passwd',
    ]) {
      const base = `FROM bb\nRUN mkdir -p /etc && ${make}\n`;
      assert.equal(build(`${base}USER 7\nRUN true\n`).status, 0, make);
      assert.match(build(`${base}USER app\nRUN true\n`).stderr, /unable to find user app/);
    }
  });

  test('A24: masked files are empty, read-only ones cannot be written', () => {
    const { stderr } = build(
      'FROM bb\nRUN for f in /proc/kcore /proc/keys /proc/timer_list /proc/interrupts; do [ ! -e $f ] || [ "$(wc -c < $f)" = 0 ] || echo OPEN $f; done\n' +
        'RUN for f in /proc/sys/kernel/hostname /proc/sysrq-trigger; do [ ! -e $f ] || (echo x > $f) 2>&1 | grep -q "Read-only" || echo WRITABLE $f; done\n' +
        'RUN mount -t tmpfs x /mnt 2>/dev/null && echo MOUNTED; unshare -U true 2>/dev/null && echo UNSHARED; true\n',
    );
    assert.doesNotMatch(stderr, /^#\d+ [\d.]+ (OPEN|WRITABLE|MOUNTED|UNSHARED)/m);
    assert.match(stderr, /exporting to image/);
  });
});
