import { after, describe, test } from 'node:test';
import { figure, share } from '../helpers/figure.js';
import { checkKilled, checkWhole, KILLED_COMMANDS, momentsOf } from '../helpers/killed-commands.js';
import { sampled } from '../helpers/kill-points.js';
import { networkWorld } from '../helpers/network-world.js';

/** Of a command; FAULTS=all takes every moment. */
const MOMENTS = 8;

/** Issue 4: SIGKILL at any moment of what changes containers leaves what the next command reports truly and cleans. */
describe('SIGKILL of a command at any moment', () => {
  const world = networkWorld();
  const count = { all: 0, tried: 0, failed: 0 };

  for (const command of KILLED_COMMANDS)
    test(command.args.join(' '), async () => {
      const all = momentsOf(world, command);
      const points = sampled(all, Math.max(1, Math.round(MOMENTS * share())));
      const failures: string[] = [];
      for (const point of points) {
        try {
          await checkKilled(world, command, point);
        } catch (error) {
          failures.push(`killed before ${point.text}\n${String(error)}`);
        }
      }
      if (failures.length === 0) checkWhole(world);
      count.all += all.length;
      count.tried += points.length;
      count.failed += failures.length;
      if (failures.length > 0) throw new Error(failures.join('\n\n'));
    });

  after(() => {
    const { all, tried, failed } = count;
    figure({
      area: 'Killed at every write',
      what: `kill -9 of ${String(KILLED_COMMANDS.length)} commands on containers`,
      value: `${String(tried)} of ${String(all)} moments: ${String(failed)} untrue or not cleaned`,
    });
  });
});
