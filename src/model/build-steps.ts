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
  readonly #steps = new Map<Digest, BuildStep>();
  #numbered = 0;

  add(event: BuildEvent): void {
    if (event.type === 'vertex-queued') {
      const { vertex, name, inputs, range } = event;
      if (this.#steps.has(vertex)) return;
      const placed = range === undefined ? {} : { range };
      const step: BuildStep = {
        ...{ number: 0, vertex, name, inputs, ...placed },
        ...{ status: 'waiting', logBytes: 0 },
      };
      this.#steps.set(vertex, step);
      return;
    }
    const step = event.vertex === undefined ? undefined : this.#steps.get(event.vertex);
    if (step === undefined || event.type === 'warning') return;
    const number = step.number === 0 ? ++this.#numbered : step.number;
    this.#steps.set(step.vertex, { ...step, number, ...changeOf(step, event) });
  }

  /** In the order they were announced. */
  list(): readonly BuildStep[] {
    return [...this.#steps.values()];
  }
}

type Change = Partial<Pick<BuildStep, 'status' | 'by' | 'why' | 'started' | 'ended'>> & {
  readonly error?: string;
  readonly logBytes?: number;
};

function changeOf(step: BuildStep, event: Exclude<BuildEvent, { type: 'vertex-queued' }>): Change {
  switch (event.type) {
    case 'vertex-started': {
      const why = event.why === undefined ? {} : { why: event.why };
      return { status: 'running', started: event.time, ...why };
    }
    case 'vertex-cached':
      return { status: 'cached', by: event.by, started: event.time, ended: event.time };
    case 'vertex-completed':
      return { status: 'completed', ended: event.time };
    case 'vertex-failed':
      return { status: 'failed', ended: event.time, error: event.error };
    case 'vertex-cancelled':
      return { status: 'canceled', ended: event.time };
    case 'log':
      return { logBytes: step.logBytes + event.data.length };
    case 'status':
    case 'warning':
      return {};
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
