import type { SourceEntry, SourceTree } from '../cache/source-tree.js';
import type { IgnoreRules } from './match.js';

/** What a COPY takes below a directory. */
export interface Filter {
  /** `--parents`: only what matches, and the directories on the way to it. */
  readonly include?: IgnoreRules;
  /** `--exclude`: not what matches, but the directories on the way to an exception. */
  readonly exclude?: IgnoreRules;
}

/** A tree below `root` with what a filter leaves of it. Patterns are matched relative to `root`. */
export interface FilteredTree extends SourceTree {
  /** False for a directory that is only there as the way to something below it. */
  readonly matches: (entry: SourceEntry) => boolean;
}

export function filterTree(tree: SourceTree, root: string, filter: Filter): FilteredTree {
  const { include, exclude } = filter;
  const below = (path: string): string => (root === '' ? path : path.slice(root.length + 1));
  const matches = ({ path }: SourceEntry): boolean => {
    if (path === root) return true;
    const relative = below(path);
    if (include !== undefined && !include.verdict(relative).ignored) return false;
    return exclude?.verdict(relative).ignored !== true;
  };
  const leadsOn = ({ type, path }: SourceEntry): boolean => {
    if (type !== 'directory') return false;
    const relative = below(path);
    if (exclude?.verdict(relative).ignored === true && exclude.prunes(relative)) return false;
    if (include?.reaches(relative) === false) return false;
    return children(path).length > 0;
  };
  const listed = new Map<string, readonly SourceEntry[]>();
  const children = (path: string): readonly SourceEntry[] => {
    const known = listed.get(path);
    if (known !== undefined) return known;
    const found = tree.children(path).filter((entry) => matches(entry) || leadsOn(entry));
    listed.set(path, found);
    return found;
  };
  if (include === undefined && exclude === undefined) return { ...tree, matches: () => true };
  return { ...tree, matches, children };
}
