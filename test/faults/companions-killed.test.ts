import { after, describe, test } from 'node:test';
import {
  checkCompanionKilled,
  COMPANION_COMMANDS,
  COMPANIONS,
} from '../helpers/killed-companions.js';
import { checkWhole } from '../helpers/killed-commands.js';
import { figure, rounds } from '../helpers/figure.js';
import { networkWorld } from '../helpers/network-world.js';

/** Of each command with each companion. */
const ROUNDS = 3;

/** Issue 4: what is killed at some moment is not the command, but who works for it or for the container. */
describe('SIGKILL of monitors, runtimes and helpers at random moments', () => {
  const world = networkWorld();
  const count = { tried: 0, struck: 0, failed: 0 };

  for (const companion of COMPANIONS)
    for (const command of COMPANION_COMMANDS.filter(({ with: has }) => has.includes(companion)))
      test(`${companion} during ${command.args.join(' ')}`, async () => {
        const failures: string[] = [];
        for (let round = 0; round < rounds(ROUNDS); round++) {
          count.tried++;
          try {
            if (await checkCompanionKilled(world, command, companion)) count.struck++;
          } catch (error) {
            failures.push(String(error));
          }
        }
        checkWhole(world);
        count.failed += failures.length;
        if (failures.length > 0) throw new Error(failures.join('\n\n'));
      });

  after(() => {
    const { tried, struck, failed } = count;
    figure({
      area: 'Killed at every write',
      what: 'kill -9 of monitors, runtimes, at-end, probe and relay processes',
      value: `${String(struck)} of ${String(tried)} struck: ${String(failed)} untrue or not cleaned`,
    });
  });
});
