import { BuildError } from '../model/error.js';
import type { CopyBody, Instruction, ParsedDockerfile } from './instruction.js';
import { lostLine } from './lost-operator.js';
import { trimEnd } from '../model/trim-end.js';

/** A failure of a step that has no better hint gets the one that the Dockerfile's own text gives. */
export function explainFailure(error: unknown, dockerfile: ParsedDockerfile): unknown {
  if (!(error instanceof BuildError)) return error;
  const { range, missing } = error;
  const instruction = dockerfile.instructions.find(
    (each) => each.range.startLine === range?.startLine,
  );
  if (instruction?.kind === 'copy' && missing !== undefined) {
    const hint = elsewhere(missing, instruction, dockerfile.instructions);
    return hint === undefined ? error : error.with({ hint });
  }
  if (instruction?.kind !== 'run' || error.code !== 'run-failed' || error.hint !== undefined)
    return error;
  const lost = lostLine(instruction, dockerfile);
  if (lost === undefined) return error;
  const hint = `is a && missing at the end of line ${String(lost.line)}? without it ${JSON.stringify(lost.next)} is part of the command before`;
  return error.with({ hint });
}

/** An earlier stage whose text names the path: most likely it is made there. */
function elsewhere(
  path: string,
  copy: CopyBody & Instruction,
  instructions: readonly Instruction[],
): string | undefined {
  const bare = trimEnd(path.replace(/^(\.?\/)+/, ''), '/');
  if (bare.length < 2) return undefined;
  for (const { name, body } of stagesBefore(copy, instructions)) {
    const found = name === copy.from ? undefined : body.find((each) => makes(each, bare));
    if (found === undefined) continue;
    const line = String(found.range.startLine);
    return `stage ${name} names it in line ${line}: COPY --from=${name} takes it from there`;
  }
  return undefined;
}

interface NamedStage {
  /** Its name, else its number. */
  readonly name: string;
  readonly body: Instruction[];
}

/** The stages before the one of `end`. */
function stagesBefore(end: Instruction, instructions: readonly Instruction[]): NamedStage[] {
  const stages: NamedStage[] = [];
  for (const instruction of instructions) {
    if (instruction === end) break;
    if (instruction.kind === 'from')
      stages.push({ name: instruction.stage ?? String(stages.length), body: [] });
    else stages.at(-1)?.body.push(instruction);
  }
  return stages.slice(0, -1);
}

/** Only what makes files. */
function makes(instruction: Instruction, path: string): boolean {
  if (instruction.kind === 'copy') return within(instruction.dest, path);
  return instruction.kind === 'run' && within(instruction.text, path);
}

/** The path stands in the text as a whole, with or without what leads to it. */
function within(text: string, path: string): boolean {
  for (let at = text.indexOf(path); at !== -1; at = text.indexOf(path, at + 1)) {
    const [before = '', after = ''] = [text[at - 1], text[at + path.length]];
    if (!/[\w.-]/.test(before) && !/[\w.-]/.test(after)) return true;
  }
  return false;
}
