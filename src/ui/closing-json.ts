import type { ClosingFacts } from './closing-facts.js';

/** The end of a build as a line of rawjson: readers of BuildKit's SolveStatus pass over its one field. */
export function closingJson(facts: ClosingFacts): string {
  const { status, total, steps, cached, sameResult, criticalPath, slowest } = facts;
  const seconds = (ms: number): number => Math.round(ms) / 1000;
  const summary = {
    ...{ status, seconds: seconds(total), steps, cached, sameResult },
    criticalPath: seconds(criticalPath),
    slowest: slowest.map(({ vertex, name, took }) => ({ vertex, name, seconds: seconds(took) })),
  };
  return `${JSON.stringify({ summary })}\n`;
}
