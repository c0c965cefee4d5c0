import { Problem } from '../problem.js';

/** What `# check=` asks for. Rules are named as they are written: one that is unknown matches nothing. */
export interface LintConfig {
  readonly skipAll: boolean;
  readonly skip: ReadonlySet<string>;
  readonly experimentalAll: boolean;
  readonly experimental: ReadonlySet<string>;
  /** Violations fail the build. */
  readonly error: boolean;
}

export const NO_CHECK_OPTIONS: LintConfig = {
  skipAll: false,
  skip: new Set(),
  experimentalAll: false,
  experimental: new Set(),
  error: false,
};

const HINT = 'options are skip=, error= and experimental=, separated by ;';

/**
 * Reads `skip=RuleA,RuleB|all;error=true;experimental=RuleC|all`. What follows a blank is a remark (BuildKit ignores it
 * too), unless the blank stands beside a separator. Throws Problem.
 */
export function readCheckOptions(text: string): LintConfig {
  const value = withoutBlanks(text);
  const options = /^\S*/.exec(value)?.[0] ?? '';
  if (options === '') return NO_CHECK_OPTIONS;
  return options.split(';').reduce(withOption, NO_CHECK_OPTIONS);
}

/** Blanks around the whole and around separators do not count. */
function withoutBlanks(text: string): string {
  const parts = text.split(/([,;=])/);
  return parts.map((part) => part.trim()).join('');
}

function withOption(config: LintConfig, option: string): LintConfig {
  const cut = option.indexOf('=');
  const [key, value] = [option.slice(0, cut), option.slice(cut + 1)];
  if (cut !== -1 && key === 'skip') {
    return value === 'all' ? { ...config, skipAll: true } : { ...config, skip: names(value) };
  }
  if (cut !== -1 && key === 'experimental') {
    return value === 'all'
      ? { ...config, experimentalAll: true }
      : { ...config, experimental: names(value) };
  }
  if (cut !== -1 && key === 'error') return { ...config, error: truth(value) };
  throw new Problem(`invalid check option ${JSON.stringify(option)}`, { hint: HINT });
}

function names(value: string): ReadonlySet<string> {
  return new Set(value.split(','));
}

function truth(value: string): boolean {
  if (/^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw new Problem(`invalid value ${JSON.stringify(value)} for check option error`, {
    hint: 'use error=true or error=false',
  });
}
