import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../fuzz/random.js';
import type { StaveWorld } from '../stave.js';
import { leftovers } from './leftovers.js';
import { startRunning } from './holders.js';

/** What there must be: each name, and what its image shows. */
type Model = Map<string, string>;

interface Play {
  readonly world: StaveWorld;
  readonly random: Random;
  readonly model: Model;
  readonly context: string;
  /** What `pull` and `load` bring. */
  readonly registry: string;
}

const TAGS = ['one', 'two', 'three'];
const GIVEN = 'file\nmade\n';

function write({ context }: Play, text: string): void {
  writeFileSync(join(context, 'file'), text);
  const dockerfile = 'FROM bb\nRUN mkdir /app\nCOPY file /app/made\nRUN cat /app/made > /copy\n';
  writeFileSync(join(context, 'Dockerfile'), dockerfile);
}

const MOVES: Readonly<Record<string, (play: Play) => Promise<void> | void>> = {
  build: (play) => {
    const [tag, text] = [play.random.pick(TAGS), `text ${String(play.random.int(4))}`];
    write(play, text);
    play.world.ok('build', '-q', '-t', tag, play.context);
    play.model.set(tag, text);
  },
  'build, killed': async (play) => {
    write(play, `killed ${String(play.random.int(1000))}`);
    const running = startRunning(play.world, [
      'build',
      '--progress=plain',
      '-t',
      'killed',
      play.context,
    ]);
    const wanted = play.random.pick([/#1 /, /RUN mkdir/, /COPY file/]);
    await running.says(wanted).catch(() => undefined);
    running.signal('SIGKILL');
    if ((await running.ended) === 0) play.world.ok('rmi', '-f', 'killed');
    play.world.run('rmi', '-f', 'killed'); // It may have come to its name.
  },
  tag: ({ world, random, model }) => {
    const [from, to] = [random.pick(TAGS), random.pick(TAGS)];
    const { status } = world.run('tag', from, to);
    assert.equal(status, model.has(from) ? 0 : 1);
    const text = model.get(from);
    if (text !== undefined) model.set(to, text);
  },
  rmi: ({ world, random, model }) => {
    const tag = random.pick(TAGS);
    assert.equal(world.run('rmi', tag).status === 0, model.has(tag));
    model.delete(tag);
  },
  'image prune': ({ world }) => void world.ok('image', 'prune', '-f'),
  'builder prune': ({ world }) => void world.ok('builder', 'prune', '-a', '-f'),
  load: ({ world, model }) => {
    world.ok('load', '-q', '-i', join(world.dir, 'ref.tar'));
    model.set('ref', GIVEN);
  },
  pull: ({ world, model, registry }) => {
    world.ok('pull', '-q', `${registry}/app:v1`);
    model.set(`${registry}/app:v1`, GIVEN);
  },
  commit: ({ world, random, model }) => {
    const tag = random.pick(TAGS);
    const text = `committed ${String(random.int(4))}`;
    world.ok('run', '--name', 'box', '--network=none', 'bb', 'sh', '-c', `mkdir /app; printf '${text}' > /app/made`); // prettier-ignore
    world.ok('commit', 'box', tag);
    world.ok('rm', 'box');
    model.set(tag, text);
  },
  'a record lost': ({ world, random }) => {
    const at = join(world.root, 'records/definition');
    for (const part of readdirSync(at))
      if (random.chance(30)) rmSync(join(at, part), { recursive: true });
  },
};

/** RELIABILITY S24: a random sequence of commands; after each, names mean what a model says. The world has `bb`. */
export function playSequence(
  world: StaveWorld,
  registry: string,
  seed: number,
  moves: number,
): Promise<string[]> {
  const context = join(world.dir, `model-${String(seed)}`);
  mkdirSync(context);
  return playOn({ world, random: new Random(seed), model: new Map(), context, registry }, moves);
}

async function playOn(play: Play, moves: number): Promise<string[]> {
  const { world, random, model, registry, context } = play;
  const done: string[] = [];
  for (const tag of [...TAGS, 'ref', `${registry}/app:v1`]) world.run('rmi', '-f', tag);
  for (let i = 0; i < moves; i++) {
    const move = random.pick(Object.keys(MOVES));
    done.push(move);
    await MOVES[move]?.(play);
    const names = world.ok('images', '--format', '{{.Repository}}:{{.Tag}}').stdout.split('\n');
    const said = names.filter((name) => name !== '' && !/^(<none>|bb):/.test(name)).sort();
    const wanted = [...model.keys()].map((name) => (name.includes('/') ? name : `${name}:latest`));
    assert.deepEqual(said, wanted.sort(), done.join(', '));
  }
  for (const [name, text] of model) {
    const shown = world.ok(
      'run',
      '--rm',
      '--network=none',
      '--pull=never',
      name,
      'cat',
      '/app/made',
    );
    assert.equal(shown.stdout, text, `${name} after ${done.join(', ')}`);
  }
  assert.deepEqual(leftovers(world.root), []);
  const checked = world.run('store', 'check', '--full');
  assert.equal(checked.status, 0, `${checked.stdout} after ${done.join(', ')}`);
  rmSync(context, { recursive: true });
  return done;
}
