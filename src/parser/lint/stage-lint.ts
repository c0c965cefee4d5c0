import type { SourceRange } from '../../model/error.js';
import { isSecretName } from '../../model/secret-name.js';
import type { CopyBody, Instruction } from '../instruction.js';
import type { StageState } from '../stage-state.js';
import { expandWord, expandWords, type Lookup } from '../words.js';
import { Problem } from '../problem.js';
import type { IgnoreFacts } from './ignore-facts.js';
import type { Linter } from './linter.js';
import { suggestion } from './suggestion.js';

/** What a rule sees of an instruction about to be applied to its stage. */
export interface LintedStep {
  readonly instruction: Instruction;
  readonly state: StageState;
  readonly lookup: Lookup;
  readonly escape: string;
}

export interface StageLintOptions {
  /** The linter under the comments of the instruction at a place. */
  readonly linterAt: (range: SourceRange) => Linter;
  readonly ignore: () => IgnoreFacts | undefined;
}

/** Declared by the frontend, never in the environment. */
const NOT_IN_ENV = new Set(['BUILDKIT_SBOM_SCAN_CONTEXT', 'BUILDKIT_SBOM_SCAN_STAGE']);

/** The rules of one stage's instructions, in order. It is told before and after each is applied. */
export class StageLint {
  readonly #options: StageLintOptions;
  readonly #lastOf = new Map<string, SourceRange>();
  #unmatched = new Set<string>();

  constructor(options: StageLintOptions) {
    this.#options = options;
  }

  /** A lookup whose unset names count as used by the instruction at hand. */
  watch(lookup: Lookup): Lookup {
    return (name) => {
      const value = lookup(name);
      if (value === undefined) this.#unmatched.add(name);
      return value;
    };
  }

  before(step: LintedStep): void {
    this.#unmatched = new Set();
    const { instruction } = step;
    const linter = this.#options.linterAt(instruction.range);
    if (instruction.kind === 'env' || instruction.kind === 'label') namedValues(step, linter);
    else if (instruction.kind === 'arg') {
      for (const { name } of instruction.args) secretName('ARG', name, instruction.range, linter);
    } else if (instruction.kind === 'cmd' || instruction.kind === 'entrypoint') {
      this.#once(instruction, linter);
      jsonForm(instruction, step.state, linter);
    } else if (instruction.kind === 'healthcheck') this.#once(instruction, linter);
    else if (instruction.kind === 'expose') ports(instruction.ports, step, linter);
    else if (instruction.kind === 'workdir') workdir(instruction.path, step, linter);
    else if (instruction.kind === 'copy') this.#ignored(instruction, step, linter);
  }

  /** Also when the instruction failed: what it looked up is known. */
  after({ instruction, state }: LintedStep): void {
    if (instruction.kind === 'workdir') state.workdirSet = true;
    // Of a base image that could not be asked, no variable is known.
    if (this.#unmatched.size === 0 || state.baseUnknown) return;
    const linter = this.#options.linterAt(instruction.range);
    const declared = new Set(state.args.map(({ name }) => name));
    for (const name of this.#unmatched) {
      if (declared.has(name) || NOT_IN_ENV.has(name)) continue;
      const near = suggestion(
        name,
        state.env.list().map((variable) => variable.name),
      );
      const hint = near === undefined ? '' : ` (did you mean $${near}?)`;
      const detail = `Usage of undefined variable '$${name}'${hint}`;
      linter.report('UndefinedVar', instruction.range, detail);
    }
  }

  /** Reported at the earlier one: it is the one without effect. */
  #once({ range, text }: Instruction, linter: Linter): void {
    const keyword = keywordOf(text);
    const earlier = this.#lastOf.get(keyword);
    this.#lastOf.set(keyword, range);
    if (earlier === undefined) return;
    const detail = `Multiple ${keyword} instructions should not be used in the same stage because only the last one will be used`;
    linter.report('MultipleInstructionsDisallowed', earlier, detail);
  }

