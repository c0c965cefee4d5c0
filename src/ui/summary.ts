import { columnsOf, cut } from './columns.js';
import type { ScreenState, StepState } from './state.js';
import { warningLines } from './warnings.js';

const MARKS: Readonly<Record<StepState['status'], string>> = {
  waiting: '=>',
  running: '=>',
  cached: '=> CACHED',
  'same-result': '=> CACHED (same result)',
  done: '=>',
  failed: '=> ERROR',
  cancelled: '=> CANCELED',
};

/** `[+] Building 1.2s (5/7)`, a line a step with its time at the right edge, warnings. */
export function summaryLines(state: ScreenState, width: number, now: number): string[] {
  const steps = state.steps.filter((step) => step.status !== 'waiting');
  return [
    titleLine(state, now),
    ...steps.flatMap((step) => stepLines(step, width, now)),
    ...warningLines(state.warnings, width),
  ];
}

export function titleLine(state: ScreenState, now: number): string {
  const ended = state.steps.filter((step) => step.ended !== undefined).length;
  const seconds = ((now - state.started) / 1000).toFixed(1);
  const finished = ended === state.steps.length && ended > 0 ? ' FINISHED' : '';
  return `[+] Building ${seconds}s (${String(ended)}/${String(state.steps.length)})${finished}`;
}

export function stepLines(step: StepState, width: number, now: number): string[] {
  const time = `${(((step.ended ?? now) - (step.started ?? now)) / 1000).toFixed(1)}s`;
  const room = Math.max(10, width - time.length - 1);
  const title = cut(` ${MARKS[step.status]} ${step.name}`, room);
  const line = `${title}${' '.repeat(room - columnsOf(title))} ${time}`;
  const why = step.why === undefined ? [] : [cut(` => => why: ${step.why}`, width)];
  return [line, ...why];
}
