import { BuildError } from '../model/error.js';
import { nearest } from '../model/nearest.js';
import { Problem } from './problem.js';
import type { Stage, StageNames } from './stages.js';

/** What `--from` means if it is a stage: a name, else a number. */
export function stageIndex(from: string, names: StageNames, count: number): number | undefined {
  const named = names.last(from);
  if (named !== undefined || !/^\d+$/.test(from)) return named;
  if (Number(from) < count) return Number(from);
  throw new Problem(
    `invalid stage index ${from}: stages are counted from 0, the last is ${String(count - 1)}`,
  );
}

/** A name without tag or slash that is a slip away from a stage's is a slip, not an image. */
export function checkNearStage(from: string, earlier: readonly Stage[]): void {
  const near = nearStage(from, earlier);
  if (near === undefined) return;
  throw new Problem(`no stage ${JSON.stringify(from)}`, { hint: `did you mean --from=${near}?` });
}

/** The failure of a base image whose name is a slip away from a stage's says so. */
export function withNearStage(error: unknown, base: string, earlier: readonly Stage[]): unknown {
  const near = nearStage(base, earlier);
  if (near === undefined || !(error instanceof BuildError)) return error;
  const hint = base.toLowerCase() === near ? lowerCase(near) : `did you mean the stage ${near}?`;
  return error.with({ hint });
}

/** Names of stages are lower-case however they are written, and FROM, unlike --from, takes them only so. */
function lowerCase(name: string): string {
  return `did you mean the stage? FROM takes its name in lower case: FROM ${name}`;
}

function nearStage(name: string, stages: readonly Stage[]): string | undefined {
  if (/[/:@.]/.test(name)) return undefined;
  return nearest(
    name,
    stages.map((stage) => stage.name).filter((each) => each !== undefined),
  );
}
