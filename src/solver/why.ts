import type { CacheKey } from '../model/digest.js';
import type { Why } from '../model/events.js';
import type { Place, Vertex } from '../model/graph.js';
import type {
  Elsewhere,
  KeyPart,
  ListedFact,
  PlaceRecord,
  RecordedPart,
  Records,
} from '../model/op.js';
import { placeKeys, runKey, travellingPlaceKeys } from './keys.js';

export interface Missed {
  readonly vertex: Vertex;
  readonly parts: readonly KeyPart[];
  readonly key: CacheKey;
  readonly inputs: readonly CacheKey[];
  readonly forced: 'no-cache' | 'rebuild' | undefined;
  /** For each input, whether it was made to run again. */
  readonly renewed: readonly boolean[];
  /** Steps of this build: none of them is an earlier run of another. */
  readonly isCurrent: (key: CacheKey) => boolean;
}

/** What is known of earlier runs. */
export interface History {
  readonly records: Pick<Records, 'lastAt' | 'lastUsed' | 'getList'>;
  readonly elsewhere?: Pick<Elsewhere, 'lastAt' | 'getList'> | undefined;
  /** Other places of the same Dockerfile, the likeliest first: asked when nothing is known of its own. */
  readonly sameFiles?: (() => Promise<readonly string[]>) | undefined;
}

export interface Explained {
  readonly why: Why;
  /** The run it was compared with. */
  readonly last?: PlaceRecord;
}

/** Says why a step must run: the first thing that differs from its last run, by name. */
export async function explain(missed: Missed, history: History): Promise<Explained> {
  if (missed.forced !== undefined) return { why: { kind: missed.forced } };
  const last = await lastRun(missed, history);
  if (last === undefined) return { why: { kind: 'never-built' } };
  return { why: await difference(missed, last, history), last };
}

async function difference(missed: Missed, last: PlaceRecord, history: History): Promise<Why> {
  const changes = await changedParts(missed.parts, last, history);
  const [first, ...more] = changes;
  if (first !== undefined) return { kind: 'changed', what: first, more: more.length };
  const at = missed.inputs.findIndex(
    (key, i) => key !== last.inputs[i] || missed.renewed[i] === true,
  );
  const input = missed.vertex.inputs[at];
  return input === undefined ? { kind: 'evicted' } : { kind: 'input-changed', input: input.name };
}

/**
 * The run to compare with: at its place, else at that of the same file elsewhere on this machine, else on the machine a
 * cache comes from, else of the text anywhere.
 */
async function lastRun(missed: Missed, history: History): Promise<PlaceRecord | undefined> {
  const { records, elsewhere, sameFiles } = history;
  const { place } = missed.vertex;
  const there = await newestAt(place, missed, history);
  if (there !== undefined) return there;
  for (const file of (await sameFiles?.()) ?? []) {
    const found = await newestAt({ ...place, file }, missed, history);
    if (found !== undefined) return found;
  }
  const [text, position, anywhere] = placeKeys(place);
  return (
    (await elsewhere?.lastAt([text, position, ...travellingPlaceKeys(place)])) ??
    (await records.lastAt([anywhere])) ??
    elsewhere?.lastAt([anywhere])
  );
}

/**
 * Of the runs of the same text in a stage and of those at the same position the one that a build had last: a text may
 * have come back since, and was cached then. A run of this very key goes first: only its result is gone.
 */
async function newestAt(
  place: Place,
  { key: own, isCurrent }: Missed,
  { records }: History,
): Promise<PlaceRecord | undefined> {
  const [text, position] = placeKeys(place);
  const same = await records.lastAt([text]);
  const heads = [same, await records.lastAt([position])].filter((head) => head !== undefined);
  const known = [...heads.map(({ key }) => key), ...heads.flatMap(({ earlier = [] }) => earlier)];
  const keys = [...new Set(known)].filter((key) => key === own || !isCurrent(key));
  const uses = keys.length < 2 ? [] : await records.lastUsed(keys);
  const use = (i: number): number => (keys[i] === own ? Infinity : (uses[i] ?? 0));
  const order = [...keys.keys()].sort((a, b) => use(b) - use(a) || a - b);
  for (const i of order) {
    const key = keys[i];
    const found = heads.find((head) => head.key === key) ?? (await runOf(key, records));
    if (found !== undefined) return found;
  }
  return undefined;
}

function runOf(
  key: CacheKey | undefined,
  records: History['records'],
): Promise<PlaceRecord | undefined> {
  return key === undefined ? Promise.resolve(undefined) : records.lastAt([runKey(key)]);
}

async function changedParts(
  parts: readonly KeyPart[],
  last: PlaceRecord,
  history: History,
): Promise<string[]> {
  const before = new Map(last.parts.map((part) => [part.name, part]));
  const now = new Set(parts.map(({ name }) => name));
  const changes: string[] = [];
  for (const part of parts) {
    const old = before.get(part.name);
    if (old === undefined) changes.push(`${part.name} (added)`);
    else if (old.digest !== part.digest) changes.push(...(await changesOf(part, old, history)));
  }
  for (const { name } of last.parts) if (!now.has(name)) changes.push(`${name} (removed)`);
  return changes;
}

async function changesOf(
  part: KeyPart,
  old: RecordedPart,
  { records, elsewhere }: History,
): Promise<string[]> {
  const list =
    old.list === undefined
      ? undefined
      : ((await records.getList(old.list)) ?? (await elsewhere?.getList(old.list)));
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
