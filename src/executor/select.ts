import { createHash } from 'node:crypto';
import {
  resolveInside,
  type SourceEntry,
  type SourceTree,
  toBytes,
  toText,
} from '../cache/source-tree.js';
import { type Digest, digestFromHex } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import type { ListedFact } from '../model/op.js';
import { compileWildcard, hasWildcard } from './match.js';

/** One thing a COPY takes: what was named, and what it is after following links. */
export interface Selected {
  /** Last component as written: the name it gets in a directory. */
  readonly name: string;
  readonly entry: SourceEntry;
}

/** Sources of a COPY, resolved. Throws what `missing` makes of a literal source that is not there. */
export function selectSources(
  tree: SourceTree,
  sources: readonly string[],
  missing: (source: string) => BuildError,
): Selected[] {
  return sources.flatMap((source) => {
    const path = normalize(toBytes(source));
    if (hasWildcard(path)) return matching(tree, path, source);
    const found = follow(tree, path);
    if (found === undefined) throw missing(source);
    return [{ name: lastOf(path), entry: found }];
  });
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

/** Walks only as deep as the pattern, below its first parts without a wildcard. */
function matching(tree: SourceTree, pattern: string, source: string): Selected[] {
  let matches: (path: string) => boolean;
  try {
    matches = compileWildcard(pattern);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new BuildError('syntax', `bad pattern ${JSON.stringify(source)}: ${error.message}`, {
      hint: 'a special character is written in brackets: [[] for [',
    });
  }
  const parts = pattern.split('/');
  const literal = parts.findIndex(hasWildcard);
  const from = resolveInside(tree, parts.slice(0, literal).join('/'), true) ?? '';
  let level =
    tree.entry(from)?.type === 'directory'
      ? [{ shown: parts.slice(0, literal).join('/'), path: from }]
      : [];
  for (let depth = literal; depth < parts.length; depth++) {
    const upTo = compileWildcard(parts.slice(0, depth + 1).join('/'));
    level = level.flatMap(({ shown, path }) =>
      childrenOf(tree, path)
        .map((child) => ({
          shown: shown === '' ? lastOf(child.path) : `${shown}/${lastOf(child.path)}`,
          path: child.path,
        }))
        .filter((child) => upTo(child.shown)),
    );
  }
  return level
    .filter(({ shown }) => matches(shown))
    .map(({ shown, path }) => ({ name: lastOf(shown), entry: follow(tree, path) }))
    .filter((found): found is Selected => found.entry !== undefined);
}

function childrenOf(tree: SourceTree, path: string): readonly SourceEntry[] {
  const resolved = resolveInside(tree, path, true);
  return resolved !== undefined && tree.entry(resolved)?.type === 'directory'
    ? tree.children(resolved)
    : [];
}

/** Digest and facts of exactly what is selected: names, types, modes, contents, links; owners only if they are kept. */
export function digestSelection(
  tree: SourceTree,
  selected: readonly Selected[],
  keepsOwners: boolean,
): { digest: Digest; list: () => readonly ListedFact[] } {
  const hash = createHash('sha256');
  const visit = (name: string, entry: SourceEntry): void => {
    hash.update(`${name}\0${factsOf(tree, entry, keepsOwners)}\n`, 'latin1');
    if (entry.type !== 'directory') return;
    for (const child of tree.children(entry.path)) visit(lastOf(child.path), child);
    hash.update('\0\n');
  };
  for (const { name, entry } of selected) {
    // A directory gives its contents: its own name, mode and owner do not arrive.
    if (entry.type !== 'directory') visit(name, entry);
    else for (const child of tree.children(entry.path)) visit(lastOf(child.path), child);
    hash.update('\0\n');
  }
  return {
    digest: digestFromHex(hash.digest('hex')),
    list: () => listFacts(tree, selected, keepsOwners),
  };
}

function factsOf(tree: SourceTree, entry: SourceEntry, keepsOwners: boolean): string {
  const owner = keepsOwners ? `${String(entry.uid)}:${String(entry.gid)}` : '';
  const content =
    entry.type === 'file' ? tree.contentHash(entry) : `${entry.link ?? ''}\0${deviceOf(entry)}`;
  return `${entry.type}\0${String(entry.mode)}\0${owner}\0${content}`;
}

function deviceOf({ type, rdev }: SourceEntry): string {
  return type.endsWith('-device') ? String(rdev) : '';
}

function listFacts(
  tree: SourceTree,
  selected: readonly Selected[],
  keepsOwners: boolean,
): ListedFact[] {
  const facts: ListedFact[] = [];
  const visit = (entry: SourceEntry): void => {
    const owner = keepsOwners ? { owner: `${String(entry.uid)}:${String(entry.gid)}` } : {};
    const content = entry.type === 'file' ? { content: tree.contentHash(entry) } : {};
    const link = entry.link === undefined ? {} : { link: entry.link };
    const mode = { mode: entry.mode.toString(8) };
    facts.push({
      path: toText(entry.path),
      facts: { type: entry.type, ...content, ...link, ...mode, ...owner },
    });
    if (entry.type === 'directory') for (const child of tree.children(entry.path)) visit(child);
  };
  for (const { entry } of selected) {
    if (entry.type !== 'directory') visit(entry);
    else for (const child of tree.children(entry.path)) visit(child);
  }
  return facts.sort((a, b) => (a.path < b.path ? -1 : 1));
}
