import { BuildError } from './error.js';
import { goDuration, timeOrAgo } from './go-duration.js';
import { nearest } from './nearest.js';

/** What a filter of the build cache may ask. */
export interface CacheFacts {
  readonly id: string;
  readonly type: string;
  readonly description: string;
  /** Milliseconds since the epoch. */
  readonly used: number;
  readonly inUse: boolean;
}

export type CacheFilter = (facts: CacheFacts) => boolean;

const TEXTS = ['id', 'type', 'description'] as const;
const FLAGS = ['inuse', 'shared', 'private'] as const;
const KNOWN: readonly string[] = ['until', 'unused-for', ...TEXTS, ...FLAGS];

/**
 * BuildKit's filters, all of which must hold: `until=24h` (also `unused-for`), `type=exec.cachemount`, `id=PREFIX`,
 * `description~=PATTERN`, `inuse`; with `=`, `!=` or, for a pattern, `~=`. Throws BuildError `usage`.
 */
export function cacheFilter(given: readonly string[], now: number): CacheFilter {
  const tests = given.map((text) => parseOne(text, now));
  return (facts) => tests.every((test) => test(facts));
}

function parseOne(text: string, now: number): CacheFilter {
  const [, key = '', operator = '', value = ''] = /^([^=!~]*)(==|!=|~=|=|)(.*)$/s.exec(text) ?? [];
  const name = key.trim().toLowerCase();
  if (name === 'until' || name === 'unused-for') return byTime(text, name, value, now);
  const field = TEXTS.find((each) => each === name);
  if (field !== undefined) return byText(text, field, operator, value);
  const flag = FLAGS.find((each) => each === name);
  if (flag !== undefined) return byFlag(text, flag, operator, value);
  const near = nearest(name, KNOWN);
  throw new BuildError('usage', `invalid filter '${name}'`, {
    hint: near === undefined ? `filters are: ${KNOWN.join(', ')}` : `did you mean ${near}?`,
  });
}

function byTime(text: string, name: string, value: string, now: number): CacheFilter {
  const ago = goDuration(value);
  const time = name === 'until' ? timeOrAgo(value, now) : ago === undefined ? ago : now - ago / 1e6;
  if (time === undefined)
    throw invalid(text, 'how long it was not used, such as 24h, or for until a time');
  return ({ used }) => used <= time;
}

function byText(
  text: string,
  field: (typeof TEXTS)[number],
  operator: string,
  value: string,
): CacheFilter {
  if (operator === '' || value === '') throw invalid(text, `${field}=TEXT or ${field}~=PATTERN`);
  if (operator === '~=') {
    const pattern = patternOf(text, value);
    return (facts) => pattern.test(facts[field]);
  }
  // Ids are shown cut.
  const is = (own: string): boolean => (field === 'id' ? own.startsWith(value) : own === value);
  return (facts) => is(facts[field]) === (operator !== '!=');
}

function patternOf(text: string, value: string): RegExp {
  try {
    return new RegExp(value);
  } catch {
    throw invalid(text, 'it is no regular expression');
  }
}

/** `inuse`, `inuse=false`. Nothing of an image is in the list, so that nothing is shared. */
function byFlag(
  text: string,
  flag: (typeof FLAGS)[number],
  operator: string,
  value: string,
): CacheFilter {
  const wanted = operator === '' ? 'true' : value.toLowerCase();
  if (!['true', 'false', '1', '0'].includes(wanted) || operator === '~=')
    throw invalid(text, `${flag}, ${flag}=true or ${flag}=false`);
  const on = (wanted === 'true' || wanted === '1') === (operator !== '!=');
  return ({ inUse }) => (flag === 'inuse' ? inUse : flag === 'private') === on;
}

function invalid(text: string, hint: string): BuildError {
  return new BuildError('usage', `invalid filter '${text}'`, { hint });
}
