import type { BuildStep } from './build-steps.js';
import { describeWhy } from './events.js';

/** Why a step ran, or how it was cached: what `stave why` prints. */
export interface StepReason {
  readonly Number: number;
  readonly Name: string;
  readonly Status: string;
  /** Of a cached one: definition, or content (an input ran again or moved, and held what it held). */
  readonly CachedBy?: string;
  /** Of one that ran: `what` is the first thing that differs, `more` how many others do. */
  readonly Why?: Readonly<Record<string, unknown>> & {
    readonly kind: string;
    readonly text: string;
  };
  /** Where it began, when it ran because of another step. */
  readonly Cause?: StepReason;
}

export function stepReason(step: BuildStep, steps: readonly BuildStep[]): StepReason {
  const { number, name, status, by, why } = step;
  const cause = causeOf(step, steps);
  return {
    Number: number,
    Name: name,
    Status: status,
    ...(by === undefined ? {} : { CachedBy: by }),
    ...(why === undefined ? {} : { Why: { ...why, text: describeWhy(why) } }),
    ...(cause === undefined ? {} : { Cause: stepReason(cause, []) }),
  };
}

/** Inputs come before what depends on them, so this ends. */
function causeOf(step: BuildStep, steps: readonly BuildStep[]): BuildStep | undefined {
  let found: BuildStep | undefined;
  for (let at = inputOf(step, steps); at !== undefined; at = inputOf(at, steps)) found = at;
  return found;
}

/** The step whose result is another. */
function inputOf({ why, inputs }: BuildStep, steps: readonly BuildStep[]): BuildStep | undefined {
  if (why?.kind !== 'input-changed') return undefined;
  return steps.find(({ vertex, name }) => inputs.includes(vertex) && name === why.input);
}

/** One line, without the step's name. */
export function reasonText({ Status, CachedBy, Why }: StepReason): string {
  if (Status === 'cached')
    return CachedBy === 'content'
      ? 'CACHED (same result): what it reads was made again, and is what it was'
      : 'CACHED: nothing it reads has changed';
  if (Why !== undefined) return `why: ${Why.text}`;
  return Status === 'waiting' ? 'it did not begin' : 'it always runs';
}
