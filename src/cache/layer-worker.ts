import { parentPort, workerData } from 'node:worker_threads';
import { digestLayer, type KnownContents } from './layer-digest.js';

/** Thread entry: hashes one layer directory and answers with its facts. */
const { root, known, epoch } = workerData as {
  root: string;
  known: KnownContents;
  epoch?: number;
};
parentPort?.postMessage(digestLayer(root, known, epoch));
