import { lstatSync, readdirSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { bytesUnder } from './layer-walk.js';
import { digestLayer, type KnownContents, type LayerFacts } from './layer-digest.js';
import { layerWorkerFile } from './layer-worker-file.js';

/** A worker costs 20 ms to start: layers below these are hashed in place. */
const SMALL_ENTRIES = 1000;
const SMALL_BYTES = 16 << 20;

/** Runs `digestLayer`, in a worker thread when the layer is large, so that what comes next need not wait. */
export async function runDigest(
  root: string,
  known: KnownContents,
  epoch?: number,
): Promise<LayerFacts> {
  if (isSmall(root)) return digestLayer(root, known, epoch);
  const worker = new Worker(layerWorkerFile(), { workerData: { root, known, epoch } });
  return new Promise((resolve, reject) => {
    worker.once('message', (facts: LayerFacts) => {
      resolve(facts);
    });
    worker.once('error', reject);
    worker.once('exit', (code) => {
      reject(new Error(`layer worker ended with ${String(code)}`));
    });
  });
}

function isSmall(root: string): boolean {
  let [entries, bytes] = [0, 0];
  const within = (directory: string): boolean => {
    for (const name of readdirSync(bytesUnder(root, directory), { encoding: 'latin1' })) {
      const path = directory === '' ? name : `${directory}/${name}`;
      const stat = lstatSync(bytesUnder(root, path));
      entries++;
      if (stat.isFile()) bytes += stat.size;
      if (entries > SMALL_ENTRIES || bytes > SMALL_BYTES) return false;
      if (stat.isDirectory() && !within(path)) return false;
    }
    return true;
  };
  return within('');
}
