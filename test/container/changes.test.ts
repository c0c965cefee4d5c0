import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  cpSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { writeChangeLayer } from '../../src/container/change-layer.js';
import { type Change, containerChanges } from '../../src/container/changes.js';
import { sys } from '../../src/sys/sys.js';
import { Random } from '../fuzz/random.js';

const RUNS = 1000;
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];

let base = '';
let lowers: string[] = [];
before(() => {
  // On tmpfs: a thousand mounts and unmounts should not wait for somebody's disk.
  base = mkdtempSync('/dev/shm/stave-changes-');
  lowers = ['one', 'two'].map((name) => join(base, name));
  for (const lower of lowers) for (let i = 0; i < 40; i++) edit(makeRoot(lower), random(i * 7919));
});
after(() => {
  rmSync(base, { recursive: true, force: true });
});

test(`diff is the comparison of the whole trees, and the committed layer gives the same tree (${String(RUNS)} runs)`, () => {
  for (let seed = 1; seed <= RUNS; seed++) {
    const dir = join(base, 'run');
    using mounted = overlay(dir, lowers);
    const pick = random(seed);
    const old = join(base, 'old');
    using _old = readOnly(old, lowers);
    for (let i = pick(12) + 1; i > 0; i--) edit(mounted.root, pick);
    const tree = { lowers, upper: mounted.upper, hidden: new Set<string>() };
    const changes = containerChanges(tree);
    assert.deepEqual(show(changes), compare(old, mounted.root), `seed ${String(seed)}`);
    const layer = makeRoot(join(dir, 'layer'));
    writeChangeLayer(changes, tree, layer);
    const again = join(base, 'again');
    using _again = readOnly(again, [...lowers, layer]);
    assert.deepEqual(listing(again), listing(mounted.root), `seed ${String(seed)}`);
    // Where there is no writable layer, only a tree.
    const whole = { ...tree, upper: mounted.root, whole: true };
    assert.deepEqual(show(containerChanges(whole)), show(changes), `seed ${String(seed)}`);
  }
});

test('what is mounted is not shown, nor a directory made only to mount in', () => {
  const dir = join(base, 'hidden');
  using mounted = overlay(dir, lowers);
  mkdirSync(join(mounted.root, 'etc'));
  for (const name of ['hosts', 'resolv.conf']) writeFileSync(join(mounted.root, 'etc', name), '');
  const hidden = new Set(['etc/hosts', 'etc/resolv.conf']);
  const tree = { lowers, upper: mounted.upper, hidden };
  assert.deepEqual(show(containerChanges(tree)), []);
  writeFileSync(join(mounted.root, 'etc/mine'), '');
  assert.deepEqual(show(containerChanges(tree)), ['A etc', 'A etc/mine']);
  const whole = { ...tree, upper: mounted.root, whole: true };
  assert.deepEqual(show(containerChanges(whole)), ['A etc', 'A etc/mine']);
});

function show(changes: readonly Change[]): string[] {
  return changes.map(({ kind, path }) => `${kind} ${path}`);
}

/** A seed that fails can be run again. */
function random(seed: number): (below: number) => number {
  const numbers = new Random(seed);
  return (below) => numbers.int(below);
}

function makeRoot(path: string): string {
  mkdirSync(path, { recursive: true, mode: 0o755 });
  return path;
}

function overlay(
  dir: string,
  below: readonly string[],
): { root: string; upper: string } & Disposable {
  rmSync(dir, { recursive: true, force: true });
  const [upper = '', work = '', root = ''] = ['upper', 'work', 'root'].map((name) =>
    makeRoot(join(dir, name)),
  );
  sys().mountOverlay({ lowers: [...below].reverse(), upper, work, target: root });
  return { root, upper, [Symbol.dispose]: () => sys().umount(root) };
}

function readOnly(target: string, below: readonly string[]): Disposable {
  makeRoot(target);
  sys().mountOverlay({ lowers: [...below].reverse(), target });
  return { [Symbol.dispose]: () => sys().umount(target) };
}

/** One thing a person or a package manager does to a tree. */
function edit(root: string, pick: (below: number) => number): void {
  const depth = pick(3) + 1;
  const path = join(root, ...Array.from({ length: depth }, () => NAMES[pick(NAMES.length)] ?? ''));
  const other = join(root, NAMES[pick(NAMES.length)] ?? '', NAMES[pick(NAMES.length)] ?? '');
  const actions: (() => void)[] = [
    // A FIFO would be waited at.
    () => {
      if (statOf(path)?.isFIFO() !== true) writeFileSync(path, String(pick(1000)));
    },
    () => mkdirSync(path, { recursive: true }),
    () => rmSync(path, { recursive: true }),
    () => {
      rmSync(path, { recursive: true });
      mkdirSync(path);
    },
    () => renameSync(path, other),
    () => cpSync(path, other, { recursive: true, verbatimSymlinks: true }),
    () => chmodSync(path, 0o700 + pick(64)),
    () => chownSync(path, pick(3), pick(3)),
    () => symlinkSync(String(pick(9)), path),
    () => linkSync(path, other),
    () => utimesSync(path, pick(1e9), pick(1e9)),
    () => {
      const { mode } = lstatSync(path);
      chmodSync(path, 0o600);
      chmodSync(path, mode & 0o7777);
    },
    () => sys().mknod(path, 0o010644, 0, 0),
  ];
  try {
    actions[pick(actions.length)]?.();
  } catch (error) {
    // The tree is not as this edit needs it: another time.
    if (!(error instanceof Error) || !('code' in error)) throw error;
  }
}

/** The oracle: both whole trees, side by side, as moby's ChangesDirs walks them. */
function compare(before_: string, now: string, path = ''): string[] {
  const names = (root: string): string[] => {
    const stat = statOf(join(root, path));
    return stat?.isDirectory() === true ? readdirSync(join(root, path)) : [];
  };
  return [...new Set([...names(before_), ...names(now)])].sort().flatMap((name) => {
    const at = path === '' ? name : `${path}/${name}`;
    const [a, b] = [before_, now].map((root) => statOf(join(root, at)));
    if (b === undefined) return [`D ${at}`];
    const inside = b.isDirectory() ? compare(before_, now, at) : [];
    if (a === undefined) return [`A ${at}`, ...inside];
    const facts = (stat: NonNullable<typeof a>): string =>
      [stat.mode, stat.uid, stat.gid, stat.rdev]
        .concat(stat.isDirectory() ? [] : [stat.size, stat.mtimeNs])
        .join();
    return facts(a) !== facts(b) || inside.length > 0 ? [`C ${at}`, ...inside] : [];
  });
}

function statOf(path: string) {
  try {
    return lstatSync(path, { bigint: true });
  } catch {
    return undefined; // Not there, or below what is a file on this side.
  }
}

function listing(root: string, path = ''): string[] {
  return readdirSync(join(root, path))
    .sort()
    .flatMap((name) => {
      const at = join(path, name);
      const stat = lstatSync(join(root, at), { bigint: true });
      const content = stat.isFile()
        ? readFileSync(join(root, at), 'utf8')
        : stat.isSymbolicLink()
          ? readlinkSync(join(root, at))
          : '';
      const time = stat.isDirectory() ? '' : String(stat.mtimeNs);
      const line = [at, stat.mode, stat.uid, stat.gid, content, time].join(' ');
      return stat.isDirectory() ? [line, ...listing(root, at)] : [line];
    });
}
