import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { hexOf } from '../model/digest.js';
import type { LayerMeta } from '../model/stores.js';
import { runDigest } from './digest-runner.js';
import { replaceFile } from './durable.js';
import { claimedIds } from './lease.js';
import { namesIn } from './names-in.js';
import type { Store } from './store.js';
import { readMeta } from './tree-meta.js';
import type { Checked, StoreProblem } from '../model/store-problem.js';
import { takeOut } from './take-out.js';

const REMEDY = 'build again, or pull the image again: the layer is made anew';

/** Each tree is whole and has its facts; in a full check its files are read, too. */
export async function checkTrees(store: Store, full: boolean): Promise<Checked> {
  const problems: StoreProblem[] = [];
  const claimed = claimedIds(store.path('leases'));
  const ids = namesIn(store.path('trees')).filter((name) => name !== 'by-diff');
  for (const id of ids) {
    if (claimed.has(id)) continue; // In the making, maybe.
    const problem = await wrongTree(store, id, full);
    if (problem === undefined) continue;
    const fix = (): void => {
      takeOut(store, store.path('trees', id));
    };
    problems.push({ what: `tree ${id}`, problem, remedy: REMEDY, fix });
  }
  return { kind: 'trees', count: ids.length, problems };
}

async function wrongTree(store: Store, id: string, full: boolean): Promise<string | undefined> {
  const home = store.path('trees', id);
  if (!/^[0-9a-f]{32}$/.test(id)) return 'no tree has such a name';
  if (!lstatSync(`${home}/fs`, { throwIfNoEntry: false })?.isDirectory()) return 'it has no files';
  const meta = metaIn(`${home}/meta.json`);
  if (meta === undefined) return 'its facts cannot be read';
  if (!full) return undefined;
  try {
    const facts = await runDigest(`${home}/fs`, new Map());
    if (facts.content !== meta.content) return 'its files are not what they were when it was made';
    // The diffID of a pulled layer is that of another tool's tar.
    const { tarBytes, fileBytes, entries } = facts;
    const same = fileBytes === meta.fileBytes && entries === meta.entries;
    if (!same || (facts.diffID === meta.diffID && tarBytes !== meta.tarBytes))
      return 'its facts are not those of its files';
    return undefined;
  } catch (error) {
    return `it cannot be read: ${(error as Error).message}`;
  }
}

function metaIn(file: string): LayerMeta | undefined {
  try {
    return readMeta(readFileSync(file, 'utf8'));
  } catch {
    return undefined; // Not there or not readable: all the same to who needs it.
  }
}

/** Each diffID leads to its tree: an image finds its layers by them. */
export function checkPointers(store: Store): Checked {
  const problems: StoreProblem[] = [];
  const trees = namesIn(store.path('trees')).filter((name) => name !== 'by-diff');
  const mended = new Set<string>();
  for (const id of trees) {
    const meta = metaIn(store.path('trees', id, 'meta.json'));
    if (meta === undefined) continue;
    const pointer = store.path('trees/by-diff', hexOf(meta.diffID));
    const target = targetOf(pointer);
    if (target === id || (target !== undefined && existsSync(store.path('trees', target, 'fs'))))
      continue; // Two processes made the same layer: one of its trees is enough.
    const fix = (): void => {
      replaceFile(pointer, id, store.path('tmp'));
    };
    mended.add(hexOf(meta.diffID));
    const problem = `nothing leads to it from its diffID ${meta.diffID}`;
    problems.push({ what: `tree ${id}`, problem, remedy: 'stave store check --repair', fix });
  }
  const pointers = namesIn(store.path('trees/by-diff'));
  for (const name of pointers) {
    const file = store.path('trees/by-diff', name);
    if (mended.has(name) || (/^[0-9a-f]{64}$/.test(name) && targetOf(file) !== undefined)) continue;
    const fix = (): void => {
      takeOut(store, file);
    };
    const [problem, remedy] = ['it leads to no tree', 'stave store check --repair'];
    problems.push({ what: `diffID ${name}`, problem, remedy, fix });
  }
  return { kind: 'diffIDs', count: pointers.length, problems };
}

/** `ID` or `ID EPOCH`; of one that was pruned the id remains, and is a miss. */
function targetOf(pointer: string): string | undefined {
  try {
    return /^([0-9a-f]{32})( -?\d+)?$/.exec(readFileSync(pointer, 'latin1'))?.[1];
  } catch {
    return undefined;
  }
}
