import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { StaveWorld } from './stave.js';

/** A context of its own in the world's directory: a Dockerfile and files by path. */
export function contextOf(
  world: StaveWorld,
  dockerfile: string,
  files: Readonly<Record<string, string>> = {},
): string {
  const context = mkdtempSync(join(world.dir, 'ctx-'));
  for (const [path, text] of Object.entries({ ...files, Dockerfile: dockerfile })) {
    mkdirSync(dirname(join(context, path)), { recursive: true });
    writeFileSync(join(context, path), text);
  }
  return context;
}

/** Copies a program of this machine with its libraries to their own paths below `root`. */
export function copyProgram(program: string, root: string): void {
  const { stdout } = spawnSync('ldd', [program], { encoding: 'utf8' });
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path);
  for (const file of [program, ...libraries]) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    copyFileSync(file, join(root, file));
  }
}
