import { createRequire } from 'node:module';
import { posix } from 'node:path';
import type * as Micromatch from 'micromatch';
import { BuildError } from '../model/error.js';

let loaded: typeof Micromatch | undefined;

/** Loaded when the first pattern with a bracket or wildcard has to be compiled. */
function micromatch(): typeof Micromatch {
  loaded ??= createRequire(import.meta.url)('micromatch') as typeof Micromatch;
  return loaded;
}

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

/** A compiled .dockerignore. Paths are relative, `/`-separated, without leading `./`. */
export interface IgnoreRules {
  readonly file: string;
  readonly empty: boolean;
  readonly hasExceptions: boolean;
  /** A line takes out everything. */
  readonly ignoresAll: boolean;
  readonly verdict: (path: string) => Verdict;
  /** True if nothing below an ignored directory can be taken in again. */
  readonly prunes: (directory: string) => boolean;
}

/**
 * Docker's dialect (moby/patternmatcher): anchored at the context's root, `**` spans directories, a match of a parent
 * ignores its children, the last matching line wins, `!` takes in again. Throws BuildError `syntax` with the line.
 */
export function compileIgnore(text: string, file: string): IgnoreRules {
  const rules = text
    .replace(/^\ufeff/, '')
    .split('\n')
    .map((line, index) => readRule(line, index + 1, file))
    .filter((rule) => rule !== undefined);
  const exceptions = rules.filter((rule) => rule.negated);
  return {
    file,
    empty: rules.length === 0,
    hasExceptions: exceptions.length > 0,
    ignoresAll: rules.some((rule) => !rule.negated && /^(?:\*|\*\*|\*\*\/\*)$/.test(rule.pattern)),
    verdict: (path) => verdict(rules, path),
    prunes: (directory) => exceptions.every((rule) => !mayMatchBelow(rule, directory)),
  };
}

function readRule(line: string, number: number, file: string): Rule | undefined {
  if (line.startsWith('#')) return undefined;
  let text = line.trim();
  if (text === '') return undefined;
  const negated = text.startsWith('!');
  if (negated) text = text.slice(1).trim();
  const range = { file, startLine: number, endLine: number };
  if (text === '') throw new BuildError('syntax', 'illegal exclusion pattern: "!"', { range });
  const clean = posix
    .normalize(text)
    .replace(/^\/+|\/+$/g, '')
    .replace(/^(\.\.\/)+/, '');
  const pattern = clean === '' ? '.' : clean;
  try {
    return {
      line: number,
      negated,
      pattern,
      matches: compilePattern(pattern),
      literal: literalHead(pattern),
    };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new BuildError('syntax', `bad pattern ${JSON.stringify(text)}: ${error.message}`, {
      range,
    });
  }
}

function verdict(rules: readonly Rule[], path: string): Verdict {
  for (let i = rules.length - 1; i >= 0; i--) {
    const rule = rules[i];
    if (rule !== undefined && matchesPathOrParent(rule, path))
      return { ignored: !rule.negated, line: rule.line };
  }
  return { ignored: false };
}

function matchesPathOrParent(rule: Rule, path: string): boolean {
  for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
    if (rule.matches(path.slice(0, end))) return true;
  }
  return false;
}

function mayMatchBelow(rule: Rule, directory: string): boolean {
  const { literal } = rule;
  return literal.startsWith(`${directory}/`) || `${directory}/`.startsWith(literal);
}

