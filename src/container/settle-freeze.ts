import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { claimFile } from '../cache/lock-file.js';
import type { ContainerState } from '../model/container.js';
import { thaw } from './freeze.js';

/** Of who was killed in between: a container (`dir` is its directory) that is said to run does. */
export function settleFreeze(state: ContainerState, dir: string): void {
  const file = join(dir, 'freezing');
  if (!existsSync(file)) return;
  claimFile(file, () => {
    if (state.status === 'running' && state.pid > 0) thaw(state);
  });
}
