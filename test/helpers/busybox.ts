import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUSYBOX_DOCKERFILE } from './stave.js';

/** A context directory whose Dockerfile makes the base image `bb` from Debian's busybox-static. */
export function busyboxContext(dir: string, dockerfile = BUSYBOX_DOCKERFILE): string {
  const context = join(dir, 'busybox-context');
  mkdirSync(context, { recursive: true });
  copyFileSync('/bin/busybox', join(context, 'busybox'));
  writeFileSync(join(context, 'Dockerfile'), dockerfile);
  return context;
}
