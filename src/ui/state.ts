import type { Digest } from '../model/digest.js';
import { unreachable } from '../model/error.js';
import { type BuildEvent, describeWhy, type WarningEvent } from '../model/events.js';
import { withoutTabs } from './columns.js';
import { escapeControls, lastOfRewritten, oneLine } from './escape.js';

export type StepStatus =
  'waiting' | 'running' | 'cached' | 'same-result' | 'done' | 'failed' | 'cancelled';

export interface StepState {
  readonly vertex: Digest;
  readonly name: string;
  readonly status: StepStatus;
  readonly started?: number;
  readonly ended?: number;
  readonly why?: string;
  /** Last lines of its output, escaped. */
  readonly tail: readonly string[];
  /** Bytes of a line that is not complete yet. */
  readonly partial: Uint8Array;
}

export interface ScreenState {
  readonly started: number;
  /** In the order they were announced. */
  readonly steps: readonly StepState[];
  readonly warnings: readonly WarningEvent[];
}

const TAIL = 20;
/** No terminal shows more of a line that does not end. */
const LONGEST_PARTIAL = 16 << 10;
const [NEWLINE, RETURN] = [10, 13];

export function initialState(now: number): ScreenState {
  return { started: now, steps: [], warnings: [] };
}

/** The screen's whole memory: a fold over events, pure. */
export function reduce(state: ScreenState, event: BuildEvent): ScreenState {
  switch (event.type) {
    case 'vertex-queued': {
      const { vertex } = event;
      if (state.steps.some((step) => step.vertex === vertex)) return state;
      const step: StepState = {
        vertex,
        name: oneLine(event.name),
        status: 'waiting',
        tail: [],
        partial: new Uint8Array(),
      };
      return { ...state, steps: [...state.steps, step] };
    }
    case 'vertex-started': {
      const why = event.why === undefined ? {} : { why: oneLine(describeWhy(event.why)) };
      return update(state, event.vertex, (step) => ({
        ...step,
        status: 'running',
        started: event.time,
        ...why,
      }));
    }
    case 'vertex-cached': {
      const status = event.by === 'content' ? 'same-result' : 'cached';
      return update(state, event.vertex, (step) => ({
        ...step,
        status,
        started: event.time,
        ended: event.time,
      }));
    }
    case 'vertex-completed':
      return update(state, event.vertex, (step) => ({
        ...step,
        status: 'done',
        ended: event.time,
      }));
    case 'vertex-failed':
      return update(state, event.vertex, (step) => ({
        ...step,
        status: 'failed',
        ended: event.time,
      }));
    case 'vertex-cancelled':
      return update(state, event.vertex, (step) => ({
        ...step,
        status: 'cancelled',
        ended: event.time,
      }));
    case 'log':
      return update(state, event.vertex, (step) => withLog(step, event.data));
    case 'status':
      return state;
    case 'warning':
      return { ...state, warnings: [...state.warnings, event] };
    default:
      return unreachable(event);
  }
}

function update(
  state: ScreenState,
  vertex: Digest,
  change: (step: StepState) => StepState,
): ScreenState {
  return {
    ...state,
    steps: state.steps.map((step) => (step.vertex === vertex ? change(step) : step)),
  };
}

function withLog(step: StepState, data: Uint8Array): StepState {
  const bytes = Buffer.concat([step.partial, data]);
  const end = bytes.lastIndexOf(NEWLINE) + 1;
  const partial = shortened(bytes.subarray(end));
  if (end === 0) return { ...step, partial };
  const lines = bytes
    .subarray(0, end - 1)
    .toString()
    .split('\n')
    .slice(-TAIL);
  const shown = lines.map((line) => withoutTabs(escapeControls(lastOfRewritten(line))));
  return { ...step, partial, tail: [...step.tail, ...shown].slice(-TAIL) };
}

/** What can still be seen of an incomplete line: from its last rewriting on, and only so much. */
function shortened(bytes: Buffer): Buffer {
  let text = bytes.length;
  while (bytes[text - 1] === RETURN) text--;
  const start = text === 0 ? 0 : bytes.lastIndexOf(RETURN, text - 1) + 1;
  return Buffer.from(bytes.subarray(start, start + LONGEST_PARTIAL));
}
