import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { BuildError } from '../model/error.js';

/** A thread costs 20 ms to start: layers below these are hashed in place. */
export const SMALL_LAYER = { entries: 1000, bytes: 16 << 20 };

export function startLayerThread(workerData: unknown): Worker {
  return new Worker(workerFile(), { workerData });
}

/** What a thread says at its end: undefined when it could not follow what it was told. */
export function threadResult<T>(thread: Worker): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    thread.once('message', (result: T | undefined) => {
      resolve(result);
    });
    thread.once('error', (error) => {
      reject(revived(error));
    });
    thread.once('exit', (code) => {
      reject(new Error(`layer worker ended with ${String(code)}`));
    });
  });
}

/** Errors of a thread come with their properties, but not their class. */
function revived(error: Error | BuildError): Error {
  if (error.name !== 'BuildError') return error;
  const { code, message, hint } = error as Pick<BuildError, 'code' | 'message' | 'hint'>;
  return new BuildError(code, message, hint === undefined ? {} : { hint });
}

/** Beside this file when it runs unbundled, beside the bundle (`dist/worker.cjs`) else. */
function workerFile(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const bundled = join(here, 'worker.cjs');
  return existsSync(bundled) ? bundled : join(here, 'layer-worker.js');
}
