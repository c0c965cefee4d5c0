// Files below `root` whose name matches, as sorted relative paths. Node 20 has no fs.globSync.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

export function globSync(root, pattern) {
  const found = [];
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    const path = join(root, entry.name);
    if (entry.isDirectory()) found.push(...globSync(path, pattern));
    else if (pattern.test(entry.name)) found.push(path);
  }
  return found.sort();
}
