import { lstatSync, readdirSync } from 'node:fs';
import { hasCode } from '../model/has-code.js';
import { bytesUnder } from './layer-walk.js';
import { digestLayer, type KnownContents, type LayerFacts } from './layer-digest.js';
import { layerFacts, SMALL_LAYER, startLayerThread } from './layer-thread.js';

/** Runs `digestLayer`, in a worker thread when the layer is large, so that what comes next need not wait. */
export async function runDigest(
  root: string,
  known: KnownContents,
  epoch?: number,
): Promise<LayerFacts> {
  if (isSmall(root)) return digestLayer(root, known, epoch);
  const facts = await layerFacts(startLayerThread({ root, known, epoch }));
  if (facts === undefined) throw new Error(`no digest of ${root}`);
  return facts;
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
