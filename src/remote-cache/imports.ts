import type { CacheFrom } from '../model/cache-options.js';
import type { CacheKey, Digest } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import type { Elsewhere, StepRecord } from '../model/op.js';
import type { Scope } from '../model/scope.js';
import type { CacheBackend, CacheDocument } from './backend.js';
import { type CachedLayer, type CachedStep, readContents } from './cache-contents.js';
import { isReasons, type Reasons, unpackReasons } from './reasons.js';
import { smallBlob } from './small-blob.js';
import { withinBudget } from './time-budget.js';

/** A step found in one of the caches. */
export interface ImportedStep {
  /** Which of them. */
  readonly cache: number;
  readonly step: CachedStep;
  readonly layers: readonly CachedLayer[];
}

/** The caches of a build's `--cache-from`, in the order of the flags: the first that has a step gives it. */
export interface CacheImports extends Elsewhere {
  readonly backend: (cache: number) => CacheBackend;
  readonly options: (cache: number) => CacheFrom;
  readonly loaded: readonly LoadedCache[];
  /** What a record of these means; undefined of any other. */
  readonly open: (stored: string) => ImportedStep | undefined;
  readonly find: (key: CacheKey) => ImportedStep | undefined;
  /** A cache that has a blob. */
  readonly holder: (blob: Digest) => CacheBackend | undefined;
  /** It says nothing any more. */
  readonly drop: (cache: number) => void;
}

/** A cache as far as it was read. */
export interface LoadedCache {
  readonly backend: CacheBackend;
  readonly options: CacheFrom;
  readonly document: CacheDocument;
  readonly steps: readonly CachedStep[];
  readonly blobs: ReadonlySet<Digest>;
  readonly reasons: () => Promise<Reasons | undefined>;
}

const TIMEOUT_MS = 30_000;

/** Reads what a cache says it has: its documents, no layer. `say` gets one line. Throws BuildError. */
export async function loadCache(
  { backend, options }: { readonly backend: CacheBackend; readonly options: CacheFrom },
  scope: Scope,
  say: (line: string) => void,
): Promise<LoadedCache | undefined> {
  const budget = {
    what: `reading the cache of ${backend.name}`,
    ms: options.timeoutMs ?? TIMEOUT_MS,
  };
  const document = await withinBudget(budget, scope, (inner) => backend.read(inner));
  if (document === undefined) {
    say(`no cache at ${backend.name} yet`);
    return undefined;
  }
  const { steps, foreign } = readContents(document, `the cache of ${backend.name}`);
  if (foreign > 0)
    say(
      `${String(foreign)} records of BuildKit's: its keys are made otherwise, so none can be used here`,
    );
  say(`${String(steps.length)} steps`);
  const blob = document.blobs.find(isReasons);
  let reasons: Promise<Reasons | undefined> | undefined;
  const read = async (): Promise<Reasons | undefined> => {
    if (blob === undefined) return undefined;
    const what = `the reasons in the cache of ${backend.name}`;
    const bytes = backend.blob(blob, scope);
    return unpackReasons(await smallBlob(bytes, blob, { what, most: blob.size }, scope), what);
  };
  // They only explain: who cannot read them says less.
  const quiet = (error: unknown): undefined => {
    if (!(error instanceof BuildError)) throw error;
    return undefined;
  };
  const blobs = new Set(document.blobs.map(({ digest }) => digest));
  const quietly = (): Promise<Reasons | undefined> => (reasons ??= read().catch(quiet));
  return { backend, options, document, steps, blobs, reasons: quietly };
}

interface Indexed extends LoadedCache {
  readonly byKey: ReadonlyMap<CacheKey, CachedStep>;
  readonly byOp: ReadonlyMap<Digest, ReadonlyMap<CacheKey, CachedStep>>;
}

export function cacheImports(loaded: readonly LoadedCache[]): CacheImports {
  const caches: (Indexed | undefined)[] = loaded.map(indexed);
  const found = (pick: (cache: Indexed) => CachedStep | undefined): ImportedStep | undefined => {
    for (const [cache, each] of caches.entries()) {
      const step = each && pick(each);
      const layers = step && layersOf(step);
      if (step !== undefined && layers !== undefined) return { cache, step, layers };
    }
    return undefined;
  };
  const reasons = async <T>(pick: (reasons: Reasons) => T | undefined): Promise<T | undefined> => {
    for (const each of caches) {
      const read = await each?.reasons();
      const one = read && pick(read);
      if (one !== undefined) return one;
    }
    return undefined;
  };
  const at = (cache: number): LoadedCache => {
    const one = loaded[cache];
    if (one === undefined) throw new Error('a cache that is none of the build');
    return one;
  };
  const find = (key: CacheKey) => found(({ byKey }) => byKey.get(key));
  return {
    loaded,
    backend: (cache) => at(cache).backend,
    options: (cache) => at(cache).options,
    find,
    holder: (blob) => caches.find((each) => each?.blobs.has(blob) === true)?.backend,
    open: (stored) => {
      if (!stored.startsWith('{')) return undefined;
      const { cache, key } = JSON.parse(stored) as Pointer; // `recordOf` wrote it.
      const step = caches[cache]?.byKey.get(key);
      const layers = step && layersOf(step);
      return layers && { cache, step, layers };
    },
    drop: (cache) => {
      caches[cache] = undefined;
    },
    byDefinition: (key) => Promise.resolve(recordOf(find(key))),
    hasContent: (op) => Promise.resolve(caches.some((each) => each?.byOp.has(op) === true)),
    byContent: (op, key) => Promise.resolve(recordOf(found(({ byOp }) => byOp.get(op)?.get(key)))),
    lastAt: (places) =>
      reasons(({ byPlace }) => places.map((place) => byPlace.get(place)).find(isThere)),
    getList: (digest) => reasons(({ lists }) => lists.get(digest)),
  };
}

function isThere<T>(value: T | undefined): value is T {
  return value !== undefined;
}

/** A malformed step is no step. */
function layersOf(step: CachedStep): readonly CachedLayer[] | undefined {
  try {
    return step.layers();
  } catch (error) {
    if (error instanceof BuildError) return undefined;
    throw error;
  }
}

/** A record's result in the solver's hands: which step of which cache. Never written down. */
interface Pointer {
  readonly cache: number;
  readonly key: CacheKey;
}

function recordOf(found: ImportedStep | undefined): StepRecord | undefined {
  if (found === undefined) return undefined;
  const { cache, step } = found;
  const { key, tree: digest, op: _op, layers: _layers, ...facts } = step;
  const pointer: Pointer = { cache, key };
  return { ...facts, result: JSON.stringify(pointer), digest };
}

function indexed(cache: LoadedCache): Indexed {
  const byKey = new Map(cache.steps.map((step) => [step.key, step]));
  const byOp = new Map<Digest, Map<CacheKey, CachedStep>>();
  for (const step of cache.steps) {
    for (const key of [step.content, step.whole]) {
      if (key === undefined) continue;
      const of = byOp.get(step.op) ?? new Map<CacheKey, CachedStep>();
      byOp.set(step.op, of.set(key, step));
    }
  }
  return { ...cache, byKey, byOp };
}
