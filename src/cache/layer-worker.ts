import { parentPort, workerData } from 'node:worker_threads';
import { digestContent, digestLayer, type KnownContents } from './layer-digest.js';
import { receiveLayer } from './layer-stream.js';

/** Thread entry: hashes one layer, a finished directory or one that is told of while it is written. */
interface Directory {
  readonly root: string;
  readonly known: KnownContents;
  readonly epoch?: number;
}
type Work = Directory | { readonly contentOf: string } | { readonly done: Float64Array };
const data = workerData as Work;
if (parentPort !== null) {
  if ('contentOf' in data) parentPort.postMessage(digestContent(data.contentOf));
  else if ('done' in data) receiveLayer(parentPort, data.done);
  else parentPort.postMessage(digestLayer(data.root, data.known, data.epoch));
}
