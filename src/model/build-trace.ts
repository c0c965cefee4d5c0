import type { BuildFacts } from './build-record.js';
import { buildName } from './build-name.js';
import type { BuildStep } from './build-steps.js';
import { describeWhy, type Timestamp } from './events.js';

/**
 * One event of Chrome's trace event format ("Trace Event Format", Google, 2016), which Perfetto and chrome://tracing
 * open. Times in microseconds. `X` is a span, `i` a moment, `M` names a process or thread, `s` and `f` are the ends of an
 * arrow.
 */
export interface TraceEvent {
  readonly ph: 'X' | 'i' | 'M' | 's' | 'f';
  readonly name: string;
  readonly cat?: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  /** Of a moment: as high as its thread. */
  readonly s?: 't';
  /** Of an arrow. */
  readonly id?: number;
  /** An arrow's end is at the span that encloses it. */
  readonly bp?: 'e';
  /** A reserved colour name. */
  readonly cname?: string;
  readonly args?: Readonly<Record<string, string | number>>;
}

export interface Trace {
  readonly traceEvents: readonly TraceEvent[];
  readonly displayTimeUnit: 'ms';
  readonly otherData: Readonly<Record<string, string>>;
}

const PID = 1;
/** The thread of the build as a whole; those of steps that ran side by side are below it. */
const WHOLE = 0;

export interface TraceInput {
  readonly started: Timestamp;
  readonly ended: Timestamp;
  /** completed, failed, ... */
  readonly status: string;
  readonly facts?: BuildFacts | undefined;
}

/** A build as a trace: a span for the whole, one a step, arrows from what a step waited for. */
export function buildTrace(steps: readonly BuildStep[], input: TraceInput): Trace {
  const { started, ended, status, facts } = input;
  const at = (time: Timestamp): number => Math.round((time - started) * 1000);
  const begun = steps.filter(hasBegun).toSorted((a, b) => a.started - b.started);
  const lanes = lanesOf(begun, ended);
  const title = facts === undefined ? 'build' : `build ${buildName(facts)}`;
  const threads = [...new Set(lanes.values())].sort((a, b) => a - b);
  return {
    displayTimeUnit: 'ms',
    otherData: {
      tool: 'stave',
      status,
      started: new Date(started).toISOString(),
      ...(facts === undefined ? {} : { id: facts.id, dockerfile: facts.dockerfile }),
    },
    traceEvents: [
      { ph: 'M', name: 'process_name', pid: PID, tid: WHOLE, args: { name: `stave ${title}` } },
      { ph: 'M', name: 'thread_name', pid: PID, tid: WHOLE, args: { name: 'build' } },
      ...threads.map((tid) => threadName(tid)),
      { ...{ ph: 'X', name: title, cat: 'build', pid: PID, tid: WHOLE }, ts: 0, dur: at(ended) },
      ...begun.map((step) => stepEvent(step, lanes.get(step) ?? WHOLE, { at, ended })),
      ...arrows(begun, lanes, at),
    ],
  };
}

type Begun = BuildStep & { readonly started: Timestamp };

function hasBegun(step: BuildStep): step is Begun {
  return step.started !== undefined;
}

function threadName(tid: number): TraceEvent {
  const args = { name: `steps ${String(tid)}` };
  return { ph: 'M', name: 'thread_name', pid: PID, tid, args };
}

/** Spans of a thread do not overlap: each step is in the first lane that is free. */
function lanesOf(steps: readonly Begun[], ended: Timestamp): ReadonlyMap<Begun, number> {
  const free: Timestamp[] = [];
  const lanes = new Map<Begun, number>();
  for (const step of steps) {
    const found = free.findIndex((until) => until <= step.started);
    const lane = found === -1 ? free.length : found;
    free[lane] = step.ended ?? ended;
    lanes.set(step, lane + 1);
  }
  return lanes;
}

interface Clock {
  readonly at: (time: Timestamp) => number;
  readonly ended: Timestamp;
}

function stepEvent(step: Begun, tid: number, { at, ended }: Clock): TraceEvent {
  const { name, status, by, why, error, number, logBytes, started } = step;
  const ts = at(started);
  const args = {
    ...{ step: number, status },
    ...(why === undefined ? {} : { why: describeWhy(why) }),
    ...(by === undefined ? {} : { cached: by === 'content' ? 'same result' : 'same definition' }),
    ...(error === undefined ? {} : { error }),
    ...(logBytes === 0 ? {} : { 'log bytes': logBytes }),
  };
  const common = { name, cat: status, pid: PID, tid, ts, args };
  if (status === 'cached') return { ph: 'i', s: 't', ...common };
  const colour = status === 'failed' ? { cname: 'terrible' } : {};
  return { ph: 'X', dur: at(step.ended ?? ended) - ts, ...common, ...colour };
}

/** From the end of an input that ran to the begin of what waited for it. */
function arrows(
  steps: readonly Begun[],
  lanes: ReadonlyMap<Begun, number>,
  at: Clock['at'],
): readonly TraceEvent[] {
  const spans = steps.filter(({ status }) => status !== 'cached');
  const byVertex = new Map(spans.map((step) => [step.vertex, step]));
  let id = 0;
  return spans.flatMap((step) =>
    step.inputs.flatMap((vertex): TraceEvent[] => {
      const input = byVertex.get(vertex);
      if (input?.ended === undefined || input.ended > step.started) return [];
      const arrow = { name: 'input', cat: 'input', pid: PID, id: ++id } as const;
      const from = { tid: lanes.get(input) ?? WHOLE, ts: at(input.started) };
      const to = { tid: lanes.get(step) ?? WHOLE, ts: at(step.started) };
      return [
        { ph: 's', ...arrow, ...from },
        { ph: 'f', bp: 'e', ...arrow, ...to },
      ];
    }),
  );
}
