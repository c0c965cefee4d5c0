import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { unreadBytes } from '../../src/sys/unread-bytes.js';
import { busyLoops } from '../helpers/busy-loops.js';
import { busyboxContext } from '../helpers/busybox.js';
import { staveWorld } from '../helpers/stave.js';
import { openTerminal, shownBy, type Terminal } from '../helpers/terminal.js';

/** crun tells the terminal its size when exec's program runs already: until then there is none. */
const SIZE = 'until stty size 2>/dev/null; do :; done';
const DETACH = '\x10\x11';
/** The shell shows it when the terminal is raw: before, the terminal would take Ctrl-Q for itself. */
const PROMPT = /\/ # (\x1b\[\w+)*$/;

describe('terminals of containers that outlive them', { timeout: 300_000 }, () => {
  const world = staveWorld();
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  });
  after(() => {
    for (const name of ['detached', 'sized', 'slow', 'hung', 'crun', 'runc'])
      world.run('rm', '-f', name);
    world[Symbol.dispose]();
  });
  const open = (...args: string[]): Terminal => openTerminal('bin/stave', args, world.env);
  const state = (name: string): string =>
    world.ok('inspect', '-f', '{{.State.Status}}', name).stdout.trim();

  /** Types a command and waits for what it prints. */
  const ask = async (terminal: Terminal, command: string, answer: RegExp): Promise<void> => {
    const from = terminal.text().length;
    terminal.type(`${command}\n`);
    await terminal.until(answer, from);
  };

  const follows = async (terminal: Terminal, columns: number, rows: number): Promise<void> => {
    terminal.resize(columns, rows);
    const script = `until [ "$(stty size)" = "${rows} ${columns}" ]; do :; done; echo size-is-$(stty size)`;
    await ask(terminal, script, new RegExp(`size-is-${rows} ${columns}\r\n`));
  };

  test('Ctrl-P Ctrl-Q leaves a container running, again and again; attach comes back to it', async () => {
    const first = open('run', '-it', '--name', 'detached', 'bb', 'sh');
    await first.until(PROMPT);
    await ask(first, 'kept=yes; echo set-$kept', /set-yes/);
    first.type(DETACH);
    assert.equal(await first.exit, 0);
    assert.equal(state('detached'), 'running');
    for (let i = 0; i < 5; i++) {
      const again = open('attach', 'detached');
      await again.until(PROMPT);
      // The keys at once, and one by one.
      if (i % 2 === 0) again.type(DETACH);
      else for (const key of DETACH) again.type(key);
      assert.equal(await again.exit, 1); // As docker's.
    }
    assert.equal(state('detached'), 'running');
    const last = open('attach', 'detached');
    await last.until(PROMPT);
    await ask(last, 'echo still-$kept; exit 6', /still-yes/);
    assert.equal(await last.exit, 6);
    assert.equal(state('detached'), 'exited');
  });

  test('keys of one’s own; a lone Ctrl-P goes to the program', async () => {
    const terminal = open('start', '-ai', '--detach-keys', 'ctrl-x,x', 'detached');
    await terminal.until(PROMPT);
    await ask(terminal, 'echo one', /one\r\n/);
    terminal.type('\x18x');
    assert.equal(await terminal.exit, 0);
    world.ok('rm', '-f', 'detached');
  });

  test('a terminal that changes its size: run and attach', async () => {
    const run = open('run', '-it', '--name', 'sized', 'bb', 'sh');
    await run.until(PROMPT);
    await follows(run, 101, 41);
    run.type(DETACH);
    assert.equal(await run.exit, 0);
    const attach = open('attach', 'sized');
    await attach.until(PROMPT);
    await follows(attach, 103, 43);
    attach.type('exit 5\n');
    assert.equal(await attach.exit, 5);
  });

  test('a size told while the monitor has not heard of the one before', async () => {
    const run = open('run', '-it', '--name', 'slow', 'bb', 'sh');
    await run.until(PROMPT);
    const id = world.ok('inspect', '-f', '{{.Id}}', 'slow').stdout.trim();
    const dir = join(world.root, 'containers', id);
    const monitor = Number(readFileSync(join(dir, 'monitor.pid'), 'utf8'));
    const control = openSync(join(dir, 'bundle/ctl'), constants.O_RDWR);
    process.kill(monitor, 'SIGSTOP');
    run.resize(70, 30);
    while (unreadBytes(control) === 0) await nextTurn();
    run.resize(71, 31);
    assert.equal(state('slow'), 'running'); // Meanwhile it would have been written, too.
    process.kill(monitor, 'SIGCONT');
    closeSync(control);
    await ask(
      run,
      'until [ "$(stty size)" = "31 71" ]; do :; done; echo size-is-$(stty size)',
      /size-is-31 71\r\n/,
    );
    run.type('exit\n');
    assert.equal(await run.exit, 0);
  });

  for (const runtime of ['crun', 'runc'])
    test(`exec -it by ${runtime}: its size from the start and as it changes, Ctrl-C, its exit code`, async () => {
      world.ok('run', '-d', '--runtime', runtime, '--name', runtime, 'bb', 'sleep', '1000');
      const args = ['exec', '-it', runtime, 'sh', '-c', `${SIZE}; exec sh`];
      const exec = openTerminal('bin/stave', args, world.env, { cols: 91, rows: 31 });
      await exec.until(/^31 91\r\n/);
      await exec.until(PROMPT);
      await follows(exec, 105, 45);
      await ask(exec, 'yes', /y\r\ny\r\ny\r\n/);
      exec.type('\x03');
      await exec.until(/\^C/);
      await ask(exec, 'echo after-$?', /after-130\r\n/);
      exec.type('exit 7\n');
      assert.equal(await exec.exit, 7);
      const gone = open('exec', '-it', runtime, 'nothing');
      assert.equal(await gone.exit, 127);
      assert.match(gone.text(), /executable file not found in \$PATH/);
    });

  test('exec -it: more than the program takes at once, and all that it gives', async () => {
    const script = 'stty raw -echo; echo ready; head -c 300000 | wc -c; seq 40000; read -r _';
    const exec = open('exec', '-it', 'crun', 'sh', '-c', script);
    await exec.until(/ready/);
    exec.type('a'.repeat(300_000));
    await exec.until(/300000\n *1\n[^]*\n40000\n/);
    exec.type('\n');
    assert.equal(await exec.exit, 0);
  });

  test('exec -t without -i takes no input and needs no terminal of ours', () => {
    const { status, stdout } = world.run('exec', '-t', 'crun', 'sh', '-c', 'tty; seq 3; exit 4');
    assert.equal(status, 4);
    assert.match(stdout, /^\/dev\/pts\/\d\r\n1\r\n2\r\n3\r\n$/);
  });

  test('exec -it: what a program writes last is shown on a busy machine (more in test/faults)', async () => {
    using _busy = busyLoops(3);
    const args = ['exec', '-it', 'crun', 'sh', '-c', 'echo begin; echo end'];
    for (let round = 0; round < 6; round++)
      assert.deepEqual(await shownBy('bin/stave', args, world.env), ['begin', 'end', '[0]']);
  });

  /** How far a program in `crun` has come that counts on and on. */
  const count = (): number => Number(world.ok('exec', 'crun', 'cat', '/count').stdout);
  const counts = (): void => {
    for (const from = count(); count() <= from;);
  };
  const COUNT = 'i=1; while echo $i; do echo $i >/new; mv /new /count; i=$((i + 1)); done';

  test('exec -it: the keys leave it running, and what it writes is not waited for', async () => {
    const exec = open('exec', '-it', 'crun', 'sh', '-c', COUNT);
    await exec.until(/1\r\n2\r\n3\r\n/);
    exec.type('\x10');
    exec.type('\x11');
    assert.equal(await exec.exit, 1); // As docker's.
    assert.match(exec.text(), /read escape sequence\r\n$/);
    counts();
    world.ok('exec', 'crun', 'killall', 'sh');
  });

  test('exec --detach-keys, and those of config.json; without -t there are none', async () => {
    const keys = open('exec', '-it', '--detach-keys', 'ctrl-x,x', 'crun', 'sh');
    await keys.until(PROMPT);
    await ask(keys, 'echo one-\x10\x11', /one-/);
    keys.type('\x18x');
    assert.equal(await keys.exit, 1);
    const config = join(world.dir, 'docker-config');
    mkdirSync(config);
    writeFileSync(join(config, 'config.json'), '{"detachKeys":"ctrl-a"}');
    const env = { ...world.env, DOCKER_CONFIG: config };
    const configured = openTerminal('bin/stave', ['exec', '-it', 'crun', 'sh'], env);
    await configured.until(PROMPT);
    configured.type('\x01');
    assert.equal(await configured.exit, 1);
    world.ok('exec', 'crun', 'killall', 'sh');
    const wrong = world.run('exec', '-i', '--detach-keys', 'nonsense', 'crun', 'true');
    assert.match(wrong.stderr, /Invalid escape keys \(nonsense\) provided/);
    const piped = spawnSync('bin/stave', ['exec', '-i', '--detach-keys', 'a', 'crun', 'cat'], {
      ...{ env: world.env, input: 'xayz', encoding: 'utf8' },
    });
    assert.equal(piped.stdout, 'xayz');
  });

  test('exec -dt gives a terminal that stays', () => {
    world.ok('exec', '-dit', 'crun', 'sh', '-c', `tty >/tty; ${COUNT}`);
    counts();
    assert.match(world.ok('exec', 'crun', 'cat', '/tty').stdout, /^\/dev\/pts\/\d+\n$/);
    world.ok('exec', 'crun', 'killall', 'sh');
  });

  for (const cols of [40, 200])
    test(`the labs' terminals, ${String(cols)} columns wide`, async () => {
      const name = `wide-${String(cols)}`;
      const at = { cols, rows: 30 };
      const run = openTerminal('bin/stave', ['run', '-it', '--name', name, 'bb'], world.env, at);
      await run.until(PROMPT);
      await ask(run, 'echo size-is-$(stty size)', new RegExp(`size-is-30 ${String(cols)}\r\n`));
      run.type(DETACH);
      assert.equal(await run.exit, 0);
      const id = world.ok('ps', '-lq').stdout.trim();
      const names = world.ok('exec', id, 'ls', '/bin').stdout.split('\n').filter(Boolean);
      // Only once the terminal has its size: see SIZE.
      const list = ['exec', '-ti', id, 'sh', '-c', `${SIZE} >/dev/null; ls /bin`];
      const shown = await shownBy('bin/stave', list, world.env, at);
      assert.equal(shown.at(-1), '[0]');
      const lines = shown.slice(0, -1);
      assert.deepEqual(lines.flatMap((line) => line.trim().split(/ +/)).sort(), names.sort());
      const widest = Math.max(...lines.map((line) => line.length));
      assert.equal(widest > 40, cols === 200, `lines of ${String(widest)}`);
      const attach = openTerminal('bin/stave', ['attach', id], world.env, at);
      await attach.until(PROMPT);
      await ask(attach, 'echo size-is-$(stty size)', new RegExp(`size-is-30 ${String(cols)}\r\n`));
      attach.type('exit 3\n');
      assert.equal(await attach.exit, 3);
      world.ok('rm', name);
    });

  test('kill -9 of exec -it takes the terminal from what runs on it', async () => {
    const terminal = open('exec', '-it', 'crun', 'sh', '-c', 'echo ready; sleep 4000');
    await terminal.until(/ready/);
    terminal.kill();
    await terminal.exit;
    while (world.ok('top', 'crun').stdout.includes('sleep 4000'));
  });

  test('exec -it whose terminal hangs up leaves nothing of it behind', async () => {
    world.ok('run', '-d', '--name', 'hung', 'bb', 'sleep', '1000');
    const terminal = open('exec', '-it', 'hung', 'sh', '-c', 'echo ready; sleep 2000');
    await terminal.until(/ready/);
    assert.match(world.ok('top', 'hung').stdout, /sleep 2000/);
    terminal.hangUp();
    await terminal.exit;
    while (world.ok('top', 'hung').stdout.includes('sleep 2000'));
  });
});
