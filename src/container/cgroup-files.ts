import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../model/has-code.js';

const ROOT = '/sys/fs/cgroup';

/**
 * The directory of a container's own cgroup for a controller of version 1 (`freezer`, `memory`), or of version 2 (`''`).
 * Undefined where it has none: then its processes share a cgroup with others, of which nothing can be said or done.
 */
export function containerCgroup(
  { id, pid }: { readonly id: string; readonly pid: number },
  controller: string,
): string | undefined {
  const path = pathsOf(pid).get(controller);
  if (!path?.split('/').some((part) => part.includes(id))) return undefined;
  const directory = join(ROOT, controller, path);
  return existsSync(directory) ? directory : undefined;
}

/** Lines of /proc/pid/cgroup: `6:freezer:/path`, version 2: `0::/path` (cgroups(7)). */
function pathsOf(pid: number): ReadonlyMap<string, string> {
  const paths = new Map<string, string>();
  for (const line of textOf(`/proc/${String(pid)}/cgroup`).split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (path !== undefined)
      for (const name of (controllers ?? '').split(',')) paths.set(name, path);
  }
  return paths;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH')) return ''; // It ended meanwhile.
    throw error;
  }
}
