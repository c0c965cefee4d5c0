import type { Instruction, ParsedDockerfile } from '../instruction.js';
import { commentsAbove } from './comments.js';
import { type Head, headOf } from './head-lines.js';
import type { Linter } from './linter.js';

type From = Extract<Instruction, { kind: 'from' }>;

/** One instruction, how it is spelled, and the linter its comments leave. */
interface Written {
  readonly instruction: Instruction;
  readonly head: Head;
  /** The keyword as written. */
  readonly keyword: string;
  readonly comments: readonly string[];
  readonly linter: Linter;
}

/** The rules that need only the text: also of a file with errors, for what could be read of it. */
export function lintFile(dockerfile: ParsedDockerfile, linter: Linter): void {
  const written = dockerfile.instructions.map((instruction) =>
    spelled(instruction, dockerfile, linter),
  );
  for (const each of written) {
    continuation(each, linter);
    maintainer(each);
    fromSpelling(each);
    description(each);
  }
  stageNames(dockerfile, linter);
  casing(written, linter);
}

function spelled(instruction: Instruction, file: ParsedDockerfile, linter: Linter): Written {
  const head = headOf(file.lines, instruction.range, file.directives.escape);
  const comments = commentsAbove(file, instruction.range);
  const known = /^[A-Za-z]+/.exec(instruction.text)?.[0] ?? '';
  const keyword = head.first.slice(0, known.length);
  // A keyword that is itself continued has no spelling to speak of.
  const whole = keyword.toUpperCase() === known.toUpperCase();
  return {
    instruction,
    head,
    keyword: whole ? keyword : known,
    comments,
    linter: linter.under(comments),
  };
}

function continuation({ instruction, head }: Written, linter: Linter): void {
  if (!head.hasBlank) return;
  const { file } = instruction.range;
  const range = { file, startLine: head.endLine, endLine: head.endLine };
  linter.report('NoEmptyContinuation', range, 'Empty continuation line');
}

function maintainer({ instruction, linter }: Written): void {
  if (instruction.kind !== 'maintainer') return;
  const detail = 'Maintainer instruction is deprecated in favor of using label';
  linter.report('MaintainerDeprecated', instruction.range, detail);
}

function fromSpelling({ instruction, keyword, linter }: Written): void {
  if (instruction.kind !== 'from') return;
  const [, as, stage] = fromWords(instruction);
  if (as === undefined || stage === undefined) return;
  if (stage !== stage.toLowerCase()) {
    const detail = `Stage name '${stage}' should be lowercase`;
    linter.report('StageNameCasing', instruction.range, detail);
  }
  // A keyword of mixed case is the business of ConsistentInstructionCasing.
  if (!isOneCase(keyword) || as === inCaseOf(keyword, as)) return;
  const detail = `'${as}' and '${keyword}' keywords' casing do not match`;
  linter.report('FromAsCasing', instruction.range, detail);
}

/** The words after the keyword and its flags, as written. */
function fromWords({ text }: From): string[] {
  return text
    .split(/\s+/)
    .slice(1)
    .filter((word) => !word.startsWith('--'));
}

function isOneCase(word: string): boolean {
  return word === word.toLowerCase() || word === word.toUpperCase();
}

function inCaseOf(model: string, word: string): string {
  return model === model.toLowerCase() ? word.toLowerCase() : word.toUpperCase();
}

function description({ instruction, comments, linter }: Written): void {
  const names = definedNames(instruction);
  const last = comments.findLast((comment) => !/^check\s*=/i.test(comment));
  const [first] = names;
  if (first === undefined || last === undefined) return;
  if (names.includes(last.split(' ')[0] ?? '')) return;
  const keyword = instruction.kind === 'from' ? 'FROM' : 'ARG';
  const example = names.length > 1 ? '<arg_key>' : first;
  const detail = `Comment for ${keyword} should follow the format: \`# ${example} <description>\``;
  linter.report('InvalidDefinitionDescription', instruction.range, detail);
}

function definedNames(instruction: Instruction): readonly string[] {
  if (instruction.kind === 'arg') return instruction.args.map(({ name }) => name);
  if (instruction.kind !== 'from' || instruction.stage === undefined) return [];
  return [instruction.stage];
}

function stageNames({ instructions }: ParsedDockerfile, linter: Linter): void {
  const seen = new Set<string>();
  for (const instruction of instructions) {
    if (instruction.kind !== 'from' || instruction.stage === undefined) continue;
    const { stage, range } = instruction;
    const quoted = JSON.stringify(stage);
    if (stage === 'scratch' || stage === 'context') {
      const detail = `Stage name should not use the same name as reserved stage ${quoted}`;
      linter.report('ReservedStageName', range, detail);
    }
    if (seen.has(stage)) {
      const detail = `Duplicate stage name ${quoted}, stage names should be unique`;
      linter.report('DuplicateStageName', range, detail);
    }
    seen.add(stage);
  }
}

/** Majority vote of all keywords but those of ARGs before the first FROM; a draw is for upper case. */
function casing(written: readonly Written[], linter: Linter): void {
  const first = written.findIndex(({ instruction }) => instruction.kind === 'from');
  const voters = first === -1 ? [] : written.slice(first);
  const lower = voters.filter(({ keyword }) => keyword === keyword.toLowerCase()).length;
  const upper = voters.filter(({ keyword }) => keyword === keyword.toUpperCase()).length;
  const isLower = lower > upper;
  for (const { instruction, keyword } of voters) {
    if (keyword === (isLower ? keyword.toLowerCase() : keyword.toUpperCase())) continue;
    const wanted = isLower ? 'lowercase' : 'uppercase';
    const detail = `Command '${keyword}' should match the case of the command majority (${wanted})`;
    linter.report('ConsistentInstructionCasing', instruction.range, detail);
  }
}
