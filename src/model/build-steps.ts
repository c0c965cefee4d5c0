import type { StepCounts } from './build-record.js';
import type { Digest } from './digest.js';
import type { SourceRange } from './error.js';
import type { BuildEvent, Timestamp, Why } from './events.js';

export type StepStatus = 'waiting' | 'running' | 'cached' | 'completed' | 'failed' | 'canceled';

/** What became of a step. */
export interface BuildStep {
  /** As in plain output, `#3`: in the order in which there was something to say; 0 when there was nothing. */
  readonly number: number;
  readonly vertex: Digest;
  readonly name: string;
  readonly inputs: readonly Digest[];
  /** Its instruction; absent for what the engine does by itself. */
  readonly range?: SourceRange;
  readonly status: StepStatus;
  /** Of a cached one: how it was found. */
  readonly by?: 'definition' | 'content';
  /** Of one that ran. */
  readonly why?: Why;
  readonly started?: Timestamp;
  readonly ended?: Timestamp;
  readonly error?: string;
  /** Of its output. */
  readonly logBytes: number;
}

/** A fold over a build's events. */
export class BuildSteps {
  readonly #steps = new Map<Digest, Growing>();
  #numbered = 0;

  add(event: BuildEvent): void {
    if (event.type === 'vertex-queued') {
      const { vertex, name, inputs, range } = event;
      if (this.#steps.has(vertex)) return;
      const step: Growing = { number: 0, vertex, name, inputs, status: 'waiting', logBytes: 0 };
      if (range !== undefined) step.range = range;
      this.#steps.set(vertex, step);
      return;
    }
    const step = event.vertex === undefined ? undefined : this.#steps.get(event.vertex);
    if (step === undefined || event.type === 'warning') return;
    if (step.number === 0) step.number = ++this.#numbered;
    change(step, event);
  }

  /** In the order they were announced. */
  list(): readonly BuildStep[] {
    return [...this.#steps.values()];
  }
}

/** Changed in place: a build of a thousand steps has thousands of events. */
type Growing = { -readonly [Field in keyof BuildStep]: BuildStep[Field] };

function change(step: Growing, event: Exclude<BuildEvent, { type: 'vertex-queued' }>): void {
  switch (event.type) {
    case 'vertex-started':
      [step.status, step.started] = ['running', event.time];
      if (event.why !== undefined) step.why = event.why;
      return;
    case 'vertex-cached':
      [step.status, step.by] = ['cached', event.by];
      [step.started, step.ended] = [event.time, event.time];
      return;
    case 'vertex-completed':
      [step.status, step.ended] = ['completed', event.time];
      return;
    case 'vertex-failed':
      [step.status, step.ended, step.error] = ['failed', event.time, event.error];
      return;
    case 'vertex-cancelled':
      [step.status, step.ended] = ['canceled', event.time];
      return;
    case 'log':
      step.logBytes += event.data.length;
      return;
    case 'status':
    case 'warning':
  }
}

/** Of the steps of the Dockerfile. */
export function countSteps(steps: readonly BuildStep[]): StepCounts {
  const own = steps.filter(({ range }) => range !== undefined);
  const cached = own.filter(({ status }) => status === 'cached').length;
  const completed = own.filter(({ status }) => status === 'completed').length + cached;
  return { total: own.length, completed, cached };
}

/** Milliseconds; of one that has not ended, until `now`. */
export function stepDuration({ started, ended }: BuildStep, now: Timestamp): number {
  return started === undefined ? 0 : (ended ?? now) - started;
}
