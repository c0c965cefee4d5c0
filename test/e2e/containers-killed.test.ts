import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  checkKilled,
  checkWhole,
  isFrozen,
  KILLED_COMMANDS,
  momentsOf,
} from '../helpers/killed-commands.js';
import { killAt, killPoints, sampled } from '../helpers/kill-points.js';
import { networkWorld, until } from '../helpers/network-world.js';

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
