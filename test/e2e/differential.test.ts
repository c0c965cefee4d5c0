import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { buildahPeer, dockerPeer, exec, type BuiltImage, type Peer } from '../helpers/peers.js';
import { staveWorld } from '../helpers/stave.js';
import { treeLines, untar } from '../helpers/tree.js';

/**
 * Every fixture is built by stave, by docker (BuildKit) and by buildah; the trees must be the same, mtimes excepted,
 * and so must, against docker, the run config and the history lines. Where an old peer is known to differ, a note says
 * who is right, and the difference must still be there. ONLY=name,name builds just those.
 */
const LANGUAGE = 'fixtures/language';
const only = process.env['ONLY']?.split(',');

function readTable<T>(name: string): Readonly<Record<string, T>> {
  return JSON.parse(readFileSync(join(LANGUAGE, name), 'utf8')) as Record<string, T>;
}

describe('the same Dockerfile gives the same image', { concurrency: 3 }, () => {
  const world = staveWorld();
  const buildah = buildahPeer(world.dir);
  const differs = {
    docker: readTable<string>('docker-differs.json'),
    history: readTable<string>('docker-history-differs.json'),
    buildah: readTable<string>('buildah-differs.json'),
  };
  /** Further arguments of the three `build` commands. */
  const argsOf = readTable<readonly string[]>('args.json');
  let docker: Peer;
  before(async () => {
    docker = await dockerPeer(world.dir);
    const base = busyboxContext(world.dir);
    world.ok('build', '-q', '-t', 'bb', base);
    await Promise.all([docker.image(base, 'bb'), buildah.image(base, 'bb')]);
  });
  after(async () => {
    await docker[Symbol.asyncDispose]();
    await buildah[Symbol.asyncDispose]();
    world[Symbol.dispose]();
  });

  const cases = readdirSync(LANGUAGE, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && only?.includes(entry.name) !== false)
    .map(({ name }) => name);
  for (const name of cases) {
    const context = join(LANGUAGE, name);
    const args = argsOf[name] ?? [];
    const ours = once(() => staveImage(context, name, args));
    const theirs = once(() => docker.image(context, name, args));
    check(name, 'docker', differs.docker[name], async () => {
      const [a, b] = await Promise.all([ours(), theirs()]);
      assert.deepEqual(withoutBareEtc(a.tree), withoutBareEtc(b.tree));
      assert.deepEqual(runConfig(a.inspect), runConfig(b.inspect));
    });
    if (differs.docker[name] === undefined) {
      check(name, "docker's history", differs.history[name], async () => {
        const [a, b] = await Promise.all([ours(), theirs()]);
        assert.deepEqual(a.history, b.history);
      });
    }
    check(name, 'buildah', differs.buildah[name], async () => {
      const [a, tree] = await Promise.all([ours(), buildah.image(context, name, args)]);
      assert.deepEqual(withoutStubs(a.tree), withoutStubs(tree));
    });
  }

  async function staveImage(
    context: string,
    name: string,
    args: readonly string[],
  ): Promise<BuiltImage> {
    const stave = (...args: string[]): Promise<string> => exec('bin/stave', args, world.env);
    const tar = join(world.dir, `${name}.tar`);
    const root = join(world.dir, `${name}.tree`);
    await stave('build', '-q', '-t', name, '-o', `type=tar,dest=${tar}`, ...args, context);
    untar(tar, root);
    const tree = treeLines(root);
    rmSync(root, { recursive: true });
    rmSync(tar);
    const [inspect, history] = await Promise.all([
      stave('image', 'inspect', name),
      stave('image', 'history', '--no-trunc', '--format', '{{json .CreatedBy}}', name),
    ]);
    const list = JSON.parse(inspect) as Record<string, unknown>[];
    const lines = history.split('\n').filter((line) => line !== '');
    return {
      tree,
      inspect: list[0] ?? {},
      history: lines.map((line) => JSON.parse(line) as string),
    };
  }
});

/** A build asked for by several tests runs once, when the first asks. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

function check(
  name: string,
  peer: string,
  note: string | undefined,
  compare: () => Promise<void>,
): void {
  if (note === undefined) test(`${name}: as ${peer}`, compare);
  else {
    test(`${name}: ${peer} differs: ${note}`, async () => {
      await assert.rejects(compare, 'the note is out of date');
    });
  }
}

/** An /etc that a RUN's mounts alone made: left by docker 20.10, not by newer BuildKit (recursive MountStubsCleaner). */
function withoutBareEtc(lines: readonly string[]): readonly string[] {
  if (lines.some((line) => line.startsWith('/etc/'))) return lines;
  return lines.filter((line) => !line.startsWith('/etc '));
}

/** Mount points a runtime needs: docker leaves them in the layer, buildah makes others. */
function withoutStubs(lines: readonly string[]): string[] {
  return lines.filter(
    (line) => !/^\/(dev|proc|sys|etc|run)(\/\S*)? /.test(line) || /passwd|group/.test(line),
  );
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
function runConfig(inspect: Readonly<Record<string, unknown>>): Record<string, unknown> {
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
