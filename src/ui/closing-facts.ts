import { type BuildStep, countSteps, stepDuration } from '../model/build-steps.js';
import { criticalPath } from '../model/critical-path.js';

export interface Closing {
  readonly status: 'completed' | 'failed' | 'canceled';
  /** Milliseconds since the epoch. */
  readonly started: number;
  readonly ended: number;
}

/** A build that is over, in numbers; times in milliseconds. */
export interface ClosingFacts {
  readonly status: Closing['status'];
  readonly total: number;
  /** Of the Dockerfile; of them those that were cached, and of those the ones by their result. */
  readonly steps: number;
  readonly cached: number;
  readonly sameResult: number;
  /** What steps that wait for each other took; and all together. */
  readonly criticalPath: number;
  readonly sum: number;
  /** At most three, the slowest first: those worth telling. */
  readonly slowest: readonly (BuildStep & { readonly took: number })[];
}

/** So many steps, each of at least such a part of the whole. */
const [MOST, LEAST] = [3, 0.05];

export function closingFacts(
  steps: readonly BuildStep[],
  { status, started, ended }: Closing,
): ClosingFacts {
  const own = steps.filter(({ range }) => range !== undefined);
  const { total, cached } = countSteps(steps);
  const least = Math.max(100, LEAST * (ended - started));
  const slowest = steps
    .map((step) => ({ ...step, took: stepDuration(step, ended) }))
    .filter(({ took }) => took >= least)
    .toSorted((a, b) => b.took - a.took)
    .slice(0, MOST);
  return {
    ...{ status, total: ended - started, steps: total, cached },
    sameResult: own.filter(({ by }) => by === 'content').length,
    criticalPath: criticalPath(own, ended),
    sum: own.reduce((ms, step) => ms + stepDuration(step, ended), 0),
    slowest,
  };
}
