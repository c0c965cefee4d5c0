import { createHash } from 'node:crypto';
import { createReadStream, lstatSync, type Stats } from 'node:fs';
import { namesIn } from './names-in.js';
import type { Store } from './store.js';
import type { Checked, StoreProblem } from '../model/store-problem.js';
import { takeOut } from './take-out.js';

/** Manifests and configs are always read; layers only in a full check. */
const DOCUMENT = 4 << 20;

const REMEDY = 'pull, load or build its images again';

/** What is stored under a digest has that digest. */
export async function checkBlobs(store: Store, full: boolean): Promise<Checked> {
  const problems: StoreProblem[] = [];
  const names = namesIn(store.path('blobs/sha256'));
  for (const name of names) {
    const file = store.path('blobs/sha256', name);
    const problem = await wrong(name, file, full);
    if (problem === undefined) continue;
    const fix = (): void => {
      takeOut(store, file);
    };
    problems.push({ what: `blob ${name}`, problem, remedy: REMEDY, fix });
  }
  return { kind: 'blobs', count: names.length, problems };
}

async function wrong(name: string, file: string, full: boolean): Promise<string | undefined> {
  if (!/^[0-9a-f]{64}$/.test(name)) return 'no digest is its name';
  const stat = lstatSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return undefined; // Pruned meanwhile.
  if (!stat.isFile()) return `it is ${kindOf(stat)}, not a file`;
  if (!full && stat.size > DOCUMENT) return undefined;
  try {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 }))
      hash.update(chunk as Buffer);
    const digest = hash.digest('hex');
    return digest === name ? undefined : `its bytes have digest ${digest}`;
  } catch (error) {
    return `it cannot be read: ${(error as Error).message}`;
  }
}

function kindOf(stat: Stats): string {
  if (stat.isDirectory()) return 'a directory';
  return stat.isSymbolicLink() ? 'a link' : 'a special file';
}
