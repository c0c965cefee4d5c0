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
  /** What is put there in a chroot, where nothing can be mounted. */
  readonly stand?: Stand;
}

/** `move`: the directory at the descriptor, by itself. */
export type Stand =
  | { readonly kind: 'copy'; readonly file: string | Buffer }
  | { readonly kind: 'empty'; readonly mode: number }
  | { readonly kind: 'move'; readonly fd: number };

/** A mount of a file or directory of the host that is ours. */
export function hostSource(
  target: string,
  file: string | Buffer,
  attributes: MountAttributes,
): MountSource {
  const kind = lstatSync(file).isDirectory() ? 'directory' : 'file';
  const open = (): number => cloned(openSync(file, O_PATH), attributes);
  return { target, kind, open, stand: { kind: 'copy', file } };
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

export function mismatch({ target, kind }: Pick<MountSource, 'target' | 'kind'>): BuildError {
  const other = kind === 'file' ? 'directory' : 'file';
  return new BuildError('syntax', `cannot mount a ${kind} on ${target}, which is a ${other}`);
}
