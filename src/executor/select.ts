import {
  resolveInside,
  type SourceEntry,
  type SourceTree,
  toBytes,
  toText,
} from '../cache/source-tree.js';
import { BuildError } from '../model/error.js';
import { type FilteredTree, filterTree } from './filter-tree.js';
import { compilePatterns, compileWildcard, hasWildcard, type IgnoreRules } from './match.js';

/** One thing a COPY takes: what was named, and what it is after following links. */
export interface Selected {
  /** Last component as written: the name it gets in a directory. */
  readonly name: string;
  readonly entry: SourceEntry;
  /** What is taken below it, when it is a directory. */
  readonly tree: FilteredTree;
}

/** The part of a CopySpec that says which files. */
export interface Selection {
  readonly sources: readonly string[];
  readonly parents?: boolean;
  readonly exclude?: readonly string[];
}

/** Sources of a COPY, resolved. Throws what `missing` makes of a literal source that is not there. */
export function selectSources(
  tree: SourceTree,
  { sources, parents, exclude }: Selection,
  missing: (source: string) => BuildError,
): Selected[] {
  const without = exclude === undefined ? undefined : compilePatterns(exclude, '--exclude');
  const select: Select = { tree, ...(without === undefined ? {} : { exclude: without }), missing };
  return sources.flatMap((source) =>
    parents === true ? withParents(select, source) : plain(select, source),
  );
}

interface Select {
  readonly tree: SourceTree;
  readonly exclude?: IgnoreRules;
  readonly missing: (source: string) => BuildError;
}

function plain(select: Select, source: string): Selected[] {
  return namedBy(select, source).flatMap(({ name, entry }) => {
    // A named file's path relative to the source root is its name.
    if (entry.type !== 'directory' && select.exclude?.verdict(name).ignored === true) return [];
    return [{ name, entry, tree: filterTree(select.tree, entry.path, select) }];
  });
}

interface Named {
  readonly name: string;
  readonly entry: SourceEntry;
}

function namedBy({ tree, missing }: Select, source: string): Named[] {
  const path = normalize(toBytes(source));
  if (hasWildcard(path)) return matching(tree, path, missing);
  // A backslash may be of the name, or quote what follows it.
  for (const literal of [path, path.replace(/\\([^])/g, '$1')]) {
    const entry = follow(tree, literal);
    if (entry !== undefined) return [{ name: lastOf(literal), entry }];
  }
  throw missing(source);
}

/**
 * `--parents`: the path is kept below the source root, or below the pivot `/./`. The part that is kept is a pattern of
 * the ignore dialect, and nothing in it follows a link.
 */
function withParents(select: Select, source: string): Selected[] {
  const [, pivot = '/', kept = source] = /^(.*?)\/\.\/(.*)$/s.exec(source) ?? [];
  const pattern = normalize(toBytes(kept));
  const literal = !hasWildcard(toBytes(pivot)) && !hasWildcard(pattern);
  if (literal && follow(select.tree, normalize(toBytes(`${pivot}/${kept}`))) === undefined) {
    throw select.missing(source.replace('/./', '/'));
  }
  const include =
    pattern === '' ? {} : { include: compilePatterns([toText(pattern)], '--parents') };
  const roots = namedBy(select, pivot).filter(({ entry }) => entry.type === 'directory');
  const selected = roots.map(({ entry }) => ({
    name: '',
    entry,
    tree: filterTree(select.tree, entry.path, { ...select, ...include }),
  }));
  if (literal && select.exclude === undefined && selected.every(isEmpty)) throw throughLink(source);
  return selected;
}

function isEmpty({ entry, tree }: Selected): boolean {
  return tree.children(entry.path).length === 0;
}

function throughLink(source: string): BuildError {
  return new BuildError(
    'not-found',
    `COPY --parents ${source}: the path leads through a symbolic link, which --parents does not follow`,
    { hint: 'name the directory the link leads to' },
  );
}

/** Leading `/` and `..` stay inside the root. */
function normalize(source: string): string {
  const parts: string[] = [];
  for (const part of source.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return parts.join('/');
}

function lastOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function follow(tree: SourceTree, path: string): SourceEntry | undefined {
  const resolved = resolveInside(tree, path, true);
  return resolved === undefined ? undefined : tree.entry(resolved);
}

/**
 * Walks only as deep as the pattern, below its first parts without a wildcard. Links are followed up to there and at a
 * match, not between.
 */
function matching(tree: SourceTree, pattern: string, missing: Select['missing']): Named[] {
  const parts = pattern.split('/');
  const literal = parts.findIndex(hasWildcard);
  const from = resolveInside(tree, parts.slice(0, literal).join('/'), true);
  if (from === undefined || tree.entry(from)?.type !== 'directory') return [];
  let level: readonly SourceEntry[] = [];
  for (let depth = literal; depth < parts.length; depth++) {
    const matches = compile(parts[depth] ?? '', pattern);
    const directories =
      depth === literal ? [from] : level.filter(isDirectory).map(({ path }) => path);
    level = directories.flatMap((path) =>
      tree.children(path).filter((child) => matches(lastOf(child.path))),
    );
  }
  return level.map(({ path }) => {
    const entry = follow(tree, path);
    if (entry === undefined) throw missing(toText(path));
    return { name: lastOf(path), entry };
  });
}

function isDirectory({ type }: SourceEntry): boolean {
  return type === 'directory';
}

function compile(part: string, pattern: string): (name: string) => boolean {
  try {
    return compileWildcard(part);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new BuildError(
      'syntax',
      `bad pattern ${JSON.stringify(toText(pattern))}: ${error.message}`,
      { hint: 'a special character is written in brackets: [[] for [' },
    );
  }
}
