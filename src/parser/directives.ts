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
  for (const [index, line] of lines.entries()) {
    if (index === 0 && line.startsWith('#!')) continue;
    const match = /^\s*#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.*?)\s*$/.exec(line.replace(/\r$/, ''));
    const key = match?.[1]?.toLowerCase();
    if (key === undefined || !KNOWN.has(key)) break;
    try {
      if (found.has(key)) throw new Problem(`only one ${key} parser directive can be used`);
      found.set(key, checked(key, match?.[2] ?? ''));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      onProblem(error, index);
    }
  }
  const [syntax, check] = [found.get('syntax'), found.get('check')];
  return {
    escape: found.get('escape') ?? '\\',
    ...(syntax === undefined ? {} : { syntax }),
    ...(check === undefined ? {} : { check }),
  };
}

function checked(key: string, value: string): string {
  if (key === 'escape' && value !== '\\' && value !== '`') {
    throw new Problem(`invalid escape token '${value}' does not match \` or \\`);
  }
  if (key === 'syntax') checkSyntax(value);
  if (key === 'check') readCheckOptions(value);
  return value;
}

/** The language is built in: its official names are accepted, another frontend cannot be run. */
function checkSyntax(value: string): void {
  const image = value.split(/\s+/)[0] ?? '';
  const name = image.replace(/^docker\.io\//, '').replace(/@sha256:[0-9a-f]{64}$/, '');
  if (
    /^docker\/dockerfile(-upstream)?(:(1(\.\d+){0,2}|latest|master|labs|1[\d.]*-labs))?$/.test(name)
  )
    return;
  if (name === 'dockerfile.v0') return;
  throw new Problem(`syntax ${image} is another frontend, which stave cannot run`, {
    code: 'unsupported',
    hint: 'use # syntax=docker/dockerfile:1, or leave the line out',
  });
}
