import type { SourceRange } from '../../model/error.js';
import type { LintWarning } from '../../model/lint.js';
import { BuildError } from '../../model/error.js';
import { Problem } from '../problem.js';
import { type LintConfig, readCheckOptions } from './lint-config.js';
import { lintRule, type RuleName } from './rules.js';

type Warn = (warning: LintWarning) => void;

/** Decides which violations are told, and remembers them for `error=true`. */
export class Linter {
  readonly #config: LintConfig;
  readonly #warn: Warn | undefined;
  readonly #told: LintWarning[];

  /** Without `warn` nothing is looked at. `told` is shared by the linters of one file. */
  constructor(config: LintConfig, warn: Warn | undefined, told: LintWarning[] = []) {
    this.#config = config;
    this.#warn = warn;
    this.#told = told;
  }

  report(name: RuleName, range: SourceRange, detail: string): void {
    if (this.#warn === undefined || !this.#isOn(name)) return;
    const { description, url } = lintRule(name);
    const page = url === undefined ? {} : { url };
    const warning = { ruleName: name, description, ...page, detail, range };
    this.#told.push(warning);
    this.#warn(warning);
  }

  #isOn(name: RuleName): boolean {
    const { skipAll, skip, experimentalAll, experimental } = this.#config;
    if (lintRule(name).experimental === true) return experimentalAll || experimental.has(name);
    return !skipAll && !skip.has(name);
  }

  /** The linter of one instruction: `# check=skip=Rule` in a comment above it counts for it alone; error= does not. */
  under(comments: readonly string[]): Linter {
    const options = comments
      .map((comment) => /^check\s*=\s*(.+)$/i.exec(comment)?.[1])
      .find((each) => each !== undefined);
    const more = options === undefined ? undefined : tolerant(options);
    if (more === undefined) return this;
    const config = {
      ...this.#config,
      skipAll: this.#config.skipAll || more.skipAll,
      skip: new Set([...this.#config.skip, ...more.skip]),
      experimentalAll: this.#config.experimentalAll || more.experimentalAll,
      experimental: new Set([...this.#config.experimental, ...more.experimental]),
    };
    return new Linter(config, this.#warn, this.#told);
  }

  /** Throws BuildError `syntax` when `error=true` and something was told. */
  throwViolations(): void {
    const [first] = this.#told;
    if (!this.#config.error || first === undefined) return;
    const rules = [...new Set(this.#told.map(({ ruleName }) => ruleName))];
    throw new BuildError('syntax', `lint violation found for rules: ${rules.join(', ')}`, {
      range: first.range,
      hint: 'mend them, name them in # check=skip=, or leave out error=true',
    });
  }
}

/** It is a comment: what cannot be read as options says nothing. */
function tolerant(options: string): LintConfig | undefined {
  try {
    return readCheckOptions(options);
  } catch (error) {
    if (error instanceof Problem) return undefined;
    throw error;
  }
}
