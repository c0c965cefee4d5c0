import { describe, test } from 'node:test';
import { checkKilled, KILLED_COMMANDS, momentsOf } from '../helpers/killed-commands.js';
import { networkWorld } from '../helpers/network-world.js';

/** Issue 4: SIGKILL at any moment of what changes containers leaves what the next command reports truly and cleans. */
describe('SIGKILL of a command at every moment', () => {
  const world = networkWorld();

  for (const command of KILLED_COMMANDS)
    test(command.args.join(' '), async (t) => {
      const points = momentsOf(world, command);
      t.diagnostic(`${String(points.length)} moments`);
      const failures: string[] = [];
      for (const point of points) {
        try {
          await checkKilled(world, command, point);
        } catch (error) {
          failures.push(`killed before ${point.text}\n${String(error)}`);
        }
      }
      if (failures.length > 0) throw new Error(failures.join('\n\n'));
    });
});
