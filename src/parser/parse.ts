import { createRequire } from 'node:module';
import type * as DockerfileAst from 'dockerfile-ast';
import { readDirectives } from './directives.js';
import type { Diagnostic, Instruction, ParsedDockerfile } from './instruction.js';
import { logicalLines, type Starts } from './logical-lines.js';
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
  if (!checkSize(text, lines, report)) {
    return { file, instructions: [], directives: { escape: '\\' }, lines, diagnostics };
  }
  const directives = readDirectives(lines, (problem, line) => {
    report(problem, line + 1, line + 1);
  });
  const instructions: Instruction[] = [];
  for (const logical of logicalLines(lines, directives.escape, instructionStarts)) {
    try {
      instructions.push(readInstruction(logical, file, directives.escape));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      report(error, logical.startLine, logical.endLine);
      if (diagnostics.length < MAX_PROBLEMS) continue;
      report(
        new Problem('too many problems: what follows is not read'),
        logical.endLine,
        logical.endLine,
      );
      break;
    }
  }
  if (diagnostics.length === 0) checkShape(text, instructions, report);
  return { file, instructions, directives, lines, diagnostics };
}

type Report = (problem: Problem, startLine: number, endLine: number) => void;

/** Nobody reads more, and each takes its time. */
const MAX_PROBLEMS = 100;
const MAX_FILE = 10 << 20;
const MAX_LINE = 65_535;

/** What is too large, or no text, is not looked at any closer. */
function checkSize(text: string, lines: readonly string[], report: Report): boolean {
  if (text.length > MAX_FILE) {
    report(new Problem('the Dockerfile is larger than 10 MiB'), 1, 1);
    return false;
  }
  const long = lines.findIndex((line) => line.length * 3 >= MAX_LINE && bytesOf(line) > MAX_LINE);
  if (long !== -1) {
    const message = `dockerfile line greater than max allowed size of ${String(MAX_LINE)}`;
    report(new Problem(message), long + 1, long + 1);
  }
  const nul = text.includes('\0') ? lines.findIndex((line) => line.includes('\0')) : -1;
  if (nul !== -1) report(new Problem('the line holds a NUL byte'), nul + 1, nul + 1);
  return long === -1 && nul === -1;
}

/** With its line break. */
function bytesOf(line: string): number {
  return Buffer.byteLength(line) + 1;
}

const BEGIN = { hint: 'a stage begins with FROM image' };

function checkShape(text: string, instructions: readonly Instruction[], report: Report): void {
  if (text.trim() === '') report(new Problem('the Dockerfile cannot be empty', BEGIN), 1, 1);
  else if (instructions.length === 0) report(new Problem('file with no instructions', BEGIN), 1, 1);
  else {
    const first = instructions.find((instruction) => instruction.kind !== 'arg');
    if (first === undefined)
      report(new Problem('dockerfile contains no stages to build', BEGIN), 1, 1);
    else if (first.kind !== 'from') {
      const problem = new Problem('no build stage in current context', {
        hint: 'begin with FROM; only ARG may come before it',
      });
      report(problem, first.range.startLine, first.range.endLine);
    }
  }
}

let ast: typeof DockerfileAst | undefined;

/** dockerfile-ast's answer. The escape directive is set before every piece; a comment that looks like one is masked. */
const instructionStarts: Starts = (lines, escape) => {
  ast ??= createRequire(import.meta.url)('dockerfile-ast') as typeof DockerfileAst;
  const masked = lines.map((line) => (/^\s*#/.test(line) ? '#' : line));
  return ast.DockerfileParser.parse(`# escape=${escape}\n${masked.join('\n')}`)
    .getInstructions()
    .map((instruction) => instruction.getRange().start.line - 1);
};
