import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const ENTER = 'for f do shift; [ "$f" = -- ] && break; echo $$ >"$f" || exit 125; done; exec "$@"';

/**
 * The beginning of a command line whose program joins a cgroup (`path`, below the root of each hierarchy) before it
 * begins: what it starts, a runtime does not put there.
 */
export function enterCgroup(path: string, root = '/sys/fs/cgroup'): readonly string[] {
  const files = [root, ...readdirSync(root).map((name) => join(root, name))]
    .map((hierarchy) => join(hierarchy, path, 'cgroup.procs'))
    .filter((file) => existsSync(file));
  return ['/bin/sh', '-c', ENTER, 'sh', ...files, '--'];
}
