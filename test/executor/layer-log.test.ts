import assert from 'node:assert/strict';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { digestLayer, type LayerFacts } from '../../src/cache/layer-digest.js';
import { createLayerLog } from '../../src/cache/layer-log.js';
import { createLogSink } from '../../src/cache/layer-log-sink.js';
import { mergedView } from '../../src/cache/merged-view.js';
import { openContext } from '../../src/executor/build-context.js';
import { copyOnto } from '../../src/executor/copy-files.js';
import { compileIgnore } from '../../src/executor/match.js';
import { selectSources } from '../../src/executor/select.js';
import type { ActiveLayer } from '../../src/model/stores.js';
import { sys } from '../../src/sys/sys.js';

const NAMES = ['a', 'a-b', 'a.b', 'b', 'é', 'z'.repeat(120)];
const EVERYTHING = { entries: 0, bytes: 0 };

describe('what a COPY tells while it writes is what its directory holds', () => {
  let dir = '';
  before(() => {
    dir = mkdtempSync('/var/tmp/stave-log-'); // A filesystem with user attributes.
  });
  after(() => {
    rmSync(dir, { recursive: true, force: true });
  });

  for (let seed = 1; seed <= 40; seed++) {
    test(`random tree ${String(seed)}`, async () => {
      const random = lcg(seed);
      const source = plant(join(dir, `source${String(seed)}`), random);
      const base = plant(join(dir, `base${String(seed)}`), random);
      const dest = ['/', '/a/', '/new/deep/', '/a/b/'][Math.floor(random() * 4)] ?? '/';
      const told = await copy({ source, base, dest, upper: join(dir, `upper${String(seed)}`) });
      if (told === 'refused') return;
      assert.deepEqual(told.facts, told.read);
    });
  }

  test('a large file is read while it is copied', async () => {
    const source = join(dir, 'large');
    mkdirSync(source);
    writeFileSync(join(source, 'f'), Buffer.alloc(3 << 20, 'x'));
    writeFileSync(join(source, 'sparse'), 'x');
    truncateSync(join(source, 'sparse'), 20 << 20);
    const base = join(dir, 'nothing');
    mkdirSync(base);
    const told = await copy({ source, base, dest: '/', upper: join(dir, 'upper-large') });
    assert.ok(told !== 'refused' && told.facts !== undefined);
    assert.deepEqual(told.facts, told.read);
  });

  test('out of order, or of a time a tar cannot hold: nothing is told', async () => {
    const put = (path: string, mtimeNs: bigint) =>
      ({ path, type: 'fifo', mode: 0, uid: 0, gid: 0, size: 0, mtimeNs }) as const;
    for (const entries of [
      [put('b', 0n), put('a', 0n)],
      [put('a/b', 0n), put('a', 0n)],
      [put('a.b', 0n), put('a/b', 0n)],
      [put('a', -1n)],
      [put('a', 1n << 62n)],
    ]) {
      const log = createLayerLog(dir, new Map(), () => createLogSink(EVERYTHING));
      for (const entry of entries) log.put(entry);
      assert.equal(await log.facts(), undefined);
    }
  });

  test('a source that changes between looking and reading: nothing is told', async () => {
    const source = join(dir, 'changing');
    writeFileSync(source, 'hello');
    const log = createLayerLog(dir, new Map(), () => createLogSink(EVERYTHING));
    const entry = { path: 'f', type: 'file', mode: 0, uid: 0, gid: 0, size: 5 } as const;
    log.put({ ...entry, mtimeNs: 5n, source });
    assert.equal(await log.facts(), undefined);
  });
});

interface Told {
  readonly facts: LayerFacts | undefined;
  readonly read: LayerFacts;
}

interface Case {
  readonly source: string;
  readonly base: string;
  readonly dest: string;
  readonly upper: string;
}

/** COPY . DEST; 'refused' when the trees do not fit together. */
async function copy({ source, base, dest, upper }: Case): Promise<Told | 'refused'> {
  mkdirSync(upper);
  const known = new Map<string, string>();
  const log = createLayerLog(upper, known, () => createLogSink(EVERYTHING));
  const tree = openContext({ dir: source, ignore: compileIgnore('', 'none'), now: 0n });
  const selected = selectSources(tree, { sources: ['.'] }, () => new Error('missing') as never);
  const spec = { instruction: 'COPY', sources: ['.'], dest, from: 'context', unpack: false };
  const layer = { upper, known, log } as unknown as ActiveLayer; // What a copy uses of it.
  const taken = [{ selected, unpack: false, hashed: true }];
  const job = { spec: spec as never, taken, view: mergedView([base]) };
  try {
    await copyOnto(layer, job, new AbortController().signal);
  } catch (error) {
    log.close();
    if (error instanceof Error && /cannot (replace|copy)/.test(error.message)) return 'refused';
    throw error;
  }
  const facts = await log.facts();
  return { facts, read: digestLayer(upper, new Map()) };
}

function plant(dir: string, random: () => number, depth = 0): string {
  mkdirSync(dir);
  const pick = (n: number): number => Math.floor(random() * n);
  for (const name of NAMES.filter(() => random() < 0.6)) {
    const path = join(dir, name);
    const kind = pick(9);
    if (kind < 3 && depth < 3) plant(path, random, depth + 1);
    else if (kind === 3) symlinkSync(NAMES[pick(NAMES.length)] ?? '', path);
    else if (kind === 4) sys().mknod(path, 0o010644, 0, 0);
    else {
      writeFileSync(path, 'x'.repeat(pick(3) * pick(200_000)));
      chmodSync(path, [0o644, 0o755, 0o4755, 0o2600][pick(4)] ?? 0);
      if (kind === 5) sys().lsetxattr(path, 'user.note', Buffer.from('n'));
      if (kind === 6) linkSync(path, `${path}~`);
      utimesSync(path, pick(2e9) + random(), pick(2e9) + random());
    }
  }
  chmodSync(dir, [0o755, 0o1777, 0o2755][pick(3)] ?? 0o755);
  return dir;
}

function lcg(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
}
