import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { figure, rounds } from '../helpers/figure.js';
import { networkWorld, until } from '../helpers/network-world.js';

const AT_ONCE = 5;

/** Issue 4: nothing left behind after 200 containers. */
describe('containers in numbers', () => {
  const world = networkWorld();

  test('leave no rule, bridge, name, process or file behind', async () => {
    const count = rounds(200);
    const waiting = Array.from({ length: count }, (_, i) => i);
    const work = async (): Promise<void> => {
      while (waiting.pop() !== undefined) {
        const { status, stderr } = await world.start(['run', '--rm', '-p', '80', 'bb', 'true']);
        assert.equal(status, 0, stderr);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    await until('all is taken down', () => {
      assert.match(world.ok('ps', '-a').stdout, /^CONTAINER ID.*\n$/);
      return world.traces().length === 0;
    });
    world.ok('store', 'check', '--full');
    figure({
      area: 'Left behind',
      what: 'containers with a published port, five at once',
      value: `${String(count)} containers: no rule, bridge, name, process or file`,
    });
  });
});
