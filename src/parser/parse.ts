import { createRequire } from 'node:module';
import type * as DockerfileAst from 'dockerfile-ast';
import { readDirectives } from './directives.js';
import type { Diagnostic, Instruction, ParsedDockerfile } from './instruction.js';
import { joinLines, type LogicalLine } from './logical-lines.js';
import { Problem } from './problem.js';
import { readInstruction } from './read-instruction.js';

/**
 * Reads a Dockerfile. Never throws on bad text: every problem is in `diagnostics`, with its place, and the
 * instructions that could be read are there. `file` is what messages call it.
 */
export function parseDockerfile(text: string, file: string): ParsedDockerfile {
  const lines = text.replace(/^\ufeff/, '').split('\n');
  const diagnostics: Diagnostic[] = [];
  const report = (problem: Problem, startLine: number, endLine: number): void => {
    diagnostics.push({
      message: problem.message,
      code: problem.code,
      range: { file, startLine, endLine },
      ...(problem.hint === undefined ? {} : { hint: problem.hint }),
    });
  };
  const directives = readDirectives(lines, (problem, line) => {
    report(problem, line + 1, line + 1);
  });
  const instructions: Instruction[] = [];
  for (const logical of logicalLines(lines, directives.escape)) {
    try {
      instructions.push(readInstruction(logical, file, directives.escape));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      report(error, logical.startLine, logical.endLine);
    }
  }
  if (diagnostics.length === 0) checkShape(text, instructions, report);
  return { file, instructions, directives, lines, diagnostics };
}

type Report = (problem: Problem, startLine: number, endLine: number) => void;

function checkShape(text: string, instructions: readonly Instruction[], report: Report): void {
  if (text.trim() === '') report(new Problem('the Dockerfile cannot be empty'), 1, 1);
  else if (instructions.length === 0) report(new Problem('file with no instructions'), 1, 1);
  else {
    const first = instructions.find((instruction) => instruction.kind !== 'arg');
    if (first === undefined) report(new Problem('dockerfile contains no stages to build'), 1, 1);
    else if (first.kind !== 'from') {
      const problem = new Problem('no build stage in current context', {
        hint: 'begin with FROM; only ARG may come before it',
      });
      report(problem, first.range.startLine, first.range.endLine);
    }
  }
}

/**
 * The instructions' lines. dockerfile-ast tells where each begins and ends; where it continues a line that BuildKit
 * would not (a doubled escape), the rest is asked again.
 */
function* logicalLines(lines: readonly string[], escape: string): Generator<LogicalLine> {
  // The escape directive must be seen again whenever only a part of the file is given.
  const head = `# escape=${escape}\n`;
  let offset = 0;
  while (offset < lines.length) {
    const before = offset;
    const rest = head + lines.slice(offset).map(withoutDirective).join('\n');
    for (const { start, end } of rangesOf(rest)) {
      const from = offset + start - 1;
      const logical = joinLines(lines, from, offset + end - 1, escape);
      yield logical;
      if (logical.endLine - 1 < lastMeaningful(lines, from, offset + end - 1)) {
        offset = logical.endLine;
        break;
      }
    }
    if (offset === before) return;
  }
}

/** A comment that looks like a directive would end the file's own as a duplicate. */
function withoutDirective(line: string): string {
  return /^\s*#/.test(line) ? '#' : line;
}

function lastMeaningful(lines: readonly string[], from: number, to: number): number {
  for (let line = to; line > from; line--) {
    const text = (lines[line] ?? '').trim();
    if (text !== '' && !text.startsWith('#')) return line;
  }
  return from;
}

let ast: typeof DockerfileAst | undefined;

function rangesOf(text: string): { start: number; end: number }[] {
  ast ??= createRequire(import.meta.url)('dockerfile-ast') as typeof DockerfileAst;
  return ast.DockerfileParser.parse(text)
    .getInstructions()
    .map((instruction) => {
      const { start, end } = instruction.getRange();
      return { start: start.line, end: end.line };
    });
}
