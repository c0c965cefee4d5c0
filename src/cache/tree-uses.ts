import { join } from 'node:path';
import { namesIn } from './names-in.js';
import { readRecord } from './record-file.js';
import { readUses } from './uses.js';

/** What the records of steps say of a tree. */
export interface TreeUse {
  /** Milliseconds since the epoch. */
  readonly last: number;
  /** Builds that had a step that made it or stands on it. */
  readonly count: number;
  /** The step that made it. */
  readonly description: string;
}

/** Every tree that a step's record names, for a build may begin from it again: when one last had it. */
export function treeUses(records: string): ReadonlyMap<string, TreeUse> {
  const uses = readUses(records);
  const found = new Map<string, TreeUse>();
  for (const { key, file } of recordFiles(records)) {
    const { trees, name } = stepOf(file);
    const use = uses.get(key) ?? { last: 0, count: 0 };
    for (const id of trees) {
      const before = found.get(id) ?? { last: 0, count: 0, description: '' };
      found.set(id, {
        last: Math.max(before.last, use.last),
        count: Math.max(before.count, use.count),
        description: id === trees.at(-1) && name !== '' ? name : before.description,
      });
    }
  }
  return found;
}

/** Files of records of steps, by definition and by content. */
export function recordFiles(records: string): readonly { key: string; file: string }[] {
  return ['definition', 'content'].flatMap((kind) =>
    namesIn(join(records, kind)).flatMap((part) =>
      namesIn(join(records, kind, part)).map((name) => ({
        key: kind === 'definition' ? part + name : name,
        file: join(records, kind, part, name),
      })),
    ),
  );
}

/** The record's result is a list of tree ids, as text in JSON. */
function stepOf(file: string): { readonly trees: readonly string[]; readonly name: string } {
  const record = readRecord(file) as
    { readonly result?: unknown; readonly name?: unknown } | undefined;
  const { result, name } = record ?? {};
  return {
    trees: typeof result === 'string' ? (result.match(/\b[0-9a-f]{32}\b/g) ?? []) : [],
    name: typeof name === 'string' ? name : '',
  };
}
