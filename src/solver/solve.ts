import type { CacheKey, Digest } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import type { OpSpec, Vertex } from '../model/graph.js';
import type { Elsewhere, KeyedStep, Op, Records, Result, StepRecord } from '../model/op.js';
import type { Scope } from '../model/scope.js';
import { toldOf } from '../model/told-of.js';
import { inputKeys } from './input-keys.js';
import { definitionKey, opDigest, placeKeys, runKey } from './keys.js';
import { createLimit, type Limit } from './limit.js';
import { explain } from './why.js';

export interface SolveOptions<R extends Result> {
  readonly resolveOp: (spec: OpSpec, vertex: Vertex) => Op<R>;
  readonly records: Records;
  /** Asked where `records` has nothing that can be loaded. */
  readonly elsewhere?: Elsewhere;
  /** Told of all vertices before anything runs. */
  readonly onKeyed?: (steps: readonly KeyedStep[]) => void;
  /** A result as text, for its record; undefined of one that is not here yet. */
  readonly save: (result: R) => string | undefined;
  /**
   * The result a record means; undefined when it is gone. `inputs` hold what those of the recorded run held: what it took
   * over from them may be taken from these.
   */
  readonly load: (stored: string, inputs?: readonly R[]) => Promise<R | undefined>;
  /** Told of a result that is to be recorded under the step's key when it is here. */
  readonly onUnsaved?: (step: KeyedStep, record: StepRecord, result: R) => void;
  /** Steps that may run at once. */
  readonly parallel: number;
  readonly now: () => number;
  /** Steps that run again whatever is known of them; what follows is looked at by what they then gave. */
  readonly rebuild?: ReadonlySet<Digest>;
  /** Other places on this machine where the build's Dockerfile was built. Asked once, to explain a step. */
  readonly sameFiles?: () => Promise<readonly string[]>;
  /** Resolves when the steps that could start have started: records are written while they run. */
  readonly idle?: () => Promise<void>;
  /** Joins signals into one that many steps listen to. */
  readonly anySignal?: (signals: AbortSignal[]) => AbortSignal;
}

/**
 * Solves a graph: each vertex at most once, inputs first and side by side; a step runs only when neither its
 * definition nor its content was seen. Recording a finished step does not hold up what depends on it, but is done when
 * this resolves. The first failure aborts the rest. Throws what the failing op threw, or the signal's reason.
 */
export async function solve<R extends Result>(
  target: Vertex,
  vertices: readonly Vertex[],
  options: SolveOptions<R>,
  scope: Scope,
): Promise<R> {
  const [result] = await solveAll([target], vertices, options, scope);
  if (result === undefined) throw new Error('a target without a result');
  return result;
}

/** The same for several targets of one graph, whose common steps run once. Results in the targets' order. */
export async function solveAll<R extends Result>(
  targets: readonly Vertex[],
  vertices: readonly Vertex[],
  options: SolveOptions<R>,
  scope: Scope,
): Promise<R[]> {
  const controller = new AbortController();
  const any = options.anySignal ?? ((signals) => AbortSignal.any(signals));
  const signal = any([scope.signal, controller.signal]);
  const solver = new Solver(vertices, options, { signal, emit: scope.emit });
  try {
    await solver.prepare();
    solver.noteUse();
    return await Promise.all(targets.map((target) => solver.solve(target)));
  } catch (error) {
    controller.abort(error);
    throw error;
  } finally {
    await solver.settle();
  }
}

/** Runs that a place remembers besides its last. */
const MAX_EARLIER = 8;

interface Keyed<R extends Result> extends KeyedStep {
  readonly op: Op<R>;
  /** Why it runs again whatever is known of it. */
  readonly forced: 'no-cache' | 'rebuild' | undefined;
  /** It or something below is forced: what its definition once gave stands on the old layers. */
  readonly renewed: boolean;
}

class Solver<R extends Result> {
  readonly #vertices: readonly Vertex[];
  readonly #options: SolveOptions<R>;
  readonly #scope: Scope;
  readonly #limit: Limit;
  readonly #keyed = new Map<Digest, Keyed<R>>();
  readonly #solving = new Map<Digest, Promise<R>>();
  readonly #keys = new Set<CacheKey>();
  readonly #compared = new Map<CacheKey, CacheKey>();
  readonly #reported = new Set<Digest>();
  readonly #background: Promise<void>[] = [];
  #otherFiles: Promise<readonly string[]> | undefined;

