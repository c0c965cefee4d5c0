import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { buildahPeer, dockerPeer, type Peer } from '../helpers/peers.js';
import { staveWorld } from '../helpers/stave.js';
import { treeLines, untar } from '../helpers/tree.js';

/**
 * Every fixture is built by stave, by docker (BuildKit) and by buildah; the trees must be the same, mtimes excepted,
 * and so must the run config and, against docker, the history lines.
 */
const LANGUAGE = 'fixtures/language';

/** Where docker 20.10 or buildah 1.28 differ from BuildKit's current frontend, and who is right. */
const BUILDAH_DIFFERS: Readonly<Record<string, string>> = JSON.parse(
  await import('node:fs').then((fs) => fs.readFileSync(`${LANGUAGE}/buildah-differs.json`, 'utf8')),
) as Record<string, string>;

describe('the same Dockerfile gives the same image', () => {
  const world = staveWorld();
  let docker: Peer;
  const buildah = buildahPeer(world.dir);
  before(async () => {
    docker = await dockerPeer(world.dir);
    const base = busyboxContext(world.dir);
    world.ok('build', '-q', '-t', 'bb', base);
    docker.build(base, 'bb');
    buildah.build(base, 'bb');
  });
  after(async () => {
    await docker[Symbol.asyncDispose]();
    await buildah[Symbol.asyncDispose]();
    world[Symbol.dispose]();
  });

  const cases = readdirSync(LANGUAGE, { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  for (const { name } of cases) {
    test(`${name}: as docker`, () => {
      const context = join(LANGUAGE, name);
      const ours = staveTree(world, context, name);
      docker.build(context, name);
      const theirs = tree(world.dir, (file) => {
        docker.treeTar(context, name, file);
      });
      assert.deepEqual(ours, theirs);
      assert.deepEqual(runConfig(staveConfig(world, name)), runConfig(docker.config(name)));
      assert.deepEqual(staveHistory(world, name), dockerHistory(docker, name));
    });
    const known = BUILDAH_DIFFERS[name];
    test(`${name}: ${known === undefined ? 'as buildah' : `buildah differs: ${known}`}`, () => {
      const context = join(LANGUAGE, name);
      const ours = staveTree(world, context, name);
      buildah.build(context, name);
      const theirs = tree(world.dir, (file) => {
        buildah.treeTar(context, name, file);
      });
      if (known === undefined) assert.deepEqual(withoutStubs(ours), withoutStubs(theirs));
      else assert.notDeepEqual(withoutStubs(ours), withoutStubs(theirs), 'the note is out of date');
    });
  }
});

type World = ReturnType<typeof staveWorld>;

function staveTree(world: World, context: string, name: string): string[] {
  return tree(world.dir, (file) => {
    world.ok('build', '-q', '-t', name, '-o', `type=tar,dest=${file}`, context);
  });
}

function tree(dir: string, write: (file: string) => void): string[] {
  const file = join(dir, 'tree.tar');
  const into = join(dir, 'tree');
  write(file);
  untar(file, into);
  const lines = treeLines(into);
  rmSync(into, { recursive: true });
  rmSync(file);
  return lines;
}

/** Mount points a runtime needs: docker leaves them in the layer, buildah makes others. */
function withoutStubs(lines: string[]): string[] {
  return lines.filter(
    (line) => !/^\/(dev|proc|sys|etc|run)(\/\S*)? /.test(line) || /passwd|group/.test(line),
  );
}

function staveConfig(world: World, name: string): Record<string, unknown> {
  const list = JSON.parse(world.ok('image', 'inspect', name).stdout) as Record<string, unknown>[];
  return list[0] ?? {};
}

const FIELDS = [
  'User',
  'Env',
  'Cmd',
  'Entrypoint',
  'WorkingDir',
  'Labels',
  'StopSignal',
  'Healthcheck',
].concat(['ExposedPorts', 'Volumes', 'OnBuild', 'Shell']);

/** The fields that decide how an image runs; empty, null and absent are one. */
function runConfig(inspect: Record<string, unknown>): Record<string, unknown> {
  const config = (inspect['Config'] ?? {}) as Record<string, unknown>;
  const kept = FIELDS.map((field) => [field, config[field]] as const).filter(
    ([, value]) => !isEmpty(value),
  );
  return { ...Object.fromEntries(kept), Author: inspect['Author'] ?? '' };
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

function staveHistory(world: World, name: string): string[] {
  return world
    .ok('image', 'history', '--no-trunc', '--format', '{{.CreatedBy}}', name)
    .stdout.split('\n');
}

function dockerHistory(docker: Peer, name: string): string[] {
  return docker.run('history', '--no-trunc', '--format', '{{.CreatedBy}}', name).split('\n');
}
