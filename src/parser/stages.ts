import { BuildError } from '../model/error.js';
import { nearest } from '../model/nearest.js';
import { type GlobalArgs, readGlobals } from './globals.js';
import type { Instruction, ParsedDockerfile } from './instruction.js';
import type { LowerOptions } from './lower-options.js';

export type FromInstruction = Extract<Instruction, { kind: 'from' }>;

/** A FROM and what follows it. */
export interface Stage {
  readonly index: number;
  readonly name: string | undefined;
  readonly from: FromInstruction;
  readonly body: readonly Instruction[];
}

/** Stages of the file, and the ARGs before the first. */
export function readStages(
  dockerfile: ParsedDockerfile,
  options: LowerOptions,
): { stages: Stage[]; globals: GlobalArgs } {
  const first = dockerfile.instructions.findIndex(({ kind }) => kind === 'from');
  const head = dockerfile.instructions.slice(0, first);
  const stages: {
    index: number;
    name: string | undefined;
    from: FromInstruction;
    body: Instruction[];
  }[] = [];
  for (const instruction of dockerfile.instructions.slice(first)) {
    if (instruction.kind === 'from') {
      stages.push({ index: stages.length, name: instruction.stage, from: instruction, body: [] });
    } else stages[stages.length - 1]?.body.push(instruction);
  }
  const { escape } = dockerfile.directives;
  const targetName = options.target ?? stages.at(-1)?.name ?? 'default';
  return { stages, globals: readGlobals(head, { ...options, escape, targetName }) };
}

/** Stages by their names, which are lower-case. A name may be used again. */
export interface StageNames {
  /** The last of that very name before a stage: FROM Base is an image, as in BuildKit. */
  readonly before: (name: string, index: number) => number | undefined;
  /** The last of that name, in any case, in the file. */
  readonly last: (name: string) => number | undefined;
}

export function stageNames(stages: readonly Stage[]): StageNames {
  const byName = new Map<string | undefined, Stage[]>();
  for (const stage of stages) {
    const same = byName.get(stage.name);
    if (same === undefined) byName.set(stage.name, [stage]);
    else same.push(stage);
  }
  return {
    before: (name, index) => byName.get(name)?.findLast((stage) => stage.index < index)?.index,
    last: (name) => byName.get(name.toLowerCase())?.at(-1)?.index,
  };
}

/** The stage to build: the last, or the last of that name. */
export function findTarget(
  stages: readonly Stage[],
  target: string | undefined,
  file: string,
): Stage {
  const last = stages[stages.length - 1];
  if (last === undefined) throw new Error(`${file} has no stages`);
  if (target === undefined) return last;
  const named = stages.findLast(({ name }) => name === target.toLowerCase());
  if (named !== undefined) return named;
  const names = stages.map(({ name }) => name).filter((name) => name !== undefined);
  const near = nearest(target, names);
  const known = names.length === 0 ? 'no stage of it has a name' : `stages are ${names.join(', ')}`;
  throw new BuildError(
    'syntax',
    `target stage ${JSON.stringify(target)} could not be found in ${file}`,
    {
      hint: near === undefined ? known : `did you mean ${near}?`,
    },
  );
}
