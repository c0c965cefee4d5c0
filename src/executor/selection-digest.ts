import { createHash } from 'node:crypto';
import { type SourceEntry, type SourceTree, toText } from '../cache/source-tree.js';
import { type Digest, digestFromHex } from '../model/digest.js';
import type { ListedFact } from '../model/op.js';
import type { Selected } from './select.js';

/**
 * Digest and facts of exactly what is selected: names, types, modes, contents, links, attributes; owners only if they
 * are kept. No times and no inodes.
 */
export function digestSelection(
  selected: readonly Selected[],
  keepsOwners: boolean,
): { digest: Digest; list: () => readonly ListedFact[] } {
  const hash = new TextHash();
  for (const { name, entry, tree } of selected) {
    const visit = (child: SourceEntry, as: string): void => {
      const way = child.type === 'directory' && !tree.matches(child) ? '\0way' : '';
      hash.add(`${as}\0${factsOf(tree, child, keepsOwners)}${way}\n`);
      if (child.type !== 'directory') return;
      for (const below of tree.children(child.path)) visit(below, lastOf(below));
      hash.add('\0\n');
    };
    // A directory gives its contents: its own name, mode and owner do not arrive.
    hash.add(entry.type === 'directory' ? 'contents\n' : 'one\n');
    if (entry.type !== 'directory') visit(entry, name);
    else for (const child of tree.children(entry.path)) visit(child, lastOf(child));
    hash.add('\0\n');
  }
  return {
    digest: digestFromHex(hash.hex()),
    list: () => listFacts(selected, keepsOwners),
  };
}

const CHUNK = 1 << 16;

/** Many short texts are hashed at the price of few. */
class TextHash {
  readonly #hash = createHash('sha256');
  #text = '';

  /** latin1. */
  add(text: string): void {
    this.#text += text;
    if (this.#text.length >= CHUNK) this.#flush();
  }

  hex(): string {
    this.#flush();
    return this.#hash.digest('hex');
  }

  #flush(): void {
    this.#hash.update(this.#text, 'latin1');
    this.#text = '';
  }
}

function lastOf({ path }: SourceEntry): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function factsOf(tree: SourceTree, entry: SourceEntry, keepsOwners: boolean): string {
  const owner = keepsOwners ? `${String(entry.uid)}:${String(entry.gid)}` : '';
  const content =
    entry.type === 'file' ? tree.contentHash(entry) : `${entry.link ?? ''}\0${deviceOf(entry)}`;
  return `${entry.type}\0${String(entry.mode)}\0${owner}\0${content}\0${xattrsOf(tree, entry)}`;
}

function xattrsOf(tree: SourceTree, entry: SourceEntry): string {
  return entry.type === 'file' || entry.type === 'directory' ? tree.xattrDigest(entry) : '';
}

function deviceOf({ type, rdev }: SourceEntry): string {
  return type.endsWith('-device') ? String(rdev) : '';
}

function listFacts(selected: readonly Selected[], keepsOwners: boolean): ListedFact[] {
  const facts: ListedFact[] = [];
  for (const { entry, tree } of selected) {
    const visit = (child: SourceEntry): void => {
      facts.push(listed(tree, child, keepsOwners));
      if (child.type === 'directory') for (const below of tree.children(child.path)) visit(below);
    };
    if (entry.type !== 'directory') visit(entry);
    else for (const child of tree.children(entry.path)) visit(child);
  }
  return facts.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function listed(tree: SourceTree, entry: SourceEntry, keepsOwners: boolean): ListedFact {
  const xattrs = xattrsOf(tree, entry);
  return {
    path: toText(entry.path),
    facts: {
      type: entry.type,
      ...(entry.type === 'file' ? { content: tree.contentHash(entry) } : {}),
      ...(entry.link === undefined ? {} : { link: entry.link }),
      mode: entry.mode.toString(8),
      ...(keepsOwners ? { owner: `${String(entry.uid)}:${String(entry.gid)}` } : {}),
      ...(xattrs === '' ? {} : { xattrs }),
    },
  };
}
