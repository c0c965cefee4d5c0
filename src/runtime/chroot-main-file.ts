import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Beside this file when it runs unbundled, beside the bundle (`dist/chroot.cjs`) else. */
export function chrootMain(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const bundled = join(here, 'chroot.cjs');
  return existsSync(bundled) ? bundled : join(here, 'chroot-main.js');
}
