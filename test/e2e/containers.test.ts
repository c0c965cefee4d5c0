import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { spawn as spawnPty } from '@lydell/node-pty';
import { busyboxContext } from '../helpers/busybox.js';
import { processesOf } from '../helpers/processes.js';
import { type Outcome, staveWorld } from '../helpers/stave.js';

describe('containers in the foreground', () => {
  const world = staveWorld();
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    const at = join(world.dir, 'app');
    mkdirSync(at);
    writeFileSync(
      join(at, 'Dockerfile'),
      'FROM bb\nENV A=image B=image\nWORKDIR /work\nRUN echo "app:x:1000:1001::/home/app:" > /etc/passwd && echo x > /data && chmod 644 /data\nENTRYPOINT ["echo","entry"]\nCMD ["cmd"]\n',
    );
    world.ok('build', '-q', '-t', 'app', at);
  });
  after(() => {
    world[Symbol.dispose]();
  });
  const withInput = (input: string, ...args: string[]): Outcome => {
    const run = spawnSync('bin/stave', args, { env: world.env, encoding: 'utf8', input });
    return { status: run.status, stdout: run.stdout, stderr: run.stderr };
  };
  const run = (...args: string[]): Outcome => world.run('run', '--rm', ...args);
  const left = (): string[] => readdirSync(join(world.root, 'containers'));

  test('-i passes stdin on; without it stdin is empty', () => {
    const input = 'a\nb\n'.repeat(20_000);
    assert.equal(withInput(input, 'run', '-i', '--rm', 'bb', 'wc', '-l').stdout.trim(), '40000');
    assert.equal(withInput(input, 'run', '--rm', 'bb', 'wc', '-l').stdout.trim(), '0');
  });

  test('stdout and stderr stay apart', () => {
    const { stdout, stderr } = run('bb', 'sh', '-c', 'echo out; echo err >&2');
    assert.deepEqual([stdout, stderr], ['out\n', 'err\n']);
  });

  test('exit codes go through: 0 to 255', () => {
    for (const code of [0, 1, 2, 3, 100, 124, 125, 126, 127, 128, 137, 254, 255])
      assert.equal(run('bb', 'sh', '-c', `exit ${code}`).status, code);
  });

  const FAILURES: readonly (readonly [args: readonly string[], status: number, message: RegExp])[] =
    [
      [
        ['bb', 'nosuch'],
        127,
        /^ERROR: exec: "nosuch": executable file not found in \$PATH\n\nhint: .*\n$/,
      ],
      [
        ['bb', '/no/such'],
        127,
        /^ERROR: exec: "\/no\/such": no such file or directory\n\nhint: .*\n$/,
      ],
      [['bb', '/bin'], 126, /^ERROR: exec: "\/bin": is a directory\n$/],
      [['--entrypoint', '/data', 'app'], 126, /^ERROR: exec: "\/data": permission denied\n$/],
      [
        ['-w', 'relative', 'bb', 'pwd'],
        125,
        /^ERROR: the working directory 'relative' is invalid, it needs to be an absolute path\n$/,
      ],
      [['-u', 'nobody', 'bb', 'id'], 125, /^ERROR: unable to find user nobody/],
      [['-u', '4294967295', 'bb', 'id'], 125, /^ERROR: invalid user "4294967295"/],
      [['--nonsense', 'bb'], 125, /^ERROR: unknown flag: --nonsense/],
      [['--volum=/x', 'bb'], 125, /did you mean --volume\?/],
      [['-v', '/x:/y:foo', 'bb'], 125, /^ERROR: invalid mode: foo/],
      [[], 1, /requires at least 1 argument/],
      [['--name=-x', 'bb'], 125, /^ERROR: Invalid container name \(-x\)/],
      [['-it', 'bb', 'true'], 1, /^ERROR: the input device is not a TTY/],
      [
        ['127.0.0.1:1/none', 'true'],
        125,
        /^Unable to find image '127\.0\.0\.1:1\/none:latest' locally\nlatest: Pulling from none\nERROR: registry/,
      ],
    ];
  for (const [args, status, message] of FAILURES) {
    test(`run ${args.join(' ')}: ${status}`, () => {
      const outcome = run(...args);
      assert.match(outcome.stderr, message);
      assert.equal(outcome.status, status);
      assert.equal(outcome.stdout, '');
      assert.deepEqual(left(), []);
    });
  }

  test('a process that a signal ends: 128 and its number', () => {
    for (const [signal, code] of [
      ['TERM', 143],
      ['KILL', 137],
      ['HUP', 129],
    ] as const)
      assert.equal(run('bb', 'sh', '-c', `sh -c 'kill -${signal} $$'; exit $?`).status, code);
  });

  test('entrypoint and command, environment, working directory, user', () => {
    const out = (...args: string[]): string => run(...args).stdout.trimEnd();
    assert.equal(out('app'), 'entry cmd');
    assert.equal(out('app', 'other', 'two'), 'entry other two');
    assert.equal(out('--entrypoint', 'pwd', 'app'), '/work');
    assert.equal(out('--entrypoint=', 'app', 'echo', 'bare'), 'bare');
    assert.match(run('--entrypoint=', 'app').stderr, /No command specified/);
    assert.equal(out('-w', '/made/here', 'bb', 'pwd'), '/made/here');
    assert.equal(
      out('-e', 'A=run', '-e', 'HOME=/h', '--entrypoint', 'sh', 'app', '-c', 'echo $A $B $HOME'),
      'run image /h',
    );
    const env = { ...world.env, FROM_HOST: 'host' };
    const passed = spawnSync(
      'bin/stave',
      ['run', '--rm', '-e', 'FROM_HOST', '-e', 'NOT_SET', 'bb', 'env'],
      { env, encoding: 'utf8' },
    );
    assert.match(passed.stdout, /^FROM_HOST=host$/m);
    assert.doesNotMatch(passed.stdout, /NOT_SET|STAVE_/);
    assert.equal(
      out('-u', 'app', '--entrypoint', 'sh', 'app', '-c', 'id -u; id -g; echo $HOME'),
      '1000\n1001\n/home/app',
    );
    assert.equal(out('-u', '5:6', 'bb', 'sh', '-c', 'id -u; id -g'), '5\n6');
  });

  test('hostname is the start of the id; /etc/hosts knows it', () => {
    world.ok(
      'run',
      '--name',
      'host',
      'bb',
      'sh',
      '-c',
      'hostname; grep -c "$(hostname)" /etc/hosts',
    );
    const [id = ''] = world.ok('ps', '-aq').stdout.split('\n');
    assert.match(id, /^[0-9a-f]{12}$/);
    assert.equal(world.ok('run', '--rm', 'bb', 'hostname').stdout.trim().length, 12);
    world.ok('rm', 'host');
  });

  test("names: docker's conflict, found by name, id and prefix; of two at once one wins", async () => {
    world.ok('run', '--name', 'mine', 'bb', 'true');
    const id = world.ok('ps', '-aq', '--no-trunc').stdout.trim();
    assert.equal(
      world.run('run', '--name', 'mine', 'bb', 'true').stderr.split('\n')[0],
      `ERROR: Conflict. The container name "/mine" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`,
    );
    assert.match(
      world.run('rm', 'mime').stderr,
      /^ERROR: No such container: mime\n\nhint: did you mean mine\?\n$/,
    );
    assert.equal(world.ok('inspect', '-f', '{{.Id}}', id.slice(0, 5)).stdout.trim(), id);
    assert.equal(world.ok('rm', id.slice(0, 7)).stdout, `${id.slice(0, 7)}\n`);
    const both = await Promise.all(
      [1, 2].map(() => world.start(['run', '--name', 'twin', 'bb', 'true'])),
    );
    assert.deepEqual(both.map(({ status }) => status).sort(), [0, 125]);
    world.ok('rm', 'twin');
  });

  test('a container keeps its own layer; the image and others do not see it', () => {
    world.ok('run', '--name', 'writer', 'bb', 'sh', '-c', 'echo mine > /own');
    assert.equal(run('bb', 'cat', '/own').status, 1);
    world.ok('rm', 'writer');
    assert.deepEqual(left(), []);
  });

  test("ls -a: docker's columns", () => {
    world.ok(
      'run',
      '--name',
      'listed',
      'bb',
      'sh',
      '-c',
      'exit 0; a command longer than twenty characters',
    );
    assert.equal(
      world.ok('ps').stdout,
      'CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES\n',
    );
    const [head = '', row = ''] = world.ok('container', 'ls', '-a').stdout.split('\n');
    assert.match(
      head,
      /^CONTAINER ID {3}IMAGE {5}COMMAND {18}CREATED {2,}STATUS {2,}PORTS {5}NAMES$/,
    );
    assert.match(
      row,
      /^[0-9a-f]{12} {3}bb {8}"sh -c 'exit 0; a co…"|^[0-9a-f]{12} {3}bb {8}"sh -c exit 0; a com…"/,
    );
    assert.match(row, /(Less than a second|\d+ seconds?) ago {2,}Exited \(0\) .* ago {2,}listed$/);
    const [json = ''] = world.ok('ps', '-a', '--format', 'json').stdout.split('\n');
    const object = JSON.parse(json) as Record<string, string>;
    assert.deepEqual(Object.keys(object), Object.keys(object).sort());
    assert.match(object['CreatedAt'] ?? '', /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC$/);
    assert.equal(
      world.ok('ps', '-a', '--format', '{{.Names}}|{{.Labels}}|{{.State}}').stdout,
      'listed||exited\n',
    );
    world.ok('rm', 'listed');
  });

  test('a running one is listed, not removed without force; rm -f ends it and everything in it', async () => {
    const started = world.start([
      'run',
      '--name',
      'long',
      'bb',
      'sh',
      '-c',
      'sleep 1000 & sleep 1000',
    ]);
    while (!world.ok('ps').stdout.includes('long'));
    assert.match(world.ok('ps').stdout, /Up (Less than a second|\d+ seconds?) .*long$/m);
    assert.match(
      world.run('rm', 'long').stderr,
      /^ERROR: cannot remove container "\/long": container is running: stop the container before removing or force remove\n/,
    );
    world.ok('rm', '-f', 'long');
    await started;
    assert.equal(world.ok('ps', '-aq').stdout, '');
    assert.deepEqual(left(), []);
  });

  for (const [signal, sent] of [
    ['SIGTERM', 'TERM'],
    ['SIGINT', 'INT'],
    ['SIGHUP', 'HUP'],
    ['SIGUSR1', 'USR1'],
  ] as const) {
    test(`${signal} goes to the process in the container, whose exit code counts`, async () => {
      const script = `trap 'echo got; exit 42' ${sent}; echo ready; while :; do sleep 0.05; done`;
      const child = spawn('bin/stave', ['run', '--rm', 'bb', 'sh', '-c', script], {
        env: world.env,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let out = '';
      child.stdout.on('data', (data: Buffer) => {
        out += data.toString();
        if (out === 'ready\n') child.kill(signal);
      });
      const code = await new Promise((resolve) => child.on('close', resolve));
      assert.deepEqual([code, out], [42, 'ready\ngot\n']);
    });
  }

  /** A run on a terminal; `type` is typed once `after` was seen. */
  const onTerminal = (
    args: string[],
    typed: readonly (readonly [after: RegExp, type: string])[] = [],
    size = { cols: 80, rows: 24 },
  ): Promise<{ code: number; text: string }> => {
    const env = { ...world.env, TERM: 'xterm' } as Record<string, string>;
    const pty = spawnPty('bin/stave', args, { ...size, cwd: process.cwd(), env });
    const todo = [...typed];
    let text = '';
    pty.onData((data) => {
      text += data;
      if (todo[0]?.[0].test(text) === true) pty.write(todo.shift()![1]);
    });
    return new Promise((resolve) => {
      pty.onExit(({ exitCode }) => {
        resolve({ code: exitCode, text });
      });
    });
  };

  test(
    '-it: a terminal of the same size, TERM, echo; its exit code',
    { timeout: 60_000 },
    async () => {
      const { code, text } = await onTerminal(
        ['run', '-it', '--rm', 'bb', 'sh'],
        [[/\/ # /, 'tty; stty size; echo $TERM; exit 5\n']],
        { cols: 91, rows: 33 },
      );
      assert.match(text, /\/dev\/(console|pts\/0)\r\n33 91\r\nxterm\r\n/);
      assert.equal(code, 5);
    },
  );

  test(
    '-it: Ctrl-C reaches the program, not us; Ctrl-D ends its input',
    { timeout: 60_000 },
    async () => {
      const script = `trap 'echo caught' INT; echo ready; cat; echo again; cat; echo end; exit 9`;
      const { code, text } = await onTerminal(
        ['run', '-it', '--rm', 'bb', 'sh', '-c', script],
        [
          [/ready/, '\x03'],
          [/caught[^]*again/, 'typed\n\x04'],
        ],
      );
      assert.match(text, /typed\r\ntyped\r\nend/);
      assert.equal(code, 9);
    },
  );

  test(
    'Ctrl-C on a terminal without -t: the container gets SIGINT',
    { timeout: 60_000 },
    async () => {
      const script = `trap 'echo interrupted; exit 7' INT; echo ready; while :; do sleep 0.05; done`;
      const { code, text } = await onTerminal(
        ['run', '--rm', 'bb', 'sh', '-c', script],
        [[/ready/, '\x03']],
      );
      assert.match(text, /interrupted/);
      assert.equal(code, 7);
    },
  );

  test('Ctrl-C in a build on a terminal: 130, nothing left', { timeout: 60_000 }, async () => {
    const at = join(world.dir, 'endless');
    mkdirSync(at);
    writeFileSync(join(at, 'Dockerfile'), 'FROM bb\nRUN echo up; sleep 1000\n');
    const { code, text } = await onTerminal(['build', at], [[/up/, '\x03']]);
    assert.equal(code, 130);
    assert.match(text, /stopped by SIGINT/);
    assert.deepEqual(readdirSync(join(world.root, 'leases')), []);
  });

  test('container inspect: what ran, how it ended', () => {
    world.ok('run', '--name', 'seen', 'bb', 'sh', '-c', 'true');
    const [object] = JSON.parse(world.ok('container', 'inspect', 'seen').stdout) as [
      Record<string, unknown>,
    ];
    assert.equal(object['Name'], '/seen');
    assert.equal(object['Path'], 'sh');
    assert.deepEqual(object['Args'], ['-c', 'true']);
    assert.equal(
      world.ok('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'seen').stdout,
      'exited 0\n',
    );
    assert.match(world.run('inspect', 'seen', 'nothing').stderr, /nothing/);
    assert.match(
      world.run('inspect', '--type', 'container', 'bb:latest').stderr,
      /No such container: bb:latest/,
    );
    world.ok('rm', 'seen');
  });

  test('a start that cannot be told ends, and nothing of it goes on', () => {
    world.ok('create', '--name', 'untold', 'bb', 'sleep', '1000');
    const events = join(world.root, 'events');
    renameSync(events, `${events}-kept`);
    writeFileSync(events, '');
    try {
      const { status, stderr } = world.run('start', '-a', 'untold');
      assert.notEqual(status, 0);
      assert.match(stderr, /EEXIST|ENOTDIR|not a directory|file exists/i);
    } finally {
      rmSync(events);
      renameSync(`${events}-kept`, events);
    }
    assert.equal(world.ok('inspect', '-f', '{{.State.Running}}', 'untold').stdout, 'false\n');
    assert.deepEqual(processesOf(world.root), []);
    assert.equal(world.ok('start', 'untold').status, 0);
    world.ok('rm', '-f', 'untold');
  });
});
