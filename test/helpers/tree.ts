import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Unpacks a tar with GNU tar (owners, modes, devices, xattrs kept), so that both sides are read the same way. */
export function untar(file: string, into: string): void {
  // Where ext4 looks for inodes far from those of trees removed a moment ago: see scripts/run-tests.mjs.
  spawnSync('chattr', ['+T', dirname(into)]);
  mkdirSync(into, { recursive: true });
  const args = ['-x', '-p', '--numeric-owner', '--same-owner', '--xattrs', '-f', file, '-C', into];
  const result = spawnSync('tar', args, { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`tar: ${result.stderr}`);
}

/** The lines of layers in overlay form, topmost first, mounted read only for a moment. */
export function overlayLines(layers: readonly string[], at: string): string[] {
  if (layers.length < 2) return layers.flatMap(treeLines);
  mkdirSync(at, { recursive: true });
  const options = `ro,lowerdir=${layers.join(':')}`;
  const mounted = spawnSync('mount', ['-t', 'overlay', 'overlay', '-o', options, at], {
    encoding: 'utf8',
  });
  if (mounted.status !== 0) throw new Error(`mount ${at}: ${mounted.stderr}`);
  try {
    return treeLines(at);
  } finally {
    spawnSync('umount', [at]);
  }
}

/** One line a path: type, mode, owner, size and content, link target, device; never mtime. Sorted. */
export function treeLines(root: string): string[] {
  const links = new Map<string, string>();
  const lines: string[] = [];
  const visit = (path: string): void => {
    for (const name of readdirSync(join(root, path)).sort()) {
      const child = `${path}/${name}`;
      lines.push(describe(root, child, links));
      if (lstatSync(join(root, child)).isDirectory()) visit(child);
    }
  };
  visit('');
  return lines;
}

function describe(root: string, path: string, links: Map<string, string>): string {
  const full = join(root, path);
  const stat = lstatSync(full);
  const head = `${path} ${(stat.mode & 0o170000).toString(8)} ${(stat.mode & 0o7777).toString(8)} ${String(stat.uid)}:${String(stat.gid)}`;
  if (stat.isSymbolicLink())
    return `${path} link -> ${readlinkSync(full)} ${String(stat.uid)}:${String(stat.gid)}`;
  if (stat.isCharacterDevice() || stat.isBlockDevice()) return `${head} dev ${String(stat.rdev)}`;
  if (!stat.isFile()) return head;
  const id = String(stat.ino);
  const first = stat.nlink > 1 ? links.get(id) : undefined;
  if (first !== undefined) return `${path} hard link to ${first}`;
  links.set(id, path);
  return `${head} ${String(stat.size)} ${createHash('sha256').update(readFileSync(full)).digest('hex').slice(0, 16)}`;
}
