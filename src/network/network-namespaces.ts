import { mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../model/has-code.js';
import { sys } from '../sys/sys.js';
import { namespacePath } from './take-down.js';

/**
 * Network namespaces under a name: mounts in this process' own mount namespace, which a container's monitor shares. So
 * a namespace is there as long as one of the two, and goes with the last of them, killed or not.
 */
export interface NamedNamespaces {
  /** Gives its path. */
  readonly hold: (container: string, fd: number) => string;
  /** Where it is held by the mounts we live in. */
  readonly find: (container: string) => string | undefined;
  readonly release: (container: string) => void;
}

const NSFS_MAGIC = 0x6e736673;

export function createNamedNamespaces(directory: string): NamedNamespaces {
  const path = (container: string): string => join(directory, container);
  return {
    hold: (container, fd) => {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      writeFileSync(path(container), '');
      sys().bindMount(namespacePath(fd), path(container));
      return path(container);
    },
    find: (container) => (isNamespace(path(container)) ? path(container) : undefined),
    release: (container) => {
      if (isNamespace(path(container))) sys().umount(path(container));
      rmSync(path(container), { force: true });
    },
  };
}

function isNamespace(path: string): boolean {
  try {
    return statfsSync(path).type === NSFS_MAGIC;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Names of containers that have or had one. */
export function namespaceNames(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}