  #ignored(copy: CopyBody & Instruction, step: LintedStep, linter: Linter): void {
    if (copy.from !== undefined) return;
    const sources = copy.sources.filter((source) => !REMOTE.test(source));
    if (sources.length === 0) return;
    const ignore = this.#options.ignore();
    if (ignore === undefined || ignore.hasExceptions) return;
    const verb = copy.instruction === 'ADD' ? 'Add' : 'Copy';
    for (const source of sources) {
      const path = expandedOr(source, step);
      const shown = cleanPath(path);
      const root = shown === '.';
      if (!(root ? ignore.ignoresAll : ignore.ignores(shown))) continue;
      const detail = `Attempting to ${verb} file ${JSON.stringify(shown)} that is excluded by .dockerignore`;
      linter.report('CopyIgnoredFile', copy.range, detail);
    }
  }
}

const REMOTE = /^(?:https?|git|ssh):\/\/|^git@/;

function keywordOf(text: string): string {
  return /^\S+/.exec(text)?.[0].toUpperCase() ?? '';
}

function namedValues({ instruction, lookup, escape }: LintedStep, linter: Linter): void {
  if (instruction.kind !== 'env' && instruction.kind !== 'label') return;
  const { range, text, pairs } = instruction;
  const keyword = keywordOf(text);
  // The old form has one pair, and no = in its name.
  const [first = ''] = text.slice(keyword.length).trim().split(/\s+/);
  if (!first.includes('=')) {
    const detail = `"${keyword} key=value" should be used instead of legacy "${keyword} key value" format`;
    linter.report('LegacyKeyValueFormat', range, detail);
  }
  if (instruction.kind === 'label') return;
  for (const [name] of pairs) {
    secretName('ENV', expandedOr(name, { lookup, escape }), range, linter);
  }
}

function secretName(keyword: string, name: string, range: SourceRange, linter: Linter): void {
  if (!isSecretName(name)) return;
  const detail = `Do not use ARG or ENV instructions for sensitive data (${keyword} ${JSON.stringify(name)})`;
  linter.report('SecretsUsedInArgOrEnv', range, detail);
}

function jsonForm(
  instruction: Extract<Instruction, { kind: 'cmd' | 'entrypoint' }>,
  { config }: StageState,
  linter: Linter,
): void {
  if (instruction.form.json || (config.Shell?.length ?? 0) > 0) return;
  const keyword = keywordOf(instruction.text);
  const detail = `JSON arguments recommended for ${keyword} to prevent unintended behavior related to OS signals`;
  linter.report('JSONArgsRecommended', instruction.range, detail);
}

function ports(words: readonly string[], step: LintedStep, linter: Linter): void {
  const { range } = step.instruction;
  for (const port of words.flatMap((word) => splitOr(word, step))) {
    const [spec = '', proto = ''] = port.split('/');
    if (proto !== proto.toLowerCase()) {
      const detail = `Defined protocol '${port}' in EXPOSE instruction should be lowercase`;
      linter.report('ExposeProtoCasing', range, detail);
    }
    const host = spec.slice(0, Math.max(0, spec.lastIndexOf(':')));
    if (host.replaceAll(':', '') === '') continue;
    const detail = `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`;
    linter.report('ExposeInvalidFormat', range, detail);
  }
}

/** The first WORKDIR of the Dockerfile's own chain of stages; a base image's may change any day. */
function workdir(path: string, step: LintedStep, linter: Linter): void {
  const shown = expandedOr(path, step);
  if (step.state.workdirSet || shown.startsWith('/')) return;
  const detail = `Relative workdir ${JSON.stringify(shown)} can have unexpected results if the base image changes`;
  linter.report('WorkdirRelativePath', step.instruction.range, detail);
}

/** As the ignore file's patterns see it: clean, without the leading `/` that a source may have. */
function cleanPath(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  const kept: string[] = [];
  for (const part of parts) {
    if (part === '..') kept.pop();
    else kept.push(part);
  }
  return kept.length === 0 ? '.' : kept.join('/');
}

type Expansion = Pick<LintedStep, 'lookup' | 'escape'>;

/** A word that cannot be expanded fails a moment later, where it is applied. */
function expandedOr(word: string, { lookup, escape }: Expansion): string {
  return quietly(() => expandWord(word, lookup, escape), word);
}

function splitOr(word: string, { lookup, escape }: Expansion): string[] {
  return quietly(() => expandWords(word, lookup, escape), [word]);
}

function quietly<T>(work: () => T, otherwise: T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof Problem) return otherwise;
    throw error;
  }
}
