import { closeSync, lstatSync, openSync, readFileSync } from 'node:fs';
import { sys } from '../sys/sys.js';
import { replaceDurably } from './durable.js';
import { namesIn } from './names-in.js';
import type { Store } from './store.js';
import type { Checked, StoreProblem } from '../model/store-problem.js';
import { takeOut } from './take-out.js';

/** Directories of cache mounts: a cache, so that one that is damaged goes. */
export function checkMounts(store: Store): Checked {
  const names = namesIn(store.path('mounts'));
  const problems = names.flatMap((key): StoreProblem[] => {
    const meta = readObject(store.path('mounts', key, 'meta.json'));
    if (typeof meta?.['id'] === 'string' && isThere(store.path('mounts', key, 'lock'))) return [];
    const fix = (): void => {
      takeOut(store, store.path('mounts', key));
    };
    const remedy = 'none is needed: the next build begins with an empty one';
    return [{ what: `cache mount ${key}`, problem: 'its facts cannot be read', remedy, fix }];
  });
  return { kind: 'mounts', count: names.length, problems };
}

/** Their files are a person's: what is known of one is written again, the files stay. */
export function checkVolumes(store: Store): Checked {
  const names = namesIn(store.path('volumes')).filter((name) => !name.startsWith('.'));
  const problems = names.flatMap((name): StoreProblem[] => {
    const what = `volume ${name}`;
    if (!isThere(store.path('volumes', name, '_data'))) {
      const remedy = `stave volume rm ${name}`;
      return [{ what, problem: 'it has no directory', remedy }];
    }
    const file = store.path('volumes', name, 'meta.json');
    if (readObject(file)?.['name'] === name) return [];
    const fix = (): void => {
      const created = lstatSync(store.path('volumes', name)).birthtime.toISOString();
      replaceDurably(file, JSON.stringify({ name, created, labels: {}, anonymous: false }));
    };
    const remedy = 'stave store check --repair writes them again, without labels; its files stay';
    return [{ what, problem: 'its facts cannot be read', remedy, fix }];
  });
  return { kind: 'volumes', count: names.length, problems };
}

/** What a container wrote is a person's: nothing of it is removed here. */
export function checkContainers(store: Store): Checked {
  const ids = namesIn(store.path('containers'));
  const problems = ids.flatMap((id): StoreProblem[] => {
    const what = `container ${id.slice(0, 12)}`;
    const at = store.path('containers', id);
    const state = readObject(`${at}/state.json`);
    if (state?.['id'] !== id) {
      const remedy = `what it wrote is in ${at}/upper: copy what you need, then rm -r ${at}`;
      return [{ what, problem: 'its state cannot be read', remedy }];
    }
    const layers = Array.isArray(state['layers']) ? state['layers'].map(String) : [];
    const gone = layers.find((tree) => !isThere(store.path('trees', tree, 'fs')));
    if (gone === undefined) return [];
    const remedy = `what it wrote is in ${at}/upper; stave rm ${id.slice(0, 12)}`;
    return [{ what, problem: `layer ${gone} of its image is gone`, remedy }];
  });
  return { kind: 'containers', count: ids.length, problems };
}

export function checkNetworks(store: Store): Checked {
  const names = namesIn(store.path('networks')).filter((name) => name.endsWith('.json'));
  const problems = names.flatMap((name): StoreProblem[] => {
    const file = store.path('networks', name);
    if (`${String(readObject(file)?.['id'])}.json` === name) return [];
    const fix = (): void => {
      takeOut(store, file);
    };
    const remedy = 'stave store check --repair takes it out; then stave network create';
    return [{ what: `network ${name}`, problem: 'its facts cannot be read', remedy, fix }];
  });
  return { kind: 'networks', count: names.length, problems };
}

/** Of the dead they are swept at every start: what is left cannot be opened. */
export function checkLocks(store: Store): Checked {
  const files = ['leases', 'locks'].flatMap((directory) =>
    namesIn(store.path(directory)).map((name) => ({ directory, name })),
  );
  const problems = files.flatMap(({ directory, name }): StoreProblem[] => {
    const file = store.path(directory, name);
    const problem = cannotLock(file);
    if (problem === undefined) return [];
    const fix = (): void => {
      takeOut(store, file);
    };
    const remedy = 'stave store check --repair takes it out';
    return [{ what: `${directory}/${name}`, problem, remedy, fix }];
  });
  return { kind: 'locks', count: files.length, problems };
}

function cannotLock(file: string): string | undefined {
  const stat = lstatSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if (!stat.isFile()) return 'it is no file';
  try {
    const fd = openSync(file, 'r');
    sys().flock(fd, 'shared', false);
    closeSync(fd);
    return undefined;
  } catch (error) {
    return `it cannot be locked: ${(error as Error).message}`;
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Undefined for what is not there, not readable or no JSON object. */
export function readObject(file: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return typeof value === 'object' && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
