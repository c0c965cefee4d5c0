import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { busyLoops } from '../helpers/busy-loops.js';
import { busyboxContext } from '../helpers/busybox.js';
import { figure, rounds } from '../helpers/figure.js';
import { staveWorld } from '../helpers/stave.js';
import { shownBy } from '../helpers/terminal.js';

/** What is gone with a terminal that closes before it was read is the end of it. */
const SCRIPT = 'echo begin; seq 1 300; echo end';
const WHOLE = ['begin', ...Array.from({ length: 300 }, (_, i) => String(i + 1)), 'end', '[0]'];

describe('what a program on a terminal writes last is shown, on a busy machine, too', () => {
  const world = staveWorld();
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    world.ok('run', '-d', '--name', 'quick', 'bb', 'sleep', '10000');
  });
  after(() => {
    world.run('rm', '-f', 'quick');
    world[Symbol.dispose]();
  });
  const commands = {
    'exec -it': ['exec', '-it', 'quick'],
    'exec -t': ['exec', '-t', 'quick'],
    'run -it': ['run', '-it', '--rm', 'bb'],
  };
  for (const [name, args] of Object.entries(commands))
    test(name, async () => {
      using _busy = busyLoops(3);
      for (let round = 0; round < rounds(60); round++) {
        const shown = await shownBy('bin/stave', [...args, 'sh', '-c', SCRIPT], world.env);
        assert.deepEqual(shown, WHOLE, `${name}, round ${String(round)}`);
      }
      figure({
        area: 'Terminals',
        what: `${name} beside three busy loops`,
        value: `${String(rounds(60))} runs: every line shown`,
      });
    });
});
