import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { lockedContainer } from '../helpers/locked-container.js';

/** Each command is a podman container: what can be asked at once is. */
describe('RUN in a chroot: root of a container without privileges', () => {
  const dir = mkdtempSync(join(process.env['STAVE_TEST_DIR'] ?? tmpdir(), 'stave-chroot-'));
  const stave = lockedContainer(dir, { user: 'root', seccomp: 'docker', capabilities: 'docker' });
  const context = join(dir, 'context');
  before(() => {
    mkdirSync(context);
    writeFileSync(join(context, 'file'), 'of the context');
    busyboxContext(dir);
    assert.equal(stave('build', '-q', '-t', 'bb', '/world/busybox-context').status, 0);
  });
  after(() => {
    rmSync(dir, { recursive: true, force: true });
  });
  interface Asked {
    readonly lines: readonly string[];
    readonly flags?: string;
  }
  /** Status and words of each build, all in one container. */
  const builds = (asked: readonly Asked[]) => {
    const script = asked.map(({ lines, flags = '' }, i) => {
      writeFileSync(join(context, `D${String(i)}`), ['FROM bb', ...lines, ''].join('\n'));
      const command = `/checkout/bin/stave build --progress=plain ${flags} -f /world/context/D${String(i)}`;
      return `${command} /world/context >/world/out${String(i)} 2>&1; echo $?`;
    });
    const statuses = stave('sh', '-c', script.join('\n')).stdout.trim().split('\n').map(Number);
    return statuses.map((status, i) => ({
      status,
      stderr: readFileSync(join(dir, `out${String(i)}`), 'utf8'),
    }));
  };
  const build = (lines: readonly string[], flags = '') => {
    const [outcome] = builds([{ lines, flags }]);
    assert.ok(outcome);
    return outcome;
  };
  /** What the steps said, without the times. */
  const said = (text: string): string => text.replace(/^#\d+ [\d.]+ /gm, '');

  test('it has no way out: no capability for one, nothing open, no namespace', () => {
    const { status, stderr } = build([
      'RUN cat /proc/self/status || echo no proc; ls -A /proc /sys',
      'RUN chroot / true || echo no chroot',
      'RUN mknod /x b 8 0 || mknod /x c 1 3 || echo no mknod',
      'RUN unshare -r true || unshare -m true || echo no unshare',
      'RUN mount -t tmpfs x /mnt || echo no mount',
      'RUN cd ../../../../.. && pwd && ls -d * | grep -c world || echo inside',
      'RUN for n in 3 4 5 6 7 8 9 10 11 12; do (: <&$n) 2>/dev/null && echo "$n is open"; done; true',
      'RUN id && umask && echo quiet >/dev/null && head -c 3 /dev/zero | wc -c && echo $HOME',
      'USER 1000:1001',
      'RUN id; touch /x || echo not mine',
    ]);
    assert.equal(status, 0, stderr);
    const text = said(stderr);
    for (const line of ['no proc', 'no chroot', 'no mknod', 'no unshare', 'no mount', 'inside'])
      assert.match(text, new RegExp(`^${line}$`, 'm'));
    assert.doesNotMatch(text, /^\d+ is open$/m);
    assert.match(text, /^uid=0 gid=0 groups=0\n0022\n3\n\/$/m);
    assert.match(text, /^uid=1000 gid=1001 groups=1001$/m);
    assert.match(text, /^not mine$/m);
  });

  test('a WORKDIR that leads to another process is refused or is of the image', () => {
    const outcomes = builds([
      { lines: ['WORKDIR /proc/self/fd/7', 'RUN ls ../../../..'] },
      { lines: ['WORKDIR /proc/1/root', 'RUN ls'] },
      { lines: ['RUN ln -s /proc/1/cwd /w', 'WORKDIR /w/x', 'RUN pwd'] },
    ]);
    for (const { status, stderr } of outcomes) {
      assert.equal(status, 1);
      assert.match(stderr, /is not inside the container's root/);
    }
  });

  test('mounts: what is put into the root is taken out again, and caches keep', () => {
    writeFileSync(join(dir, 'secret'), 'hush-hush-hush');
    const lines = [
      'RUN mkdir /there && echo image >/there/f && touch -d @1000 /there',
      'RUN --mount=type=cache,target=/c echo cached >/c/f',
      'RUN --mount=type=cache,target=/c --mount=type=cache,target=/c/inner,id=other ' +
        'cat /c/f && echo x >/c/inner/g && mv /c /moved',
      'RUN --mount=type=cache,target=/c cat /c/f && ls /c',
      'RUN --mount=type=bind,target=/b --mount=type=tmpfs,target=/there cat /b/file && ls -A /there',
      'RUN --mount=type=secret,id=s cat /run/secrets/s | wc -c && rm -rf /run && ln -s /there /run',
      'RUN cat /there/f && ls -ld /there && ls -A / && ls -A /run',
    ];
    const { status, stderr } = build(lines, '--secret=id=s,src=/world/secret');
    assert.equal(status, 0, stderr);
    const text = said(stderr);
    assert.match(text, /secrets of a step in a chroot are on the disk/);
    assert.equal((text.match(/^cached$/gm) ?? []).length, 2);
    assert.match(text, /^of the context$/m);
    assert.match(text, /^14$/m);
    assert.match(text, /^image\n.*Jan {2}1 +1970 \/there$/m);
    assert.doesNotMatch(text, /hush/);
    assert.doesNotMatch(text, /^(b|c|moved)$/m);
  });

  test('a cache mount whose step was killed begins anew', () => {
    const line = 'RUN --mount=type=cache,target=/k,id=killed ls /k && echo x >/k/f && $LAST';
    writeFileSync(join(context, 'Dk'), `FROM bb\nARG LAST=true\n${line}\n`);
    const build = '/checkout/bin/stave build --progress=plain -f /world/context/Dk /world/context';
    const script = [
      `${build} --build-arg "LAST=sleep 8321" >/tmp/log 2>&1 & engine=$!`,
      'while ! pgrep -f "^sleep 8321" >/dev/null; do kill -0 $engine || exit; done',
      'kill -9 $engine; wait $engine 2>/dev/null',
      `${build} --no-cache >/world/outk 2>&1; echo $?`,
    ];
    const { stdout, stderr } = stave('sh', '-c', script.join('\n'));
    const text = readFileSync(join(dir, 'outk'), 'utf8');
    assert.equal(stdout, '0\n', `${stderr}${text}`);
    assert.doesNotMatch(text, /^#\d+ [\d.]+ f$/m);
  });

  test('what a failed step wrote to a cache mount is taken back', () => {
    const mount = 'RUN --mount=type=cache,target=/k,id=back';
    const flags = '--no-cache --cache-mount-rollback=back';
    const outcomes = builds(
      ['echo old >/k/f', 'echo half >/k/f && false', 'cat /k/f && echo new >/k/f', 'cat /k/f'].map(
        (command) => ({ lines: [`${mount} ${command}`], flags }),
      ),
    );
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      [0, 1, 0, 0],
    );
    assert.match(said(outcomes[2]?.stderr ?? ''), /^old$/m);
    assert.match(said(outcomes[3]?.stderr ?? ''), /^new$/m);
  });

  test('a link in the place of a mount point leads nothing outside', () => {
    mkdirSync(join(dir, 'canary/victim'), { recursive: true });
    const { status, stderr } = stave(
      'sh',
      '-c',
      [
        'mkdir -p /tmp/canary/victim',
        "printf 'FROM bb\\nRUN --mount=type=tmpfs,target=/d/victim rm -rf /d; ln -s /tmp/canary /d\\n' >/tmp/D",
        '/checkout/bin/stave build -q -f /tmp/D /world/context && ls -d /tmp/canary/victim',
      ].join('\n'),
    );
    assert.equal(status, 0, stderr);
  });

  test('what a chroot cannot give is refused by name', () => {
    const allow = '--allow=security.insecure';
    const cases = [
      ['RUN --network=none true', '', '--network=none'],
      ['RUN --security=insecure true', allow, '--security=insecure'],
      ['RUN true', '--shm-size=1m', '--shm-size'],
      ['RUN true', '--cgroup-parent=x', '--cgroup-parent'],
    ] as const;
    const outcomes = builds(cases.map(([line, flags]) => ({ lines: [line], flags })));
    for (const [i, { status, stderr }] of outcomes.entries()) {
      assert.equal(status, 1);
      assert.ok(stderr.includes(`${cases[i]?.[2] ?? ''} cannot be had in a chroot: unshare(2)`));
      assert.match(stderr, /^hint: .*--privileged/m);
    }
    const flags = ['--network none', '--privileged', '--read-only', '--pid container:x', '--init'];
    flags.push(
      '-v /x:/y',
      '--tmpfs /t',
      '-p 80:80',
      '--cap-add SYS_PTRACE',
      '--hostname h',
      '-m 64m',
    );
    const runs = flags.map((flag) => `/checkout/bin/stave run --rm ${flag} bb true; echo $?`);
    const { stdout, stderr } = stave('sh', '-c', runs.join('\n'));
    assert.equal(stdout, `${'125\n'.repeat(flags.length - 1)}0\n`, stderr);
    const errors = stderr.match(/^ERROR: .* cannot be had in a chroot: unshare\(2\)/gm) ?? [];
    assert.equal(errors.length, flags.length - 1, stderr);
    assert.match(stderr, /memory limit.*discarded/i);
  });

  /** What a script of commands on containers says. */
  const containers = (lines: readonly string[]) => {
    const script = [
      'PATH=$PATH:/checkout/bin',
      `left() { pgrep -fc '^sleep 6[0-9]{3}'; }`,
      ...lines,
    ];
    const { stdout, stderr } = stave('sh', '-c', `exec 2>&1; ${script.join('\n')}`);
    assert.doesNotMatch(stderr, /^ERROR/m);
    return stdout.replace(/^WARNING: the container runs in a chroot .*\n/gm, '');
  };

  test('containers: run and its kin, and nothing of one is left at its end', () => {
    const said = containers([
      `stave run -d --name one -u 1000:1001 bb sh -c '(sleep 6001 &); setsid sleep 6002 & echo up; exec sleep 6003' >/dev/null`,
      'until [ "$(left)" = 3 ]; do :; done; stave logs one',
      'stave ps --format "{{.Names}} {{.State}}"',
      `stave exec one sh -c 'id; exit 3'; echo "exec: $?"`,
      `echo given | stave exec -i -u 0 -w /bin -e A=b one sh -c 'cat; pwd; echo $A; touch /made'`,
      'stave exec one nope; echo "exec: $?"',
      `echo typed | script -qec "stave exec -it one sh -c 'test -t 0 && echo terminal; read x; echo got \\$x; exit 4'; echo ended \\$?" /dev/null | tr -d '\\r' | grep -E '^(terminal|got typed|ended 4)$'`,
      'stave exec --privileged one true 2>/dev/null; echo "exec: $?"',
      'stave exec -d one sleep 6004; until [ "$(left)" = 4 ]; do :; done',
      'stave top one -o pid,args | grep -c "sleep 600"',
      'stave pause one && stave ps --format "{{.State}}" && stave unpause one',
      'stave diff one; stave stop -t 0 one; echo "left: $(left)"',
      'stave start one; until [ "$(left)" = 3 ]; do :; done; stave kill one; stave wait one; echo "left: $(left)"',
      'stave rm one',
    ]);
    const asked = 'uid=1000 gid=1001 groups=1001\nexec: 3\ngiven\n/bin\nb\n';
    const nope = 'ERROR: exec: "nope": executable file not found in $PATH\n\n';
    const hint = 'hint: is it installed in the image, and is it spelled right?\nexec: 127\n';
    const onTerminal = 'terminal\ngot typed\nended 4\nexec: 1\n';
    assert.equal(
      said,
      `up\none running\n${asked}${nope}${hint}${onTerminal}4\none\npaused\none\nA /made\none\nleft: 0\n` +
        'one\none\n137\nleft: 0\none\n',
    );
  });

  test('containers: output, input, a terminal, exit codes', () => {
    const said = containers([
      `stave run --name two bb sh -c 'echo out; echo err >&2; exit 7'; echo $?`,
      'stave logs two 2>/dev/null; stave logs two 2>&1 >/dev/null; stave rm two',
      'echo given | stave run -i --rm bb cat',
      `stave run -t --rm bb sh -c 'test -t 0 && test -t 1 && echo terminal'`,
      `stave run --rm bb sh -c 'kill -9 $$'; echo $?`,
      `stave run --rm -u 7:8 --ulimit nofile=99:100 bb sh -c 'id; ulimit -n; touch /x 2>/dev/null || ls -A /proc /sys'`,
      'stave run --rm bb mount -t tmpfs x /mnt || stave run --rm bb mknod /x b 8 0 || echo confined',
    ]);
    const id = 'uid=7 gid=8 groups=8\n99\n/proc:\n\n/sys:\n';
    assert.match(said, /^(out\nerr|err\nout)\n7\nout\nerr\ntwo\ngiven\nterminal\r\n137\n/);
    assert.ok(said.includes(`\n137\n${id}`), said);
    assert.match(said, /\nconfined\n$/);
  });

  test('containers: whoever is killed, the next command tells the truth', () => {
    const run = `stave run -d --name three bb sh -c 'setsid sleep 6001 & exec sleep 6002' >/dev/null`;
    const up = 'until [ "$(left)" = 2 ]; do :; done';
    const told =
      'stave ps -a --format "{{.Names}} {{.State}}"; echo "left: $(left)"; stave rm -f three';
    const said = containers([
      `${run}; ${up}; pkill -9 conmon; ${told}`,
      `stave run --name three bb sh -c 'setsid sleep 6001 & exec sleep 6002' >/dev/null & cli=$!`,
      `${up}; kill -9 $cli; stave ps --format "{{.State}}"; stave kill three; stave wait three; ${told}`,
    ]);
    const end = 'three exited\nleft: 0\nthree\n';
    assert.equal(said, `${end}running\nthree\n137\n${end}`);
  });

  test('seccomp: root has a filter of its own, with nothing to be gained by set-user-ID', () => {
    const facts = `grep -E '^(Seccomp_filters|NoNewPrivs)' /proc/$(pgrep -f '^sleep 6001')/status`;
    const [mine, ...filters] = ['0:0', '1000:1000'].flatMap((user) => {
      const said = containers([
        'grep Seccomp_filters /proc/self/status',
        `stave run -d --name four -u ${user} bb sleep 6001 >/dev/null`,
        `until [ "$(left)" = 1 ]; do :; done; ${facts}; stave rm -f four`,
      ]);
      return said.match(/\d+/g)?.map(Number) ?? [];
    });
    assert.deepEqual(filters, [1, (mine ?? 0) + 1, mine, 0, mine]);
  });

  test('exit codes and failures are those of every rung', () => {
    const cases = [
      ['["/nope"]', /exec: "\/nope": no such file or directory/],
      ['["nope"]', /exec: "nope": executable file not found in \$PATH/],
      ['["/bin"]', /exec: "\/bin": is a directory/],
      ['["/etc/plain"]', /exec: "\/etc\/plain": permission denied/],
      ['kill -9 $$', /exit code: 137/],
      ['exit 42', /exit code: 42/],
    ] as const;
    const made = 'RUN mkdir /etc; touch /etc/plain';
    const outcomes = builds([
      ...cases.map(([run]) => ({ lines: [made, `RUN ${run}`] })),
      { lines: ['RUN ulimit -n'], flags: '--ulimit=nofile=99:100' },
    ]);
    for (const [i, [, message]] of cases.entries()) {
      assert.equal(outcomes[i]?.status, 1);
      assert.match(outcomes[i].stderr, message);
    }
    assert.match(said(outcomes.at(-1)?.stderr ?? ''), /^99$/m);
  });

  test('nothing of a step is left, whoever of its processes is killed', () => {
    const sleeps = '(sleep 4321 &); setsid sleep 4321 & setsid nohup sleep 4321 >/dev/null 2>&1 &';
    writeFileSync(
      join(context, 'Dockerfile'),
      `FROM bb\nARG LAST=true\nRUN ${sleeps} echo began; $LAST\n`,
    );
    const build = '/checkout/bin/stave build --no-cache --progress=plain';
    const script = [
      'left() { pgrep -cf "^sleep [49]321"; }',
      'gone() { while [ $(left) != 0 ] || pgrep -f "[c]hroot.cjs" >/dev/null; do :; done; }',
      `${build} /world/context >/dev/null 2>&1; echo "left: $(left)"`,
      'for who in engine supervisor step; do',
      `  ${build} --build-arg "LAST=sleep 9321" /world/context >/tmp/log 2>&1 & engine=$!`,
      '  while ! pgrep -f "^sleep 9321" >/dev/null; do kill -0 $engine || exit; done',
      '  supervisor=$(pgrep -f "[c]hroot.cjs supervise" | head -1)',
      '  step=$(pgrep -f "^sleep 9321")',
      '  eval "kill -9 \\$$who"; wait $engine 2>/dev/null; gone; echo "$who: $(left)"',
      'done',
    ];
    const { stdout, stderr } = stave('sh', '-c', script.join('\n'));
    assert.equal(stdout, 'left: 0\nengine: 0\nsupervisor: 0\nstep: 0\n', stderr);
  });
});
