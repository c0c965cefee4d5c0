import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { staveWorld } from '../helpers/stave.js';

/** Each folder of fixtures/errors is a mistake; error.txt is what a person sees. UPDATE=1 rewrites them. */
const ERRORS = 'fixtures/errors';

describe('bad input gets one clear error (testErrorsSourceMap)', { concurrency: 2 }, () => {
  const world = staveWorld();
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  });
  after(() => {
    world[Symbol.dispose]();
  });

  for (const name of readdirSync(ERRORS).sort()) {
    test(name, async () => {
      const tag = `never-${name}`;
      const context = join(ERRORS, name);
      const { args, env } = fixtureOf(context);
      const outcome = await world.start(['build', '-q', '-t', tag, ...args], env);
      // docker's code of flags that cannot be read.
      assert.equal(outcome.status, name === 'option-unknown' ? 125 : 1, outcome.stderr);
      assert.equal(outcome.stdout, '');
      assert.equal(world.run('image', 'inspect', tag).status, 1, 'nothing half-written');
      const shown = outcome.stderr.replaceAll(process.cwd(), '.');
      assert.doesNotMatch(shown, /^\s+at .*:\d+:\d+/m, 'no stack trace');
      golden(join(context, 'error.txt'), shown);
    });
  }
});

interface Fixture {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** fixture.json as in fixtures/features; the context is the folder itself. */
function fixtureOf(folder: string): Fixture {
  const file = join(folder, 'fixture.json');
  if (!existsSync(file)) return { args: [folder], env: {} };
  const {
    args = [],
    context = folder,
    env = {},
  } = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly args?: string[];
    readonly context?: string;
    readonly env?: Record<string, string>;
  };
  return { args: [...args, context], env };
}

function golden(file: string, actual: string): void {
  if (process.env['UPDATE'] === '1') writeFileSync(file, actual);
  assert.equal(actual, readFileSync(file, 'utf8'));
}
