import { canonicalDigest } from '../../src/model/canonical.js';
import type { Digest } from '../../src/model/digest.js';
import type { BuildEvent } from '../../src/model/events.js';
import type { Vertex } from '../../src/model/graph.js';
import type {
  Elsewhere,
  KeyPart,
  ListedFact,
  Op,
  PlaceRecord,
  Records,
  Result,
  StepRecord,
} from '../../src/model/op.js';
import { solve } from '../../src/solver/solve.js';

/** What a vertex yields here: a number. */
export interface Num extends Result {
  readonly value: number;
}

/** A step of arithmetic: its text and settings are its key, `compute` its work. */
export interface Step {
  readonly name: string;
  readonly inputs?: readonly Step[];
  readonly compute: (inputs: readonly number[], signal: AbortSignal) => number | Promise<number>;
  /** Named parts of its key besides the text. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly files?: readonly ListedFact[];
  readonly text?: string;
  readonly source?: boolean;
  readonly ignoreCache?: boolean;
  /** What it reads of its inputs, where that is not all of them. */
  readonly reads?: (inputs: readonly number[]) => string;
  readonly position?: number;
  readonly file?: string;
}

export const constant = (name: string, value: number): Step => ({
  name,
  text: `constant ${value}`,
  compute: () => value,
});
export const sum = (name: string, ...inputs: readonly Step[]): Step => ({
  name,
  inputs,
  text: 'sum',
  compute: (values) => values.reduce((a, b) => a + b, 0),
});
/** One in, one out, and much forgotten: what follows it is cut off early. */
export const parity = (name: string, input: Step): Step => ({
  name,
  inputs: [input],
  text: 'parity',
  compute: ([value = 0]) => Math.abs(value % 2),
});

export const numberOf = (value: number): Num => ({
  value,
  digest: () => Promise.resolve(canonicalDigest(['number', value])),
});

const partOf = (name: string, value: string): KeyPart => ({
  name,
  digest: canonicalDigest(value),
  shown: value,
});

/** The graph of a step, inputs first, each step once. */
export function graphOf(target: Step): {
  readonly target: Vertex;
  readonly vertices: readonly Vertex[];
  readonly stepOf: ReadonlyMap<Digest, Step>;
} {
  const made = new Map<Step, Vertex>();
  const stepOf = new Map<Digest, Step>();
  const visit = (step: Step): Vertex => {
    const known = made.get(step);
    if (known !== undefined) return known;
    const inputs = (step.inputs ?? []).map(visit);
    const vertex: Vertex = {
      digest: canonicalDigest([step.name, inputs.map(({ digest }) => digest)]),
      op: { kind: 'scratch' },
      inputs,
      name: step.name,
      range: { file: 'Sumfile', startLine: made.size + 1, endLine: made.size + 1 },
      place: {
        file: step.file ?? 'Sumfile',
        stage: step.name,
        position: step.position ?? 0,
        text: step.text ?? step.name,
      },
      ignoreCache: step.ignoreCache ?? false,
    };
    made.set(step, vertex);
    stepOf.set(vertex.digest, step);
    return vertex;
  };
  const vertex = visit(target);
  return { target: vertex, vertices: [...made.values()], stepOf };
}

/** Records in memory, shared by "processes"; `log` says what was written and waited for. */
export interface MemoryRecords extends Records {
  readonly log: string[];
  readonly forget: () => void;
}

export function memoryRecords(): MemoryRecords {
  const byDefinition = new Map<string, StepRecord>();
  const byContent = new Map<string, StepRecord>();
  const places = new Map<string, PlaceRecord>();
  const lists = new Map<string, readonly ListedFact[]>();
  const locks = new Map<string, Promise<void>>();
  const uses = new Map<string, number>();
  let builds = 0;
  const log: string[] = [];
  return {
    log,
    forget: () => {
      byDefinition.clear();
      byContent.clear();
    },
    byDefinition: (key) => Promise.resolve(byDefinition.get(key)),
    hasContent: (op) => Promise.resolve([...byContent.keys()].some((key) => key.startsWith(op))),
    byContent: (op, key) => Promise.resolve(byContent.get(`${op} ${key}`)),
    putDefinition: (key, record) => {
      log.push('definition');
      return Promise.resolve(void byDefinition.set(key, record));
    },
    putContent: (op, key, record) => {
      log.push('content');
      return Promise.resolve(void byContent.set(`${op} ${key}`, record));
    },
    lastAt: (wanted) => Promise.resolve(wanted.map((key) => places.get(key)).find(Boolean)),
    putPlace: (keys, record) => {
      log.push('place');
      for (const key of keys) places.set(key, record);
      return Promise.resolve();
    },
    used: (keys) => {
      builds++;
      for (const key of keys) uses.set(key, builds);
      return Promise.resolve();
    },
    lastUsed: (keys) => Promise.resolve(keys.map((key) => uses.get(key) ?? 0)),
    putList: (list) => {
      const digest = canonicalDigest(JSON.stringify(list));
      lists.set(digest, list);
      return Promise.resolve(digest);
    },
    getList: (digest) => Promise.resolve(lists.get(digest)),
    lock: async (key, _scope, onWait) => {
      const before = locks.get(key);
      let release = (): void => undefined;
      const mine = new Promise<void>((resolve) => (release = resolve));
      locks.set(
        key,
        (before ?? Promise.resolve()).then(() => mine),
      );
      if (before !== undefined) onWait();
      await before;
      return {
        [Symbol.asyncDispose]: () => {
          log.push('unlock');
          release();
          if (locks.get(key) === mine) locks.delete(key);
          return Promise.resolve();
        },
      };
    },
  };
}

