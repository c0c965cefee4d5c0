import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, type Tool } from './tools.js';

export const DISK = '10 versions on disk';
const VERSIONS = 10;
const MIB = 1 << 20;

/** Bytes that each store has more after ten versions of an app whose 300 MB of dependencies never change. */
export function versionsOnDisk(
  tools: readonly Tool[],
  dir: string,
): { readonly bytes: ReadonlyMap<string, number>; readonly live: number } {
  dependencies(join(dir, 'deps'));
  mkdirSync(join(dir, 'src'));
  writeFileSync(
    join(dir, 'Dockerfile'),
    'FROM bench-base\nCOPY deps /app/deps\nCOPY src /app/src\nRUN cp -r /app/src /app/dist\nCMD ["/app/dist/0"]\n',
  );
  const before = new Map(tools.map((tool) => [tool.name, used(tool.store)]));
  for (let version = 0; version < VERSIONS; version++) {
    for (let i = 0; i < 50; i++)
      writeFileSync(join(dir, 'src', String(i)), `${String(version)}\n`.repeat(10_000));
    for (const tool of tools) run(tool.build(dir, `bench-app-${String(version)}`));
  }
  run({ argv: ['sync'] });
  const bytes = tools.map(
    ({ name, store }) => [name, used(store) - (before.get(name) ?? 0)] as const,
  );
  // The app is in each version twice: as copied, and as its RUN wrote it.
  const live = used(join(dir, 'deps')) + 2 * VERSIONS * used(join(dir, 'src'));
  return { bytes: new Map(bytes), live };
}

/** Node's own program, cut and numbered: 300 MB that compress as machine code does. */
function dependencies(dir: string): void {
  mkdirSync(dir);
  for (let i = 0; i < 3; i++) {
    const path = join(dir, `library-${String(i)}.so`);
    copyFileSync(process.execPath, path);
    run({ argv: ['truncate', '-s', String(100 * MIB), path] });
    writeFileSync(path, String(i), { flag: 'a' });
  }
}

function used(path: string): number {
  const { stdout } = spawnSync('du', ['-s', '-B1', path], { encoding: 'utf8' });
  return Number(stdout.split('\t')[0]);
}