  constructor(vertices: readonly Vertex[], options: SolveOptions<R>, scope: Scope) {
    this.#vertices = vertices;
    this.#options = options;
    this.#scope = scope;
    this.#limit = createLimit(options.parallel);
  }

  /** Keys every vertex, inputs first (the list is in that order). */
  async prepare(): Promise<void> {
    for (const { digest, name, inputs, range } of this.#vertices) {
      const of = inputs.map((input) => input.digest);
      this.#scope.emit({ type: 'vertex-queued', vertex: digest, name, inputs: of, range });
    }
    const parts = await Promise.all(
      this.#vertices.map(async (vertex) => {
        const op = this.#options.resolveOp(vertex.op, vertex);
        return { op, parts: await this.#placed(vertex, () => op.definition(this.#scope)) };
      }),
    );
    for (const [i, vertex] of this.#vertices.entries()) {
      const own = parts[i];
      if (own === undefined) throw new Error('a vertex without a definition');
      const inputs = vertex.inputs.map((input) => this.#of(input).key);
      const digest = opDigest(own.parts);
      const key = definitionKey(digest, inputs);
      const forced = this.#forced(vertex);
      const renewed =
        forced !== undefined || vertex.inputs.some((input) => this.#of(input).renewed);
      const keyed = { vertex, ...own, opDigest: digest, key, inputs, forced, renewed };
      this.#keyed.set(vertex.digest, keyed);
      this.#keys.add(key);
    }
    this.#options.onKeyed?.([...this.#keyed.values()].filter(({ op }) => op.source !== true));
  }

  readonly #sameFiles = (): Promise<readonly string[]> => {
    this.#otherFiles ??= this.#options.sameFiles?.() ?? Promise.resolve([]);
    return this.#otherFiles;
  };

  #forced({ ignoreCache, digest }: Vertex): Keyed<R>['forced'] {
    if (this.#options.rebuild?.has(digest) === true) return 'rebuild';
    return ignoreCache ? 'no-cache' : undefined;
  }

