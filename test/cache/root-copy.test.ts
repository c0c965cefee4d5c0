import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { runDigest } from '../../src/cache/digest-runner.js';
import { walkLayer } from '../../src/cache/layer-walk.js';
import type { Layer, MountOptions } from '../../src/model/stores.js';
import { sys } from '../../src/sys/sys.js';
import { quiet, testStore } from '../helpers/test-store.js';
import { Random } from '../fuzz/random.js';

/** Times later than this are cut: two runs take place at different times. */
const EPOCH = 1000;
const COPY: MountOptions = { chroot: { hidden: ['dev'], furnish: () => Promise.resolve([]) } };

describe('a root that is a copy', () => {
  test('gives the layers that overlay gives, whatever a step does', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      await using place = testStore();
      const chain = (options: MountOptions): Promise<Layer[]> =>
        steps(place.store.snapshots, options, seed);
      const [overlaid, copied] = [await chain({}), await chain(COPY)];
      for (const [i, layer] of overlaid.entries()) {
        const other = copied[i]!;
        const [a, b] = [namesOf(layer), namesOf(other)];
        assert.deepEqual(b, a, `seed ${String(seed)}, step ${String(i)}`);
        const facts = await runDigest(layer.path, new Map(), EPOCH);
        assert.deepEqual(await runDigest(other.path, new Map(), EPOCH), facts, String(seed));
      }
    }
  });

  test('no step can write into a layer, also not by another name of a file', async () => {
    await using place = testStore();
    const { snapshots } = place.store;
    const links = (root: string): void => {
      fs.writeFileSync(join(root, 'a'), 'first');
      fs.linkSync(join(root, 'a'), join(root, 'b'));
    };
    const below = await step(snapshots, [], COPY, links);
    for (const options of [COPY, COPY]) {
      const write = (root: string): void => {
        assert.equal(fs.readFileSync(join(root, 'b'), 'utf8'), 'first');
        fs.appendFileSync(join(root, 'a'), ' second');
        assert.equal(fs.readFileSync(join(root, 'b'), 'utf8'), 'first');
      };
      const layer = await step(snapshots, [below], options, write);
      assert.deepEqual(
        namesOf(layer).map((line) => line.split(' ')[0]),
        ['a'],
      );
      assert.equal(fs.readFileSync(join(below.path, 'a'), 'utf8'), 'first');
    }
  });

  test('what is hidden or furnished is no change', async () => {
    await using place = testStore();
    const { snapshots } = place.store;
    const below = await step(snapshots, [], COPY, (root) => {
      fs.mkdirSync(join(root, 'etc'));
      fs.writeFileSync(join(root, 'etc/hosts'), 'of the image');
      fs.mkdirSync(join(root, 'dev'));
    });
    const furnish = (root: string): Promise<string[]> => {
      fs.writeFileSync(join(root, 'dev/null'), '');
      fs.writeFileSync(join(root, 'etc/hosts'), 'ours');
      return Promise.resolve(['etc/hosts']);
    };
    const options = { chroot: { hidden: ['dev'], furnish } };
    const layer = await step(snapshots, [below], options, (root) => {
      fs.writeFileSync(join(root, 'etc/hosts'), 'of the step');
      fs.rmSync(join(root, 'dev'), { recursive: true });
    });
    assert.deepEqual(namesOf(layer), []);
  });

  test('a link in the place of a mount point leads nothing outside', async () => {
    await using place = testStore();
    const { snapshots } = place.store;
    const outside = join(place.dir, 'outside');
    fs.mkdirSync(join(outside, 'e/f'), { recursive: true });
    await using active = await snapshots.prepare(snapshots.snapshot([]), quiet);
    fs.mkdirSync(join(active.upper, 'd/e/f'), { recursive: true });
    const root = await active.mount(quiet, COPY);
    fs.rmSync(join(root, 'd'), { recursive: true });
    fs.symlinkSync(outside, join(root, 'd'));
    await active.collect();
    await active.commit(quiet);
    assert.ok(fs.existsSync(join(outside, 'e/f')));
  });
});

type Snapshots = ReturnType<typeof testStore>['store']['snapshots'];

async function step(
  snapshots: Snapshots,
  below: readonly Layer[],
  options: MountOptions,
  work: (root: string) => void,
): Promise<Layer> {
  await using active = await snapshots.prepare(snapshots.snapshot(below), quiet);
  work(await active.mount(quiet, options));
  await active.collect();
  return await active.commit(quiet);
}

async function steps(snapshots: Snapshots, options: MountOptions, seed: number): Promise<Layer[]> {
  const numbers = new Random(seed);
  const random = (below: number): number => numbers.int(below);
  const layers: Layer[] = [];
  for (let i = 0; i < 4; i++)
    layers.push(
      await step(snapshots, layers, options, (root) => {
        for (let n = 0; n < 25; n++) edit(root, random);
      }),
    );
  return layers;
}

/** Type, names, sizes: what a difference shows best. */
function namesOf(layer: Layer): string[] {
  return [...walkLayer(layer.path, EPOCH)].map(({ header }) =>
    [header.name, header.type, header.mode.toString(8), header.size, header.linkname ?? ''].join(
      ' ',
    ),
  );
}

/** One thing that a step may do, to one of few names, so that they meet. */
function edit(root: string, random: (below: number) => number): void {
  const name = (): string => ['a', 'b', 'd', 'd/a', 'd/b', 'd/e', 'd/e/a', 'f', 'f/a'][random(9)]!;
  const [one, other, text] = [join(root, name()), join(root, name()), String(random(1000))];
  const edits: (() => void)[] = [
    () => fs.writeFileSync(one, text),
    () => fs.appendFileSync(one, text),
    () => fs.mkdirSync(one),
    () => fs.mkdirSync(one, { recursive: true }),
    () => fs.rmSync(one, { recursive: true }),
    () => fs.unlinkSync(one),
    () => fs.rmdirSync(one),
    () => fs.chmodSync(one, 0o600 + random(64)),
    () => fs.lchownSync(one, random(3), random(3)),
    () => fs.symlinkSync(text, one),
    () => fs.linkSync(one, other),
    () => sys().mknod(join(root, 'pipe'), 0o010600 + random(64), 0, 0),
    () => fs.utimesSync(one, random(EPOCH), random(EPOCH)),
    () => sys().lsetxattr(one, 'user.x', Buffer.from(text)),
    () => {
      if (!fs.lstatSync(one).isDirectory()) fs.renameSync(one, other);
    },
  ];
  try {
    edits[random(edits.length)]!();
  } catch (error) {
    // The same on both roots, or the layers differ.
    assert.ok(error instanceof Error && 'code' in error, String(error));
  }
}
