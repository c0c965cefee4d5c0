import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { staveWorld } from '../helpers/stave.js';

/** Each folder of fixtures/errors is a mistake; error.txt is what a person sees. UPDATE=1 rewrites them. */
const ERRORS = 'fixtures/errors';

describe('bad input gets one clear error', () => {
  const world = staveWorld();
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  });
  after(() => {
    world[Symbol.dispose]();
  });

  for (const name of readdirSync(ERRORS).sort()) {
    test(name, () => {
      const context = join(ERRORS, name);
      const extra = existsSync(join(context, 'args'))
        ? readFileSync(join(context, 'args'), 'utf8')
        : '';
      const args = extra.split(/\s+/).filter((arg) => arg !== '');
      const outcome = world.run('build', '-q', '-t', 'never', ...args, context);
      assert.equal(outcome.status, 1, outcome.stderr);
      assert.equal(outcome.stdout, '');
      assert.equal(world.run('image', 'inspect', 'never').status, 1, 'nothing half-written');
      const shown = outcome.stderr.replaceAll(process.cwd(), '.');
      assert.doesNotMatch(shown, /^\s+at .*:\d+:\d+/m, 'no stack trace');
      golden(join(context, 'error.txt'), shown);
    });
  }
});

function golden(file: string, actual: string): void {
  if (process.env['UPDATE'] === '1') writeFileSync(file, actual);
  assert.equal(actual, readFileSync(file, 'utf8'));
}
