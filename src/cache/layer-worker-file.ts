import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The hashing thread's entry: beside this file when it runs unbundled, beside the bundle (`dist/worker.cjs`) else. */
export function layerWorkerFile(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const bundled = join(here, 'worker.cjs');
  return existsSync(bundled) ? bundled : join(here, 'layer-worker.js');
}
