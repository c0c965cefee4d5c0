import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { configText, differenceText, treeText, type ImageText } from '../helpers/fixture-text.js';
import { outcomeOf } from '../helpers/outcome-of.js';
import { staveWorld, type Outcome } from '../helpers/stave.js';
import { untar } from '../helpers/tree.js';

/**
 * Each folder of fixtures/features is a behaviour that the old peers lack: a Dockerfile, perhaps a context/ and a
 * fixture.json, and in expect.txt what comes of it: how the image differs from `bb`, or the error, or for --call what
 * is printed. UPDATE=1 rewrites expect.txt; read the diff. ONLY=name,name runs just those.
 */
const FEATURES = 'fixtures/features';
const STAVE = resolve('bin/stave');
const only = process.env['ONLY']?.split(',');

interface Fixture {
  /** Further arguments of `stave build`, which runs in the fixture's folder. */
  readonly args?: readonly string[];
  /** In the place of `context` (or of an empty directory), e.g. `-`. */
  readonly context?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Names of BuildKit's tests whose behaviour this is; docs/conformance.md is made of them. */
  readonly covers?: readonly string[];
}

describe('features of the language', { concurrency: 2 }, () => {
  const world = staveWorld();
  const empty = join(world.dir, 'empty');
  let base: ImageText;
  before(async () => {
    mkdirSync(empty);
    const tar = join(world.dir, 'bb.tar');
    const context = busyboxContext(world.dir);
    world.ok('build', '-q', '-t', 'bb', '-o', `type=tar,dest=${tar}`, context);
    base = await imageText('bb', tar);
  });
  after(() => {
    world[Symbol.dispose]();
  });

  const names = readdirSync(FEATURES).filter((name) => only?.includes(name) !== false);
  for (const name of names.sort()) {
    test(name, async () => {
      const golden = join(FEATURES, name, 'expect.txt');
      const actual = await outcomeText(name);
      if (process.env['UPDATE'] === '1') writeFileSync(golden, actual);
      assert.equal(actual, readFileSync(golden, 'utf8'));
    });
  }

  async function outcomeText(name: string): Promise<string> {
    const dir = join(FEATURES, name);
    const fixture = readFixture(dir);
    const args = fixture.args ?? [];
    const context = fixture.context ?? (existsSync(join(dir, 'context')) ? 'context' : empty);
    const file = existsSync(join(dir, 'Dockerfile')) ? ['-f', 'Dockerfile'] : [];
    const call = args.some((arg) => /^--(call|check)\b/.test(arg));
    const tar = join(world.dir, `${name}.tar`);
    const output = call ? [] : ['-q', '-t', name, '-o', `type=tar,dest=${tar}`];
    const outcome = await stave(['build', ...output, ...file, ...args, context], {
      dir,
      ...fixture,
    });
    assert.doesNotMatch(outcome.stderr, /^\s+at .*:\d+:\d+/m, 'no stack trace');
    const shown = outcome.stderr.replaceAll(process.cwd(), '.').replaceAll(empty, 'EMPTY');
    if (call) return `exit ${String(outcome.status)}\n${outcome.stdout}${shown}`;
    if (outcome.status !== 0) {
      assert.equal(world.run('image', 'inspect', name).status, 1, 'nothing half-written');
      return `fails:\n${shown}`;
    }
    return (
      differenceText(await imageText(name, tar), base) + (shown === '' ? '' : `says:\n${shown}`)
    );
  }

  async function imageText(name: string, tar: string): Promise<ImageText> {
    const root = join(world.dir, `${name}.tree`);
    untar(tar, root);
    const tree = treeText(root);
    rmSync(root, { recursive: true });
    rmSync(tar);
    const [inspect, history] = await Promise.all([
      stave(['image', 'inspect', name]),
      stave(['image', 'history', '--no-trunc', '--format', '{{json .CreatedBy}}', name]),
    ]);
    const [image = {}] = JSON.parse(inspect.stdout) as Record<string, unknown>[];
    const lines = history.stdout.trim().split('\n').filter(Boolean);
    const createdBy = lines.map((line) => JSON.parse(line) as string).reverse();
    return { tree, config: configText(image), history: createdBy };
  }

  function stave(
    args: readonly string[],
    options: Pick<Fixture, 'env' | 'stdin'> & { dir?: string } = {},
  ): Promise<Outcome> {
    const { dir = '.', env = {}, stdin = '' } = options;
    const child = spawn(STAVE, args, { cwd: dir, env: { ...world.env, ...env } });
    child.stdin.end(stdin);
    return outcomeOf(child);
  }
});

function readFixture(dir: string): Fixture {
  const file = join(dir, 'fixture.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Fixture) : {};
}
