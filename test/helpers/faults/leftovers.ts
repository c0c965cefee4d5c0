import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** What a finished command must not leave in its store: files of dead processes, half-written ones, trees of nobody. */
export function leftovers(root: string): string[] {
  const passing = ['tmp', 'leases', 'locks', 'trash', 'partial'].flatMap((name) =>
    namesIn(join(root, name)).map((each) => `${name}/${each}`),
  );
  return [...passing, ...temporaries(root), ...bareTrees(root)].sort();
}

/** A name as `replaceFile` and its like give it before they rename. */
function temporaries(root: string): string[] {
  return ['refs', 'records', 'contexts', 'trees', 'blobs', 'volumes', 'networks', 'mounts', '.']
    .flatMap((name) => filesBelow(root, name, name === '.' ? 0 : 3))
    .filter((path) => /\.[0-9a-f]{12}(\.tmp)?$|\.tmp$/.test(path));
}

/** A tree whose facts were never written is found by nobody. */
function bareTrees(root: string): string[] {
  return namesIn(join(root, 'trees'))
    .filter((id) => id !== 'by-diff' && !existsSync(join(root, 'trees', id, 'meta.json')))
    .map((id) => `trees/${id} without facts`);
}

function filesBelow(root: string, directory: string, depth: number): string[] {
  const at = join(root, directory);
  if (!existsSync(at)) return [];
  return readdirSync(at, { withFileTypes: true }).flatMap((entry) => {
    const path = `${directory}/${entry.name}`;
    if (!entry.isDirectory()) return [path];
    return depth === 0 || entry.name === 'fs' || entry.name === '_data'
      ? []
      : filesBelow(root, path, depth - 1);
  });
}

function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}
