import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Processes whose environment, arguments or mounts name the store; a busy machine needs a moment to reap the killed. */
export async function leftProcesses(root: string): Promise<string[]> {
  for (let tries = 0; ; tries++) {
    const left = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .filter((pid) =>
        ['environ', 'cmdline', 'mountinfo'].some((file) => mentions(pid, file, root)),
      );
    if (left.length === 0 || tries === 1000) return left;
    await delay(10);
  }
}

function mentions(pid: string, file: string, root: string): boolean {
  try {
    return readFileSync(join('/proc', pid, file), 'latin1').includes(root);
  } catch {
    return false; // It ended meanwhile.
  }
}
