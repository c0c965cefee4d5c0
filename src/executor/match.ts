import { posix } from 'node:path';
import { BuildError, type SourceRange } from '../model/error.js';
import { compileGlob, toRunes } from './glob.js';
import { trimEnd } from '../model/trim-end.js';

/** One usable line of an ignore file. */
interface Rule {
  readonly line: number;
  readonly negated: boolean;
  readonly pattern: string;
  readonly matches: (path: string) => boolean;
  /** Text before the first wildcard: what a descent can be judged by. */
  readonly literal: string;
}

export interface Verdict {
  readonly ignored: boolean;
  /** The line that decided, counted from 1. */
  readonly line?: number;
}

/** Compiled ignore rules. Paths are relative, `/`-separated, latin1, without leading `./`. */
export interface IgnoreRules {
  readonly file: string;
  readonly empty: boolean;
  readonly hasExceptions: boolean;
  /** A line takes out everything. */
  readonly ignoresAll: boolean;
  readonly verdict: (path: string) => Verdict;
  /** True if nothing below an ignored directory can be taken in again. */
  readonly prunes: (directory: string) => boolean;
  /** False if no rule can match a directory or anything below it. */
  readonly reaches: (directory: string) => boolean;
}

/**
 * Docker's dialect (moby/patternmatcher): anchored at the context's root, `**` spans directories, a match of a parent
 * ignores its children, the last matching line wins, `!` takes in again. `text` is latin1, as paths are. Throws
 * BuildError `syntax` with the line.
 */
export function compileIgnore(text: string, file: string): IgnoreRules {
  const rules = text
    .replace(/^\xef\xbb\xbf/, '')
    .split('\n')
    .map((line, index) => readLine(line, index + 1, file))
    .filter((rule) => rule !== undefined);
  return rulesOf(rules, file);
}

/** The same dialect for patterns of a flag (`--exclude`, `--parents`), which are text and have no comments. */
export function compilePatterns(patterns: readonly string[], flag: string): IgnoreRules {
  const rules = patterns.flatMap((pattern, index) => {
    const text = pattern.trim();
    if (text === '') return [];
    return [readRule(Buffer.from(text).toString('latin1'), { line: index + 1, label: flag })];
  });
  return rulesOf(rules, flag);
}

function rulesOf(rules: readonly Rule[], file: string): IgnoreRules {
  const exceptions = rules.filter((rule) => rule.negated);
  const hits = rememberedHits(rules);
  return {
    file,
    empty: rules.length === 0,
    hasExceptions: exceptions.length > 0,
    ignoresAll: rules.some((rule) => !rule.negated && /^(?:\*|\*\*|\*\*\/\*)$/.test(rule.pattern)),
    verdict: (path) => {
      const last = hits(path).lastIndexOf(true);
      const rule = rules[last];
      return rule === undefined ? { ignored: false } : { ignored: !rule.negated, line: rule.line };
    },
    prunes: (directory) => exceptions.every((rule) => !mayMatchBelow(rule, directory)),
    reaches: (directory) => rules.some((rule) => !rule.negated && mayMatchBelow(rule, directory)),
  };
}

/** Which rules match a path or a directory above it; asked once for each directory. */
function rememberedHits(rules: readonly Rule[]): (path: string) => readonly boolean[] {
  const none = rules.map(() => false);
  const directories = new Map<string, readonly boolean[]>();
  const hits = (path: string): readonly boolean[] => {
    const above = parents(path);
    const runes = toRunes(path);
    return rules.map((rule, i) => above[i] === true || rule.matches(runes));
  };
  const parents = (path: string): readonly boolean[] => {
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    if (parent === '') return none;
    const known = directories.get(parent) ?? hits(parent);
    directories.set(parent, known);
    return known;
  };
  return hits;
}

/** ASCII white space only: a byte of a longer character may look like a space in latin1. */
function trim(text: string): string {
  return trimEnd(text.replace(/^[\t\v\f\r ]+/, ''), '\t\v\f\r ');
}

function readLine(text: string, line: number, file: string): Rule | undefined {
  if (text.startsWith('#')) return undefined;
  const trimmed = trim(text);
  if (trimmed === '') return undefined;
  return readRule(trimmed, { line, label: file, range: { file, startLine: line, endLine: line } });
}

interface Origin {
  readonly line: number;
  readonly label: string;
  readonly range?: SourceRange;
}

function readRule(trimmed: string, { line, label, range }: Origin): Rule {
  const negated = trimmed.startsWith('!');
  const text = negated ? trim(trimmed.slice(1)) : trimmed;
  const place = range === undefined ? {} : { range };
  if (text === '') throw new BuildError('syntax', 'illegal exclusion pattern: "!"', place);
  const clean = posix.normalize(text).replace(/^\/+|\/+$/g, '');
  const pattern = clean === '' ? '.' : clean;
  try {
    const matches = compileGlob(toRunes(pattern), 'ignore');
    return { line, negated, pattern, matches, literal: literalHead(pattern) };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const where = range === undefined ? `${label}: ` : '';
    const shown = JSON.stringify(Buffer.from(text, 'latin1').toString());
    throw new BuildError('syntax', `${where}bad pattern ${shown}: ${error.message}`, place);
  }
}

function mayMatchBelow(rule: Rule, directory: string): boolean {
  const { literal } = rule;
  return literal.startsWith(`${directory}/`) || `${directory}/`.startsWith(literal);
}

function literalHead(pattern: string): string {
  const wild = pattern.search(/[*?[\\]/);
  return wild === -1 ? pattern : pattern.slice(0, wild);
}

/** Whether a COPY source has wildcards of Go's filepath.Match; an escaped one is plain. */
export function hasWildcard(path: string): boolean {
  return /[*?[]/.test(path.replace(/\\[^]/g, ''));
}

/** Go's filepath.Match over a whole path of latin1 bytes: `*` never crosses `/`. Throws SyntaxError on a bad pattern. */
export function compileWildcard(pattern: string): (path: string) => boolean {
  const matches = compileGlob(toRunes(pattern), 'match');
  return (path) => matches(toRunes(path));
}
