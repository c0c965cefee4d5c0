import type { CacheKey } from '../model/digest.js';
import type { Why } from '../model/events.js';
import type { Vertex } from '../model/graph.js';
import type { KeyPart, ListedFact, PlaceRecord, RecordedPart, Records } from '../model/op.js';
import { placeKeys } from './keys.js';

export interface Missed {
  readonly vertex: Vertex;
  readonly parts: readonly KeyPart[];
  readonly key: CacheKey;
  readonly inputs: readonly CacheKey[];
  readonly forced: 'no-cache' | 'rebuild' | undefined;
  /** For each input, whether it was made to run again. */
  readonly renewed: readonly boolean[];
}

/** What is known of earlier runs. */
export type History = Pick<Records, 'lastAt' | 'lastUsed' | 'getList'>;

/** Says why a step must run: the first thing that differs from its last run, by name. */
export async function explain(missed: Missed, records: History): Promise<Why> {
  if (missed.forced !== undefined) return { kind: missed.forced };
  const last = await lastRun(missed.vertex, records);
  if (last === undefined) return { kind: 'never-built' };
  const changes = await changedParts(missed.parts, last, records);
  const [first, ...more] = changes;
  if (first !== undefined) return { kind: 'changed', what: first, more: more.length };
  const at = missed.inputs.findIndex(
    (key, i) => key !== last.inputs[i] || missed.renewed[i] === true,
  );
  const input = missed.vertex.inputs[at];
  return input === undefined ? { kind: 'evicted' } : { kind: 'input-changed', input: input.name };
}

/**
 * The record to compare with: of the same text in its stage, but of the same position if a build had that later, for then
 * the text is one of long ago that has come back. Else of the text anywhere.
 */
async function lastRun({ place }: Vertex, records: History): Promise<PlaceRecord | undefined> {
  const [text, position, anywhere] = placeKeys(place);
  const same = await records.lastAt([text]);
  const there = await records.lastAt([position]);
  if (same === undefined || there === undefined)
    return same ?? there ?? (await records.lastAt([anywhere]));
  if (same.key === there.key) return same;
  const [before = 0, later = 0] = await records.lastUsed([same.key, there.key]);
  return later > before ? there : same;
}

async function changedParts(
  parts: readonly KeyPart[],
  last: PlaceRecord,
  records: History,
): Promise<string[]> {
  const before = new Map(last.parts.map((part) => [part.name, part]));
  const now = new Set(parts.map(({ name }) => name));
  const changes: string[] = [];
  for (const part of parts) {
    const old = before.get(part.name);
    if (old === undefined) changes.push(`${part.name} (added)`);
    else if (old.digest !== part.digest) changes.push(...(await changesOf(part, old, records)));
  }
  for (const { name } of last.parts) if (!now.has(name)) changes.push(`${name} (removed)`);
  return changes;
}

async function changesOf(part: KeyPart, old: RecordedPart, records: History): Promise<string[]> {
  const list = old.list === undefined ? undefined : await records.getList(old.list);
  if (list !== undefined && part.list !== undefined) {
    const differing = diffLists(list, part.list());
    if (differing.length > 0) return differing;
  }
  // What differs is not always in what is shown: a place in an order, a very long text.
  if (old.shown === undefined || part.shown === undefined || old.shown === part.shown)
    return [part.name];
  return [`${part.name} (${old.shown} -> ${part.shown})`];
}

/**
 * `path (content, mode)`, `path (added)`, `path (removed)`, `old -> new (renamed)` where one is gone and another has come
 * with all its facts: both lists are sorted by path.
 */
export function diffLists(before: readonly ListedFact[], now: readonly ListedFact[]): string[] {
  const old = new Map(before.map((fact) => [fact.path, fact.facts]));
  const changes: string[] = [];
  const added: ListedFact[] = [];
  for (const fact of now) {
    const { path, facts } = fact;
    const previous = old.get(path);
    old.delete(path);
    if (previous === undefined) added.push(fact);
    else {
      const names = new Set([...Object.keys(previous), ...Object.keys(facts)]);
      const differing = [...names].filter((name) => previous[name] !== facts[name]);
      if (differing.length > 0) changes.push(`${path} (${differing.join(', ')})`);
    }
  }
  const gone = new Map([...old].map(([path, facts]) => [sameness(facts), path]));
  for (const { path, facts } of added) {
    const from = facts['content'] === undefined ? undefined : gone.get(sameness(facts));
    if (from === undefined) changes.push(`${path} (added)`);
    else {
      changes.push(`${from} -> ${path} (renamed)`);
      gone.delete(sameness(facts));
      old.delete(from);
    }
  }
  for (const path of old.keys()) changes.push(`${path} (removed)`);
  return changes;
}

function sameness(facts: ListedFact['facts']): string {
  return JSON.stringify(Object.entries(facts).sort(([a], [b]) => (a < b ? -1 : 1)));
}