export interface Solved {
  readonly value: number;
  readonly events: readonly BuildEvent[];
  /** Names of the steps that ran, in order of their start. */
  readonly ran: readonly string[];
  /** `name: cached`, `name: cached (same result)`, `name: <why>`: a line a step, as the events say. */
  readonly story: readonly string[];
}

export interface SolveMore {
  readonly signal?: AbortSignal;
  readonly parallel?: number;
  /** Values whose results are gone from the store. */
  readonly gone?: ReadonlySet<number>;
  /** Another machine's records. */
  readonly elsewhere?: Elsewhere;
  /** Told of each record that is loaded, and what its inputs are where it was found by them. */
  readonly onLoad?: (stored: string, inputs: readonly number[] | undefined) => void;
  /** Values whose results cannot be recorded yet. */
  readonly notHere?: ReadonlySet<number>;
  readonly onUnsaved?: (name: string, result: number) => void;
  readonly sameFiles?: () => Promise<readonly string[]>;
  readonly onEvent?: (event: BuildEvent) => void;
  readonly events?: BuildEvent[];
  readonly ran?: string[];
}

export async function solveStep(
  step: Step,
  records: Records,
  more: SolveMore = {},
): Promise<Solved> {
  const { target, vertices, stepOf } = graphOf(step);
  const events = more.events ?? [];
  const ran = more.ran ?? [];
  const found = await solve<Num>(
    target,
    vertices,
    {
      resolveOp: (_spec, vertex) => opOf(stepOf.get(vertex.digest)!, ran),
      records,
      ...(more.elsewhere === undefined ? {} : { elsewhere: more.elsewhere }),
      ...(more.sameFiles === undefined ? {} : { sameFiles: more.sameFiles }),
      save: ({ value }) => (more.notHere?.has(value) === true ? undefined : String(value)),
      load: (stored, inputs) => {
        more.onLoad?.(
          stored,
          inputs?.map(({ value }) => value),
        );
        const isGone = more.gone?.has(Number(stored)) === true;
        return Promise.resolve(isGone ? undefined : numberOf(Number(stored)));
      },
      onUnsaved: ({ vertex }, _record, { value }) => more.onUnsaved?.(vertex.name, value),
      parallel: more.parallel ?? 8,
      now: () => 0,
    },
    {
      signal: more.signal ?? new AbortController().signal,
      emit: (event) => {
        events.push(event);
        more.onEvent?.(event);
      },
    },
  );
  return { value: found.value, events, ran, story: storyOf(events, vertices) };
}

function opOf(step: Step, ran: string[]): Op<Num> {
  const { reads } = step;
  return {
    definition: () =>
      Promise.resolve([
        partOf('instruction text', step.text ?? step.name),
        ...Object.entries(step.settings ?? {}).map(([name, value]) => partOf(name, value)),
        ...(step.files === undefined ? [] : [listPart(step.files)]),
      ]),
    ...(step.source === undefined ? {} : { source: step.source }),
    ...(reads === undefined
      ? {}
      : {
          content: (inputs: readonly Num[]) =>
            Promise.resolve([partOf('read', reads(inputs.map(({ value }) => value)))]),
        }),
    run: async (inputs, { signal }) => {
      ran.push(step.name);
      return numberOf(
        await step.compute(
          inputs.map(({ value }) => value),
          signal,
        ),
      );
    },
  };
}

function listPart(files: readonly ListedFact[]): KeyPart {
  return { name: 'files', digest: canonicalDigest(JSON.stringify(files)), list: () => files };
}

function storyOf(events: readonly BuildEvent[], vertices: readonly Vertex[]): string[] {
  const nameOf = new Map(vertices.map(({ digest, name }) => [digest, name]));
  return events.flatMap((event) => {
    if (event.type === 'vertex-cached')
      return [
        `${nameOf.get(event.vertex)!}: cached${event.by === 'content' ? ' (same result)' : ''}`,
      ];
    if (event.type !== 'vertex-started') return [];
    return [`${nameOf.get(event.vertex)!}: ${JSON.stringify(event.why)}`];
  });
}
