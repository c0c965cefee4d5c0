import { digestOf, isDigest } from '../model/digest.js';
import type { LayerMeta } from '../model/stores.js';

/** What is on disk beside a tree, in `meta.json`. */
export interface StoredMeta extends LayerMeta {
  /** No file of a tree is fsynced by itself: of another boot it is verified before its first use. */
  readonly bootId: string;
}

/** Its last field is a digest of the others: a wrong one could not be told from a right one by the tree. */
export function metaText(meta: StoredMeta): string {
  const { check: _check, ...facts } = meta as StoredMeta & { readonly check?: unknown };
  return JSON.stringify({ ...facts, check: digestOf(JSON.stringify(facts)) });
}

/** Undefined of a text that is none, or not what was written. Stores made before there was a digest have none. */
export function readMeta(text: string): StoredMeta | undefined {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (typeof read !== 'object' || read === null) return undefined;
  const { check, ...facts } = read as Partial<Record<keyof StoredMeta | 'check', unknown>>; // Looked at here.
  if (check !== undefined && check !== digestOf(JSON.stringify(facts))) return undefined;
  const { diffID, content, tarBytes, fileBytes, entries, created, bootId } = facts;
  const isWhole =
    [diffID, content].every((each) => typeof each === 'string' && isDigest(each)) &&
    [tarBytes, fileBytes, entries].every(Number.isSafeInteger) &&
    typeof created === 'string' &&
    !Number.isNaN(Date.parse(created)) &&
    typeof bootId === 'string';
  return isWhole ? (facts as StoredMeta) : undefined;
}
