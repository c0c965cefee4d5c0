import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  checkKilled,
  checkStruck,
  checkWhole,
  isFrozen,
  KILLED_COMMANDS,
  momentsOf,
} from '../helpers/killed-commands.js';
import { killAt, killPoints, sampled } from '../helpers/kill-points.js';
import { checkCompanionKilled, COMPANION_COMMANDS } from '../helpers/killed-companions.js';
import { networkWorld, until } from '../helpers/network-world.js';
import { processesOf } from '../helpers/processes.js';
import { runProgram } from '../helpers/run-program.js';

const COMMANDS = 4;
const MOMENTS = 1;

/** A few of what test/faults/containers-killed.test.ts does at every moment of every command. */
describe('SIGKILL of a command: what is told afterwards is true, and nothing is left', () => {
  const world = networkWorld();

  for (const command of sampled(KILLED_COMMANDS, COMMANDS))
    test(command.args.join(' '), async (t) => {
      for (const point of sampled(momentsOf(world, command), MOMENTS)) {
        t.diagnostic(`killed before ${point.text}`);
        await checkKilled(world, command, point);
        checkWhole(world);
      }
    });

  test('who works for a command or for the container', async (t) => {
    const [command] = sampled(COMPANION_COMMANDS, 1);
    const [companion] = sampled(command?.with ?? [], 1);
    assert.ok(command !== undefined && companion !== undefined);
    t.diagnostic(`${companion} killed during ${command.args.join(' ')}`);
    await checkCompanionKilled(world, command, companion);
    checkWhole(world);
  });

  test("its monitor's first process and who starts it, before anybody knows the monitor", async () => {
    const bin = join(world.dir, 'dying');
    mkdirSync(bin);
    // It is killed when it is about to write who the monitor is; the command, by its parent, right after.
    const inject = 'inject=rename,renameat,renameat2:signal=KILL';
    const conmon = runProgram('sh', '-c', 'command -v conmon').trim();
    const script = `#!/bin/sh\nstrace -qq -o /dev/null -e ${inject} ${conmon} "$@"\nkill -9 $PPID\n`;
    writeFileSync(join(bin, 'conmon'), script, { mode: 0o755 });
    const PATH = `${bin}:${world.env['PATH'] ?? ''}`;
    const command = { args: ['run', '-d', '--name', 'subject', '-p', '80', 'bb', 'sleep', '1000'] };
    let left: readonly number[] = [];
    await checkStruck(world, command, async () => {
      assert.equal((await world.start(command.args, { PATH })).status, null);
      const id = readdirSync(join(world.root, 'containers'))[0] ?? '';
      assert.ok(!existsSync(join(world.root, 'containers', id, 'monitor.pid')));
      left = processesOf(id);
    });
    assert.ok(left.length > 0, 'a monitor that nobody knows was there');
    checkWhole(world);
  });

  for (const limits of [[], ['--memory=64m']])
    test(`commit ${limits.join()}: killed while the container stands still, it goes on by itself`, async () => {
      world.ok('run', '-d', '--name', 'still', ...limits, 'bb', 'sleep', '1000');
      const { Pid } = world.inspect('still').State;
      world.ok('exec', 'still', 'touch', '/new');
      const points = killPoints(world, ['commit', 'still']);
      const begin = points.findIndex(({ text }) => /freez|^kill\(/.test(text));
      const stood = points.slice(begin + 1, begin + 4);
      assert.ok(stood.length > 0);
      for (const point of stood) {
        assert.ok(await killAt(world, point, ['commit', 'still']));
        await until('it goes on', () => !isFrozen(Pid));
      }
      world.ok('rm', '-f', 'still');
    });
});
