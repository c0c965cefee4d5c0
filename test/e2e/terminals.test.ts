import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { staveWorld } from '../helpers/stave.js';
import { openTerminal, type Terminal } from '../helpers/terminal.js';

const DETACH = '\x10\x11';
/** The shell shows it when the terminal is raw: before, the terminal would take Ctrl-Q for itself. */
const PROMPT = /\/ # (\x1b\[\w+)*$/;

describe('terminals of containers that outlive them', { timeout: 300_000 }, () => {
  const world = staveWorld();
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  });
  after(() => {
    for (const name of ['detached', 'sized', 'hung']) world.run('rm', '-f', name);
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
      assert.equal(await again.exit, 0);
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
    const follows = async (terminal: Terminal, columns: number, rows: number): Promise<void> => {
      terminal.resize(columns, rows);
      const script = `until [ "$(stty size)" = "${rows} ${columns}" ]; do :; done; echo size-is-$(stty size)`;
      await ask(terminal, script, new RegExp(`size-is-${rows} ${columns}\r\n`));
    };
    await follows(run, 101, 41);
    run.type(DETACH);
    assert.equal(await run.exit, 0);
    const attach = open('attach', 'sized');
    await attach.until(PROMPT);
    await follows(attach, 103, 43);
    attach.type('exit 5\n');
    assert.equal(await attach.exit, 5);
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
