import { BuildError } from '../../model/error.js';
import { parseReference } from '../../model/reference.js';
import type { GlobalArgs } from '../globals.js';
import { Problem } from '../problem.js';
import type { FromInstruction } from '../stages.js';
import { expandWord } from '../words.js';
import type { Linter } from './linter.js';
import { suggestion } from './suggestion.js';
import { type Recorder, recordLookups } from './recorder.js';

export interface FromRules {
  readonly globals: GlobalArgs;
  /** The same without any build argument; undefined when they cannot be read so. */
  readonly defaults: GlobalArgs | undefined;
  readonly escape: string;
}

/** The rules of FROM lines, of every stage, reached or not. */
export function lintFrom(from: FromInstruction, rules: FromRules, linter: Linter): void {
  baseName(from, rules, linter);
  defaultBase(from, rules, linter);
  if (from.platform !== undefined) platform(from, from.platform, rules, linter);
}

function baseName(from: FromInstruction, { globals, escape }: FromRules, linter: Linter): void {
  const { recorder } = expanded(from.base, globals, escape);
  undeclared(recorder, from, globals, linter);
}

function undeclared(
  { unmatched }: Recorder,
  from: FromInstruction,
  globals: GlobalArgs,
  linter: Linter,
): void {
  const known = globals.names();
  for (const name of unmatched) {
    if (known.includes(name)) continue;
    const near = suggestion(name, known);
    const hint = near === undefined ? '' : ` (did you mean ${near}?)`;
    linter.report(
      'UndefinedArgInFrom',
      from.range,
      `FROM argument '${name}' is not declared${hint}`,
    );
  }
}

function defaultBase(from: FromInstruction, { defaults, escape }: FromRules, linter: Linter): void {
  if (defaults === undefined || !from.base.includes('$')) return;
  const { value } = expanded(from.base, defaults, escape);
  if (value !== undefined && isReference(value)) return;
  const detail = `Default value for ARG ${from.base} results in empty or invalid base image name`;
  linter.report('InvalidDefaultArgInFrom', from.range, detail);
}

function isReference(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch (error) {
    if (error instanceof BuildError) return false;
    throw error;
  }
}

function platform(
  from: FromInstruction,
  written: string,
  { globals, escape }: FromRules,
  linter: Linter,
): void {
  const { value, recorder } = expanded(written, globals, escape);
  undeclared(recorder, from, globals, linter);
  const [only, ...others] = recorder.matched;
  const substituted = recorder.matched.size + recorder.unmatched.size > 0;
  if (!substituted) return constantPlatform(from, value ?? written, linter);
  const isTarget = only === 'TARGETPLATFORM' && others.length + recorder.unmatched.size === 0;
  if (!isTarget || value !== globals.get('TARGETPLATFORM')) return;
  const detail = `Setting platform to predefined ${written} in FROM is redundant as this is the default behavior`;
  linter.report('RedundantTargetPlatform', from.range, detail);
}

/** A stage that names its platform's os or architecture means it. */
function constantPlatform(from: FromInstruction, value: string, linter: Linter): void {
  const parts = value.split('/').filter((part) => part !== '');
  const words = parts.slice(0, 2).map((part) => ARCHITECTURES[part.toLowerCase()] ?? part);
  if (words.length === 0) return;
  if (words.some((word) => from.stage?.includes(word) === true)) return;
  const detail = `FROM --platform flag should not use constant value ${JSON.stringify(value)}`;
  linter.report('FromPlatformFlagConstDisallowed', from.range, detail);
}

/** Other names of architectures (containerd's normalisation). */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  i386: '386',
  aarch64: 'arm64',
  armhf: 'arm',
  armel: 'arm',
};

/** What cannot be expanded fails where it is lowered; here it is only not looked at further. */
function expanded(
  word: string,
  globals: GlobalArgs,
  escape: string,
): { value: string | undefined; recorder: Recorder } {
  const recorder = recordLookups((name) => globals.get(name));
  try {
    return { value: expandWord(word, recorder.lookup, escape), recorder };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { value: undefined, recorder };
  }
}
