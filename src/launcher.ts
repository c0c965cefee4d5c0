import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Path of bin/stave, which puts the engine into a mount namespace of its own. */
export function launcher(): string {
  return join(dirname(fileURLToPath(import.meta.url)), '../bin/stave');
}
