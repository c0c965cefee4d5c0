import { createHash } from 'node:crypto';
import {
  chownSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sys } from '../../src/sys/sys.js';

/** A directory of the host that nothing may touch (RELIABILITY, section 0). */
export interface Canary extends Disposable {
  readonly dir: string;
  /** Bytes of `victim`: they may turn up nowhere. */
  readonly bytes: string;
  /** Everything in it but access times. */
  readonly tree: () => readonly string[];
}

export function plantCanary(): Canary {
  const dir = mkdtempSync(join(tmpdir(), 'canary-'));
  const bytes = `canary ${createHash('sha256').update(dir).digest('hex')}\n`;
  writeFileSync(join(dir, 'victim'), bytes);
  writeFileSync(join(dir, 'ptmx'), 'decoy');
  // What a careless removal of mount points would take: nothing in them.
  writeFileSync(join(dir, 'nothing'), '');
  mkdirSync(join(dir, 'empty'));
  mkdirSync(join(dir, 'e/f'), { recursive: true });
  sys().mknod(join(dir, 'fifo'), 0o010600, 0, 0);
  chmodSync(join(dir, 'victim'), 0o640);
  chownSync(join(dir, 'victim'), 1234, 1234);
  for (const name of ['victim', 'ptmx', 'nothing', 'empty', 'e/f', 'e', '.'])
    utimesSync(join(dir, name), 1e9, 1e9);
  return {
    dir,
    bytes,
    tree: () => describe(dir, ''),
    [Symbol.dispose]: () => {
      rmSync(dir, { recursive: true });
    },
  };
}

function describe(root: string, path: string): string[] {
  const full = join(root, path);
  const stat = lstatSync(full);
  const content = stat.isFile()
    ? createHash('sha256').update(readFileSync(full)).digest('hex')
    : stat.isSymbolicLink()
      ? readlinkSync(full)
      : '';
  const facts = [stat.mode.toString(8), stat.uid, stat.gid, stat.size, stat.mtimeMs, content];
  const own = `/${path} ${facts.join(' ')}`;
  if (!stat.isDirectory()) return [own];
  return [
    own,
    ...readdirSync(full)
      .sort()
      .flatMap((name) => describe(root, join(path, name))),
  ];
}
