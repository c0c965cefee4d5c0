import { realpathSync, statSync } from 'node:fs';
import { isAbsolute, posix, resolve } from 'node:path';
import { type SourceEntry, toBytes, toText } from './cache/source-tree.js';
import { type BuildContext, openContext } from './executor/build-context.js';
import { readIgnoreFile } from './ignore-file.js';
import { BuildError } from './model/error.js';
import { nearest } from './model/nearest.js';

/** A path that `COPY . .` would take. */
export interface ContextPath {
  readonly path: string;
  readonly type: SourceEntry['type'];
  /** Of a directory: all that is taken below it. */
  readonly size: number;
  /** Of a directory: how many files are taken below it. */
  readonly files: number;
}

/** Why a path is in the context or is not. */
export interface ContextVerdict extends ContextPath {
  readonly included: boolean;
  /** `.dockerignore:3`; absent when no line speaks of it. */
  readonly rule?: string;
}

export interface ContextChoice {
  /** A directory of this machine. */
  readonly context: string;
  readonly dockerfile: string | undefined;
}

/** What a build of this directory could copy, parents before children. Throws BuildError `usage`. */
export function listContext(choice: ContextChoice): readonly ContextPath[] {
  const context = open(choice);
  const found: ContextPath[] = [];
  const visit = (entry: SourceEntry): ContextPath => {
    const at = found.length;
    found.push(pathOf(entry));
    if (entry.type !== 'directory') return pathOf(entry);
    const inner = context.children(entry.path).map(visit);
    const whole = { ...pathOf(entry), ...sumOf(inner) };
    found[at] = whole;
    return whole;
  };
  for (const entry of context.children('')) visit(entry);
  return found;
}

/** Whether paths below the context are in it, and by which line. Throws BuildError `not-found`, `usage`. */
export function explainPaths(
  paths: readonly string[],
  choice: ContextChoice,
): readonly ContextVerdict[] {
  const context = open(choice);
  return paths.map((path) => explain(path, context));
}

function explain(written: string, context: BuildContext): ContextVerdict {
  const clean = posix.normalize(written).replace(/\/+$/, '');
  if (isAbsolute(clean) || clean === '..' || clean.startsWith('../'))
    throw new BuildError('usage', `${written} is not a path below the build context`, {
      hint: `write it from ${context.dir}`,
    });
  const path = clean === '.' ? '' : toBytes(clean);
  const entry = context.unfiltered(path);
  if (entry === undefined) throw missing(clean, context);
  const included = context.entry(path) !== undefined;
  const { line } = context.verdict(path);
  const of = included && entry.type === 'directory' ? below(entry, context) : pathOf(entry);
  const rule = line === undefined ? {} : { rule: `${context.ignore.file}:${String(line)}` };
  return { ...of, included, ...rule };
}

function below(entry: SourceEntry, context: BuildContext): ContextPath {
  const inner = context
    .children(entry.path)
    .map((child) => (child.type === 'directory' ? below(child, context) : pathOf(child)));
  return { ...pathOf(entry), ...sumOf(inner) };
}

function sumOf(inner: readonly ContextPath[]): Pick<ContextPath, 'size' | 'files'> {
  let [size, files] = [0, 0];
  for (const each of inner) [size, files] = [size + each.size, files + each.files];
  return { size, files };
}

function pathOf({ path, type, size }: SourceEntry): ContextPath {
  const shown = path === '' ? '.' : toText(path);
  return { path: shown, type, size, files: type === 'directory' ? 0 : 1 };
}

function missing(path: string, context: BuildContext): BuildError {
  const parent = posix.dirname(path);
  const bytes = parent === '.' ? '' : toBytes(parent);
  const there = context.entry(bytes)?.type === 'directory' ? context.children(bytes) : [];
  const near = nearest(
    path,
    there.map((child) => toText(child.path)),
  );
  return new BuildError(
    'not-found',
    `${path}: no such file or directory in ${context.dir}`,
    near === undefined ? {} : { hint: `did you mean ${near}?` },
  );
}

function open({ context, dockerfile }: ContextChoice): BuildContext {
  const stat = statSync(context, { throwIfNoEntry: false });
  if (stat?.isDirectory() !== true) {
    const why = stat === undefined ? 'not found' : 'not a directory';
    throw new BuildError('usage', `build context ${JSON.stringify(context)} is ${why}`, {
      hint: 'only a directory of this machine has ignore rules',
    });
  }
  const dir = realpathSync(context);
  const file = resolve(dockerfile ?? `${dir}/Dockerfile`);
  const ignore = readIgnoreFile(dir, file);
  return openContext({ dir, ignore, now: 0n });
}
