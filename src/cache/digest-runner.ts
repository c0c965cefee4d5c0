import { lstatSync, readdirSync } from 'node:fs';
import type { TreeDigest } from '../model/digest.js';
import { hasCode } from '../model/has-code.js';
import { bytesUnder } from './layer-walk.js';
import { digestContent, digestLayer, type KnownContents, type LayerFacts } from './layer-digest.js';
import { SMALL_LAYER, startLayerThread, threadResult } from './layer-thread.js';

/** Runs `digestLayer`, in a worker thread when the layer is large, so that what comes next need not wait. */
export async function runDigest(
  root: string,
  known: KnownContents,
  epoch?: number,
): Promise<LayerFacts> {
  if (isSmall(root)) return digestLayer(root, known, epoch);
  return inThread<LayerFacts>({ root, known, epoch });
}

/** The same with `digestContent`. */
export async function runContentDigest(root: string): Promise<TreeDigest> {
  return isSmall(root) ? digestContent(root) : inThread<TreeDigest>({ contentOf: root });
}

async function inThread<T>(work: unknown): Promise<T> {
  const found = await threadResult<T>(startLayerThread(work));
  if (found === undefined) throw new Error('a digest of nothing');
  return found;
}

function isSmall(root: string): boolean {
  let [entries, bytes] = [0, 0];
  const within = (directory: string): boolean => {
    for (const name of readdirSync(bytesUnder(root, directory), { encoding: 'latin1' })) {
      const path = directory === '' ? name : `${directory}/${name}`;
      const stat = lstatSync(bytesUnder(root, path));
      entries++;
      if (stat.isFile()) bytes += stat.size;
      if (entries > SMALL_LAYER.entries || bytes > SMALL_LAYER.bytes) return false;
      if (stat.isDirectory() && !within(path)) return false;
    }
    return true;
  };
  try {
    return within('');
  } catch (error) {
    if (hasCode(error, 'ENAMETOOLONG')) return true; // The walk says what is too deep.
    throw error;
  }
}
