import assert from 'node:assert/strict';

interface Event {
  readonly ph: string;
  readonly name: string;
  readonly cat?: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly s?: string;
  readonly id?: number;
  readonly bp?: string;
  readonly args?: Readonly<Record<string, unknown>>;
}

/**
 * The rules of "Trace Event Format" (Google) for what we write: the object form, complete, instant, metadata and flow
 * events; spans of one thread are nested, as both viewers need them. Gives the events.
 */
export function checkTrace(text: string): readonly Event[] {
  const trace = JSON.parse(text) as { traceEvents: Event[]; displayTimeUnit: string };
  assert.ok(['ms', 'ns'].includes(trace.displayTimeUnit));
  for (const event of trace.traceEvents) checkEvent(event);
  const spans = trace.traceEvents.filter(({ ph }) => ph === 'X');
  for (const tid of new Set(spans.map((span) => span.tid)))
    checkNesting(spans.filter((span) => span.tid === tid));
  checkFlows(trace.traceEvents, spans);
  return trace.traceEvents;
}

function checkEvent(event: Event): void {
  const { ph, name, pid, tid, ts, dur, s, args } = event;
  assert.equal(typeof name, 'string');
  assert.ok(Number.isInteger(pid) && Number.isInteger(tid), JSON.stringify(event));
  if (ph === 'M') {
    assert.match(name, /^(process|thread)_(name|labels|sort_index)$/);
    assert.equal(typeof args?.['name'], 'string');
    return;
  }
  assert.ok(Number.isFinite(ts) && (ts ?? -1) >= 0, JSON.stringify(event));
  if (ph === 'X') assert.ok(Number.isFinite(dur) && (dur ?? -1) >= 0, JSON.stringify(event));
  else if (ph === 'i') assert.ok(['g', 'p', 't'].includes(s ?? 't'));
  else assert.ok(['s', 'f'].includes(ph) && Number.isInteger(event.id), JSON.stringify(event));
}

function checkNesting(spans: readonly Event[]): void {
  const open: number[] = [];
  const sorted = spans.toSorted((a, b) => a.ts! - b.ts! || b.dur! - a.dur!);
  for (const { name, ts = 0, dur = 0 } of sorted) {
    while (open.length > 0 && open.at(-1)! <= ts) open.pop();
    assert.ok(open.length === 0 || ts + dur <= open.at(-1)!, `${name} overlaps another`);
    open.push(ts + dur);
  }
}

/** Each arrow has one beginning and one end, not before it, each within a span of its thread. */
function checkFlows(events: readonly Event[], spans: readonly Event[]): void {
  const ids = new Set(events.flatMap(({ ph, id }) => (ph === 's' || ph === 'f' ? [id] : [])));
  for (const id of ids) {
    const [start, ...more] = events.filter((event) => event.ph === 's' && event.id === id);
    const [end, ...others] = events.filter((event) => event.ph === 'f' && event.id === id);
    assert.deepEqual([more.length, others.length], [0, 0]);
    assert.deepEqual([start!.name, start!.cat, end!.bp], [end!.name, end!.cat, 'e']);
    assert.ok(start!.ts! <= end!.ts!);
    for (const { tid, ts = 0 } of [start!, end!])
      assert.ok(
        spans.some((span) => span.tid === tid && span.ts! <= ts && ts <= span.ts! + span.dur!),
      );
  }
}