  /** What a build has is in use, also what it never looks at because a later step is cached. */
  noteUse(): void {
    const keys = [...this.#keyed.values()].filter(({ op }) => op.source !== true);
    if (keys.length > 0)
      this.#inBackground(() => this.#options.records.used(keys.map(({ key }) => key)));
  }

  /** Waits for everything started, so that nothing outlives the build. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#solving.values());
    await Promise.all(this.#background);
  }

  solve(vertex: Vertex): Promise<R> {
    const running = this.#solving.get(vertex.digest);
    if (running !== undefined) return running;
    const started = this.#solve(this.#of(vertex));
    this.#solving.set(vertex.digest, started);
    started.catch(() => undefined);
    return started;
  }

  #of(vertex: Vertex): Keyed<R> {
    const keyed = this.#keyed.get(vertex.digest);
    if (keyed === undefined) throw new Error(`${vertex.name} is not in the list of vertices`);
    return keyed;
  }

  async #solve(keyed: Keyed<R>): Promise<R> {
    this.#scope.signal.throwIfAborted();
    if (keyed.op.source === true) {
      this.#reportCached(keyed.vertex, 'definition');
      return keyed.op.run([], this.#scope);
    }
    const hit = await this.#byDefinition(keyed);
    if (hit !== undefined) {
      this.#reportCached(keyed.vertex, 'definition');
      return hit;
    }
    const inputs = await Promise.all(keyed.vertex.inputs.map((input) => this.solve(input)));
    return (await this.#byContent(keyed, inputs)) ?? this.#runOnce(keyed, inputs);
  }

  async #byDefinition(keyed: Keyed<R>): Promise<R | undefined> {
    if (keyed.renewed) return undefined;
    const { records, elsewhere } = this.#options;
    const own = await this.#load(await records.byDefinition(keyed.key));
    if (own !== undefined) return own;
    const found = await this.#load(await elsewhere?.byDefinition(keyed.key));
    if (found !== undefined) this.#inBackground(() => this.#putPlace(keyed));
    return found;
  }

  async #load(record: StepRecord | undefined, inputs?: readonly R[]): Promise<R | undefined> {
    return record === undefined ? undefined : this.#options.load(record.result, inputs);
  }

  /** Early cutoff: an input ran again or moved, and holds what it held. */
  async #byContent(keyed: Keyed<R>, inputs: readonly R[]): Promise<R | undefined> {
    const { records, elsewhere } = this.#options;
    if (keyed.forced !== undefined) return undefined;
    const own = await records.hasContent(keyed.opDigest);
    if (!own && (await elsewhere?.hasContent(keyed.opDigest)) !== true) return undefined;
    // Inputs that hold the same are not looked into: what is elsewhere need not come for it.
    const keys = inputKeys(keyed, inputs, this.#scope);
    const whole = await keys.whole();
    const hit = await this.#withKey(keyed, whole, inputs);
    if (hit !== undefined || keyed.op.content === undefined) return hit;
    const key = await keys.content();
    return key === whole ? undefined : this.#withKey(keyed, key, inputs);
  }

  async #withKey(keyed: Keyed<R>, key: CacheKey, inputs: readonly R[]): Promise<R | undefined> {
    const { records, elsewhere, onUnsaved } = this.#options;
    const record = await records.byContent(keyed.opDigest, key);
    const mine = await this.#load(record, inputs);
    const theirs = mine === undefined ? await elsewhere?.byContent(keyed.opDigest, key) : undefined;
    const result = mine ?? (await this.#load(theirs, inputs));
    if (result === undefined) return undefined;
    this.#reportCached(keyed.vertex, 'content');
    if (theirs !== undefined) onUnsaved?.(keyed, theirs, result);
    this.#inBackground(async () => {
      if (mine !== undefined && record !== undefined) await this.#putResult(keyed, record, mine);
      await this.#putPlace(keyed);
    });
    return result;
  }

  /** The record as it was written; undefined where that has to wait. */
  async #putResult(
    keyed: Keyed<R>,
    record: Omit<StepRecord, 'result'>,
    made: R,
  ): Promise<StepRecord | undefined> {
    const result = this.#options.save(made);
    if (result === undefined) {
      this.#options.onUnsaved?.(keyed, { ...record, result: '' }, made);
      return undefined;
    }
    const saved = { ...record, result };
    await this.#options.records.putDefinition(keyed.key, saved);
    return saved;
  }

  /** Across processes: whoever has the key's lock runs, the others wait and find its record. */
  async #runOnce(keyed: Keyed<R>, inputs: readonly R[]): Promise<R> {
    const { vertex, key } = keyed;
    const lock = await this.#options.records.lock(key, this.#scope, () => {
      const data = Buffer.from('waiting for another stave that runs the same step\n');
      const time = this.#options.now();
      this.#scope.emit({ type: 'log', vertex: vertex.digest, stream: 'stderr', data, time });
    });
    // Held until the step is recorded, so that whoever waits finds the record; dependents here do not wait.
    let recorded: Promise<void> = Promise.resolve();
    try {
      const done = await this.#byDefinition(keyed);
      if (done !== undefined) {
        this.#reportCached(vertex, 'definition');
        return done;
      }
      const result = await this.#limit(() => this.#run(keyed, inputs));
      recorded = this.#record(keyed, inputs, result);
      return result;
    } finally {
      this.#inBackground(() => recorded.finally(() => lock[Symbol.asyncDispose]()));
    }
  }

  async #run(keyed: Keyed<R>, inputs: readonly R[]): Promise<R> {
    const { vertex, op } = keyed;
    this.#scope.signal.throwIfAborted();
    const renewed = vertex.inputs.map((input) => this.#of(input).renewed);
    const { records, elsewhere } = this.#options;
    const missed = { ...keyed, renewed, isCurrent: (key: CacheKey) => this.#keys.has(key) };
    const { why, last } = await explain(missed, { records, elsewhere, sameFiles: this.#sameFiles });
    if (last !== undefined) this.#compared.set(keyed.key, last.key);
    const { digest } = vertex;
    const time = this.#options.now;
    this.#reported.add(digest);
    this.#scope.emit({ type: 'vertex-started', vertex: digest, time: time(), why });
    try {
      const result = await this.#placed(vertex, () => op.run(inputs, this.#scope));
      this.#scope.emit({ type: 'vertex-completed', vertex: digest, time: time() });
      return result;
    } catch (error) {
      this.#reportEnd(vertex, error);
      throw error;
    }
  }

  #reportEnd(vertex: Vertex, error: unknown): void {
    const [time, { digest }] = [this.#options.now(), vertex];
    if (this.#scope.signal.aborted) {
      this.#scope.emit({ type: 'vertex-cancelled', vertex: digest, time });
      return;
    }
    const told = toldOf(error);
    const message = told instanceof Error ? told.message : String(told);
    this.#scope.emit({ type: 'vertex-failed', vertex: digest, time, error: message });
  }

  /** A user's error without a place gets its instruction's. */
  async #placed<T>(vertex: Vertex, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const told = toldOf(error);
      if (!(told instanceof BuildError)) throw error;
      throw told.range === undefined ? told.at(vertex.range) : told;
    }
  }

  async #record(keyed: Keyed<R>, inputs: readonly R[], result: R): Promise<void> {
    const { records, now } = this.#options;
    await this.#options.idle?.();
    const digest = await result.digest(this.#scope);
    const created = new Date(now()).toISOString();
    const { name } = keyed.vertex;
    const read = inputKeys(keyed, inputs, this.#scope);
    const [content, whole] = [await read.content(), await read.whole()];
    const keys = whole === content ? { content } : { content, whole };
    const saved = await this.#putResult(keyed, { digest, created, name, ...keys }, result);
    await this.#putPlace(keyed);
    if (saved === undefined) return;
    for (const key of Object.values(keys)) await records.putContent(keyed.opDigest, key, saved);
  }

  async #putPlace({ vertex, parts, key, inputs }: Keyed<R>): Promise<void> {
    const { records } = this.#options;
    const recorded = await Promise.all(
      parts.map(async ({ name, digest, shown, list }) => ({
        name,
        digest,
        ...(shown === undefined ? {} : { shown }),
        ...(list === undefined ? {} : { list: await records.putList(list()) }),
      })),
    );
    const places = placeKeys(vertex.place);
    const [text, position] = places;
    const before = [await records.lastAt([position]), await records.lastAt([text])];
    const runs = before.flatMap((run) =>
      run === undefined ? [] : [run.key, ...(run.earlier ?? [])],
    );
    // What is known of the file from elsewhere may be used here, and cached, before it runs here.
    const other = this.#compared.get(key);
    const known = new Set([...runs, ...(other === undefined ? [] : [other])]);
    const earlier = [...known].filter((each) => each !== key).slice(0, MAX_EARLIER);
    const run = { key, parts: recorded, inputs, ...(earlier.length === 0 ? {} : { earlier }) };
    await records.putPlace([...places, runKey(key)], run);
  }

  /** A record that cannot be written costs the next build time, not this one its result. */
  #inBackground(work: () => Promise<void>): void {
    const done = work().catch((error: unknown) => {
      if (this.#scope.signal.aborted) return;
      const message = error instanceof Error ? error.message : String(error);
      this.#scope.emit({ type: 'warning', message: `a step could not be recorded: ${message}` });
    });
    this.#background.push(done);
  }

  /** A hit needs none of its inputs, but people want to see every step, in order. */
  #reportCached(vertex: Vertex, by: 'definition' | 'content'): void {
    const stack = [{ vertex, next: by === 'definition' ? 0 : vertex.inputs.length }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const input = top.vertex.inputs[top.next++];
      if (input !== undefined) {
        if (!this.#reported.has(input.digest)) stack.push({ vertex: input, next: 0 });
        continue;
      }
      stack.pop();
      if (this.#reported.has(top.vertex.digest)) continue;
      this.#reported.add(top.vertex.digest);
      const how = top.vertex === vertex ? by : 'definition';
      const time = this.#options.now();
      this.#scope.emit({ type: 'vertex-cached', vertex: top.vertex.digest, time, by: how });
    }
  }
}
