import { readCheckOptions } from './lint/lint-config.js';
import { Problem } from './problem.js';
import type { Directives } from './instruction.js';

const KNOWN = new Set(['syntax', 'escape', 'check']);

/**
 * `# key=value` lines at the very top (Dockerfile reference, "Parser directives"): up to the first line that is not
 * one. `onProblem` gets the line index of what is wrong.
 */
export function readDirectives(
  lines: readonly string[],
  onProblem: (problem: Problem, line: number) => void,
): Directives {
  const found = new Map<string, string>();
  let syntaxLine = 1;
  for (const [index, line] of lines.entries()) {
    if (index === 0 && line.startsWith('#!')) continue;
    const match = /^\s*#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(\S.*)/.exec(line);
    const key = match?.[1]?.toLowerCase();
    if (key === undefined || !KNOWN.has(key)) break;
    try {
      if (found.has(key)) throw new Problem(`only one ${key} parser directive can be used`);
      found.set(key, checked(key, match?.[2]?.trimEnd() ?? ''));
      if (key === 'syntax') syntaxLine = index + 1;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      onProblem(error, index);
    }
  }
  const syntax = found.get('syntax') ?? foreignSyntax(lines);
  const check = found.get('check');
  return {
    escape: found.get('escape') ?? '\\',
    ...(syntax === undefined ? {} : { syntax, syntaxLine }),
    ...(check === undefined ? {} : { check }),
  };
}

function checked(key: string, value: string): string {
  if (key === 'escape' && value !== '\\' && value !== '`') {
    throw new Problem(`invalid escape token '${value}' does not match \` or \\`);
  }
  if (key === 'check') readCheckOptions(value);
  return value;
}

/** How files that are no Dockerfiles name their frontend: `// syntax=image`, or JSON with a member `syntax`. */
function foreignSyntax(lines: readonly string[]): string | undefined {
  const first = lines.findIndex((line, index) => index > 0 || !line.startsWith('#!'));
  const line = lines[first] ?? '';
  const comment = /^\/\/\s*syntax\s*=\s*(\S.*)/i.exec(line)?.[1]?.trimEnd();
  if (comment !== undefined || !line.trimStart().startsWith('{')) return comment;
  try {
    const value: unknown = JSON.parse(lines.slice(first).join('\n'));
    const syntax = typeof value === 'object' && value !== null && 'syntax' in value && value.syntax;
    return typeof syntax === 'string' && syntax !== '' ? syntax : undefined;
  } catch {
    return undefined;
  }
}
