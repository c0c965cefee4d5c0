import { closeSync, fstatSync, lstatSync, openSync } from 'node:fs';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import { attachMount, cloneMount, type MountAttributes } from '../sys/mounts.js';
import { MountRoot } from './mount-target.js';

const O_PATH = 0o10000000;

/** A thing to mount: `open` gives a mount that is attached nowhere yet. */
export interface MountSource {
  readonly target: string;
  readonly kind: 'file' | 'directory';
  readonly open: () => number;
}

/** A mount of a file or directory of the host that is ours. */
export function hostSource(
  target: string,
  file: string | Buffer,
  attributes: MountAttributes,
): MountSource {
  const kind = lstatSync(file).isDirectory() ? 'directory' : 'file';
  return { target, kind, open: () => cloned(openSync(file, O_PATH), attributes) };
}

function cloned(fd: number, attributes: MountAttributes): number {
  try {
    return cloneMount(fd, attributes);
  } finally {
    closeSync(fd);
  }
}

/** Puts every source on its target, in order. */
export function attachAll(root: string, sources: readonly MountSource[]): void {
  using place = new MountRoot(root);
  for (const source of sources) {
    const target = place.open(source.target, source.kind);
    let mount: number | undefined;
    try {
      if (fstatSync(target).isDirectory() !== (source.kind === 'directory')) throw mismatch(source);
      mount = source.open();
      attachMount(mount, target);
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ESTALE')) throw vanished(source);
      throw error;
    } finally {
      if (mount !== undefined) closeSync(mount);
      closeSync(target);
    }
  }
}

/** It was there a moment ago: a step that shares a cache mount took it away. */
function vanished({ target }: MountSource): BuildError {
  return new BuildError(
    'conflict',
    `--mount target=${target}: removed by another step while this one began`,
    { hint: 'sharing=locked keeps other steps out of a cache mount' },
  );
}

function mismatch({ target, kind }: MountSource): BuildError {
  const other = kind === 'file' ? 'directory' : 'file';
  return new BuildError('syntax', `cannot mount a ${kind} on ${target}, which is a ${other}`);
}