function literalHead(pattern: string): string {
  const wild = pattern.search(/[*?[\\]/);
  return wild === -1 ? pattern : pattern.slice(0, wild);
}

const WILD = /[*?[\]\\]/;

/** A pattern with `**`; plain ones compare as text. */
function compilePattern(pattern: string): (path: string) => boolean {
  if (!WILD.test(pattern)) return (path) => path === pattern;
  const segments = pattern
    .split('/')
    .map((segment) => (segment === '**' ? undefined : compileSegment(segment)));
  return (path) => matchSegments(segments, path.split('/'));
}

type Segment = (name: string) => boolean;

/** Pattern segments against path segments, `undefined` being `**`; each pair is looked at once. */
function matchSegments(
  segments: readonly (Segment | undefined)[],
  names: readonly string[],
): boolean {
  let states = new Set([0]);
  const close = (set: Set<number>): Set<number> => {
    for (const state of set)
      if (state < segments.length && segments[state] === undefined) set.add(state + 1);
    return set;
  };
  for (const name of names) {
    const next = new Set<number>();
    for (const state of close(states)) {
      if (state >= segments.length) continue;
      const segment = segments[state];
      if (segment === undefined) next.add(state);
      else if (segment(name)) next.add(state + 1);
    }
    if (next.size === 0) return false;
    states = next;
  }
  // A trailing `**` wants something below: `a/**` does not match `a`.
  if (states.has(segments.length)) return true;
  return false;
}

/**
 * One path segment by Go's filepath.Match. micromatch compiles the pieces its dialect shares with Go's: stars and
 * question marks; brackets and escapes are brought to a form that means the same to it. `**` inside a segment is `*`.
 */
function compileSegment(segment: string): Segment {
  if (segment === '*') return () => true;
  const star = /^\*+([^*?[\]\\(){}!+@|]+)$/.exec(segment)?.[1];
  if (star !== undefined) return (name) => name.endsWith(star);
  const options = {
    dot: true,
    nobrace: true,
    noextglob: true,
    nonegate: true,
    noglobstar: true,
    literalBrackets: false,
  };
  const regex = micromatch().makeRe(translate(segment), options) as RegExp | false;
  if (regex === false) throw new SyntaxError('cannot be compiled');
  return (name) => regex.test(name);
}

/** Go's syntax to micromatch's: what is special to only one of them is quoted. */
function translate(segment: string): string {
  let out = '';
  for (let i = 0; i < segment.length; i++) {
    const char = segment[i] ?? '';
    if (char === '\\') {
      if (i + 1 >= segment.length) throw new SyntaxError('a lone \\ at its end');
      out += quote(segment[++i] ?? '');
    } else if (char === '[') {
      const { text, end } = bracket(segment, i);
      out += text;
      i = end;
    } else if (char === '*') {
      if (!out.endsWith('*')) out += '*';
    } else out += char === '?' ? '?' : quote(char);
  }
  return out;
}

function quote(char: string): string {
  return /[\\^$.|?*+()[\]{}!@]/.test(char) ? `\\${char}` : char;
}

/** `[a-z]`, `[^x]`, with escapes; the first `]` ends it, an empty one is an error (Go). */
function bracket(segment: string, start: number): { text: string; end: number } {
  let i = start + 1;
  const negated = segment[i] === '^';
  if (negated) i++;
  let text = '';
  for (; i < segment.length; i++) {
    const char = segment[i] ?? '';
    if (char === ']' && text !== '') return { text: `[${negated ? '^' : ''}${text}]`, end: i };
    if (char === ']') break;
    if (char === '\\') text += `\\${segment[++i] ?? ''}`;
    else text += char === '[' || char === '^' ? `\\${char}` : char;
  }
  throw new SyntaxError('syntax error in pattern');
}

/** Whether a COPY source has wildcards of Go's filepath.Match. */
export function hasWildcard(path: string): boolean {
  return /[*?[\\]/.test(path);
}

/** Go's filepath.Match over a whole path: `*` never crosses `/`. Throws SyntaxError on a bad pattern. */
export function compileWildcard(pattern: string): (path: string) => boolean {
  const segments = pattern
    .split('/')
    .map((segment) => (WILD.test(segment) ? compileSegment(segment) : undefined));
  const plain = pattern.split('/');
  return (path) => {
    const names = path.split('/');
    if (names.length !== plain.length) return false;
    return names.every((name, i) => segments[i]?.(name) ?? name === plain[i]);
  };
}
