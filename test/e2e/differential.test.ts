import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { buildahPeer, dockerPeer, type Peer } from '../helpers/peers.js';
import { staveWorld, type StaveWorld } from '../helpers/stave.js';
import { treeLines, untar } from '../helpers/tree.js';

/**
 * Every fixture is built by stave, by docker (BuildKit) and by buildah; the trees must be the same, mtimes excepted,
 * and so must, against docker, the run config and the history lines. Where an old peer is known to differ, a note says
 * who is right, and the difference must still be there.
 */
const LANGUAGE = 'fixtures/language';

function notes(peer: string): Readonly<Record<string, string>> {
  const text = readFileSync(join(LANGUAGE, `${peer}-differs.json`), 'utf8');
  return JSON.parse(text) as Record<string, string>;
}

describe('the same Dockerfile gives the same image', () => {
  const world = staveWorld();
  const buildah = buildahPeer(world.dir);
  const differs = {
    docker: notes('docker'),
    history: notes('docker-history'),
    buildah: notes('buildah'),
  };
  let docker: Peer;
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
    const context = join(LANGUAGE, name);
    check(name, 'docker', differs.docker[name], () => {
      assert.deepEqual(staveTree(world, context, name), peerTree(world, docker, context, name));
      assert.deepEqual(runConfig(staveConfig(world, name)), runConfig(docker.config(name)));
    });
    if (differs.docker[name] === undefined) {
      check(name, "docker's history", differs.history[name], () => {
        assert.deepEqual(staveHistory(world, name), dockerHistory(docker, name));
      });
    }
    check(name, 'buildah', differs.buildah[name], () => {
      const ours = withoutStubs(staveTree(world, context, name));
      assert.deepEqual(ours, withoutStubs(peerTree(world, buildah, context, name)));
    });
  }
});

function check(name: string, peer: string, note: string | undefined, compare: () => void): void {
  if (note === undefined) test(`${name}: as ${peer}`, compare);
  else {
    test(`${name}: ${peer} differs: ${note}`, () => {
      assert.throws(compare, 'the note is out of date');
    });
  }
}

function staveTree(world: StaveWorld, context: string, name: string): string[] {
  return tree(world.dir, (file) => {
    world.ok('build', '-q', '-t', name, '-o', `type=tar,dest=${file}`, context);
  });
}

function peerTree(world: StaveWorld, peer: Peer, context: string, name: string): string[] {
  peer.build(context, name);
  return tree(world.dir, (file) => {
    peer.treeTar(context, name, file);
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

function staveConfig(world: StaveWorld, name: string): Record<string, unknown> {
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

function staveHistory(world: StaveWorld, name: string): string[] {
  const args = ['image', 'history', '--no-trunc', '--format', '{{.CreatedBy}}', name];
  return world.ok(...args).stdout.split('\n');
}

function dockerHistory(docker: Peer, name: string): string[] {
  return docker.run('history', '--no-trunc', '--format', '{{.CreatedBy}}', name).split('\n');
}
