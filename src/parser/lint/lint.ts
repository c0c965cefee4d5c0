import { BuildError, type SourceRange } from '../../model/error.js';
import { type GlobalArgs, readGlobals } from '../globals.js';
import type { ParsedDockerfile } from '../instruction.js';
import type { LowerOptions } from '../lower-options.js';
import { at } from '../placed.js';
import type { Stage } from '../stages.js';
import { commentsAbove } from './comments.js';
import { NO_CHECK_OPTIONS, readCheckOptions } from './lint-config.js';
import { lintFile } from './lint-file.js';
import { lintFrom } from './lint-from.js';
import { Linter } from './linter.js';
import { StageLint } from './stage-lint.js';

/** The rules over one file, phase by phase. Without `lint` in the options nothing is looked at. */
export class Lint {
  readonly #dockerfile: ParsedDockerfile;
  readonly #options: LowerOptions;
  readonly #linter: Linter;

  /** Throws BuildError `syntax` when BUILDKIT_DOCKERFILE_CHECK cannot be read; the directive's own errors are the parser's. */
  constructor(dockerfile: ParsedDockerfile, options: LowerOptions) {
    this.#dockerfile = dockerfile;
    this.#options = options;
    this.#linter = new Linter(configOf(dockerfile, options), options.lint?.warn);
  }

  /** What the text alone tells; before its errors are thrown. */
  file(): void {
    if (this.#options.lint !== undefined) lintFile(this.#dockerfile, this.#linter);
  }

  froms(stages: readonly Stage[], globals: GlobalArgs): void {
    if (this.#options.lint === undefined) return;
    const { escape } = this.#dockerfile.directives;
    const rules = { globals, defaults: this.#defaults(), escape };
    for (const { from } of stages) lintFrom(from, rules, this.#at(from.range));
  }

  /** The rules of the instructions of one stage. */
  stage(): StageLint {
    return new StageLint({
      linterAt: (range) => this.#at(range),
      ignore: () => this.#options.lint?.ignore?.(),
    });
  }

  basePlatform(
    { base, actual, expected }: Readonly<Record<'base' | 'actual' | 'expected', string>>,
    range: SourceRange,
  ): void {
    const detail = `Base image ${base} was pulled with platform ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)} for current build`;
    this.#linter.report('InvalidBaseImagePlatform', range, detail);
  }

  /** Last of all: `error=true` and something found. */
  throwViolations(): void {
    this.#linter.throwViolations();
  }

  #at(range: SourceRange): Linter {
    if (this.#options.lint === undefined) return this.#linter;
    return this.#linter.under(commentsAbove(this.#dockerfile, range));
  }

  #defaults(): GlobalArgs | undefined {
    const { instructions, directives } = this.#dockerfile;
    const first = instructions.findIndex(({ kind }) => kind === 'from');
    const head = instructions.slice(0, first);
    const { platform } = this.#options;
    const options = { buildArgs: {}, platform, escape: directives.escape, targetName: 'default' };
    try {
      return readGlobals(head, options);
    } catch (error) {
      if (error instanceof BuildError) return undefined;
      throw error;
    }
  }
}

function configOf({ directives }: ParsedDockerfile, { buildArgs }: LowerOptions) {
  const given = buildArgs['BUILDKIT_DOCKERFILE_CHECK'];
  if (given !== undefined) return at(() => readCheckOptions(given));
  if (directives.check === undefined) return NO_CHECK_OPTIONS;
  try {
    return readCheckOptions(directives.check);
  } catch {
    return NO_CHECK_OPTIONS; // It is among the file's diagnostics.
  }
}
