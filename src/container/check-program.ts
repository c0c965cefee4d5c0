import { resolveInside, type SourceEntry, type SourceTree } from '../cache/source-tree.js';
import type { Identity } from '../model/process.js';
import { programNotExecutable, programNotFound } from '../runtime/exec-error.js';

export interface Program {
  readonly args: readonly string[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: Identity;
}

/**
 * Says that a program is missing or cannot be run before a runtime starts, which would print words of its own into the
 * container's stderr. What only the runtime can know (an interpreter that is missing) is left to it.
 */
export function checkProgram(tree: SourceTree, { args, env, cwd, user }: Program): void {
  const program = args[0] ?? '';
  if (program === '') throw programNotFound(program);
  const paths = program.includes('/') ? [inside(cwd, program)] : searched(program, env);
  if (paths.some((path) => /^\/+(proc|dev|sys)(\/|$)/.test(path))) return; // Mounted later.
  const found = paths.map((path) => entryAt(tree, path)).filter((entry) => entry !== undefined);
  if (found.some((entry) => isExecutable(entry, user))) return;
  const [first] = found;
  if (first === undefined || (!program.includes('/') && first.type === 'directory'))
    throw programNotFound(program);
  const why = first.type === 'directory' ? 'is a directory' : 'permission denied';
  throw programNotExecutable(program, why);
}

function searched(program: string, env: readonly string[]): string[] {
  const path = env.findLast((entry) => entry.startsWith('PATH='))?.slice('PATH='.length) ?? '';
  return path.split(':').map((directory) => `${directory === '' ? '.' : directory}/${program}`);
}

function inside(cwd: string, program: string): string {
  return program.startsWith('/') ? program : `${cwd}/${program}`;
}

function entryAt(tree: SourceTree, path: string): SourceEntry | undefined {
  const resolved = resolveInside(tree, Buffer.from(path).toString('latin1'), true);
  return resolved === undefined ? undefined : tree.entry(resolved);
}

function isExecutable(entry: SourceEntry, { uid, gid, additionalGids }: Identity): boolean {
  if (entry.type !== 'file') return false;
  if (uid === 0) return (entry.mode & 0o111) !== 0;
  if (entry.uid === uid) return (entry.mode & 0o100) !== 0;
  const group = entry.gid === gid || additionalGids.includes(entry.gid);
  return (entry.mode & (group ? 0o010 : 0o001)) !== 0;
}
