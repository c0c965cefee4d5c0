import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { replaceDurably } from '../cache/durable.js';
import { removeTree } from '../cache/remove-tree.js';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import { nearest } from '../model/nearest.js';
import type { Volume } from '../model/volume.js';
import { makeDeep } from '../sys/make-deep.js';

/** Volumes on disk: `volumes/<name>/meta.json` and `_data`. Who makes or removes one holds the lock of names. */
export interface VolumeStore {
  /** Of what it holds. */
  readonly path: (name: string) => string;
  /** By name. */
  readonly list: () => readonly Volume[];
  /** Throws BuildError `not-found` in docker's words. */
  readonly find: (name: string) => Volume;
  /** The one of that name if there is one. Without a name it is anonymous. Throws BuildError `usage` on a bad name. */
  readonly create: (name: string | undefined, labels: Readonly<Record<string, string>>) => Volume;
  readonly remove: (name: string) => void;
}

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

export interface VolumeStoreDeps {
  /** On the same file system, and swept when we are killed. */
  readonly temporary: () => string;
  readonly tell: (name: string, action: 'create' | 'destroy') => void;
}

export function createVolumeStore(
  directory: string,
  now: () => number,
  { temporary, tell }: VolumeStoreDeps,
): VolumeStore {
  const at = (...parts: string[]): string => join(directory, ...parts);
  const read = (name: string): Volume | undefined => readVolume(at(name, 'meta.json'));
  const create = (wanted: string | undefined, labels: Readonly<Record<string, string>>): Volume => {
    const name = wanted ?? randomBytes(32).toString('hex');
    checkName(name);
    const known = read(name);
    if (known !== undefined) return known;
    const created = new Date(now()).toISOString();
    const volume: Volume = { name, created, labels, anonymous: wanted === undefined };
    // Whole or not at all.
    const fresh = join(temporary(), `volume-${randomBytes(8).toString('hex')}`);
    makeDeep(join(fresh, '_data'), 0o755);
    replaceDurably(join(fresh, 'meta.json'), JSON.stringify(volume));
    renameSync(fresh, at(name));
    tell(name, 'create');
    return volume;
  };
  const list = (): Volume[] =>
    readdirSync(directory)
      .filter((name) => NAME.test(name))
      .sort()
      .map(read)
      .filter((volume) => volume !== undefined);
  return {
    path: (name) => at(name, '_data'),
    list,
    find: (name) => {
      const found = NAME.test(name) ? read(name) : undefined;
      if (found === undefined) throw unknown(name, list());
      return found;
    },
    create,
    remove: (name) => {
      if (discard(at(name), join(directory, '../trash'))) tell(name, 'destroy');
    },
  };
}

function checkName(name: string): void {
  if (NAME.test(name)) return;
  if (name.length < 2)
    throw new BuildError(
      'usage',
      `create ${name}: volume name is too short, names should be at least two alphanumeric characters`,
    );
  throw new BuildError(
    'usage',
    `create ${name}: ${JSON.stringify(name)} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
  );
}

function readVolume(file: string): Volume | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Volume; // Written whole by replaceDurably.
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

function unknown(name: string, volumes: readonly Volume[]): BuildError {
  const near = nearest(
    name,
    volumes.map((volume) => volume.name),
  );
  const hint = near === undefined ? 'stave volume ls lists them' : `did you mean ${near}?`;
  return new BuildError('not-found', `get ${name}: no such volume`, { hint });
}

/** Out of sight first: a kill in between leaves nothing half of it. */
function discard(volume: string, trash: string): boolean {
  if (!existsSync(volume)) return false;
  const going = join(trash, `volume-${randomBytes(8).toString('hex')}`);
  renameSync(volume, going);
  removeTree(going, () => false); // What resists is swept.
  return true;
}
