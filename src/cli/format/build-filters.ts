import type { BuildStatus, BuildSummary } from '../../model/build-record.js';
import { BuildError } from '../../model/error.js';
import { goDuration, timeOrAgo } from '../../model/go-duration.js';
import { nearest } from '../../model/nearest.js';

export type BuildMatch = (build: BuildSummary) => boolean;

type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>=';

const VALUES = ['ref', 'repository', 'status'];
const TIMES = ['startedAt', 'completedAt', 'duration'];
const STATUS_WORDS: Readonly<Record<BuildStatus, string>> = {
  completed: 'completed',
  failed: 'error',
  canceled: 'canceled',
  running: 'running',
  killed: 'killed',
};

/** buildx' filters: `status=error`, `duration>30s`, `startedAt<24h`. Throws BuildError `usage`. */
export function buildFilter(text: string, now: number): BuildMatch {
  const [, key = '', by, value = ''] = /^([A-Za-z]+)(!=|<=|>=|=|<|>)(.*)$/s.exec(text) ?? [];
  if (by === undefined) throw wrong(`invalid filter ${JSON.stringify(text)}`);
  const comparison = by as Comparison;
  const byValue = comparison === '=' || comparison === '!=';
  if (VALUES.includes(key)) {
    if (!byValue) throw wrong(`invalid separator for ${JSON.stringify(text)}, expected = or !=`);
    return byText(key, comparison, value);
  }
  if (!TIMES.includes(key)) throw unknown(key, text);
  if (byValue)
    throw wrong(`invalid separator for ${JSON.stringify(text)}, expected <=, <, >= or >`);
  return byTime(key, comparison, limitOf(key, value, now));
}

function byText(key: string, comparison: Comparison, value: string): BuildMatch {
  const matches = (build: BuildSummary): boolean => {
    if (key === 'status') return STATUS_WORDS[build.status] === statusWord(value);
    const own = key === 'ref' ? build.facts.id : repositoryOf(build);
    return comparison === '=' ? own.includes(value) : own === value;
  };
  return comparison === '=' ? matches : (build) => !matches(build);
}

/** What `inspect` calls it is understood, too. */
function statusWord(value: string): string {
  const word = value.toLowerCase();
  if (word === 'failed') return 'error';
  if (Object.values(STATUS_WORDS).includes(word)) return word;
  const near = nearest(word, Object.values(STATUS_WORDS));
  throw new BuildError('usage', `invalid status ${JSON.stringify(value)}`, {
    hint:
      near === undefined
        ? `use one of ${Object.values(STATUS_WORDS).join(', ')}`
        : `did you mean ${near}?`,
  });
}

/** Of a build from afar, or of a checkout. */
function repositoryOf({ facts: { local, context, vcs } }: BuildSummary): string {
  if (local) return vcs?.source ?? '';
  return context === '-' ? '' : context;
}

/** Milliseconds: since the epoch, or of a duration. */
function limitOf(key: string, value: string, now: number): number {
  const duration = goDuration(value);
  if (key === 'duration') {
    if (duration !== undefined) return duration / 1e6;
    throw wrong(`invalid duration ${value}`);
  }
  const time = timeOrAgo(value, now);
  if (time === undefined) throw wrong(`invalid time ${value}`);
  return time;
}

function byTime(key: string, comparison: Comparison, limit: number): BuildMatch {
  return (build) => {
    const value = timeOf(key, build);
    if (comparison === '<') return value < limit;
    if (comparison === '<=') return value <= limit;
    return comparison === '>' ? value > limit : value >= limit;
  };
}

/** Of what has not ended, 0, as buildx has it. */
function timeOf(key: string, { facts, end }: BuildSummary): number {
  if (key === 'startedAt') return facts.started;
  if (end === undefined) return 0;
  return key === 'completedAt' ? end.time : end.time - facts.started;
}

function unknown(key: string, text: string): BuildError {
  const near = nearest(key, [...VALUES, ...TIMES]);
  const hint = near === undefined ? KNOWN : `did you mean ${near}?`;
  return new BuildError('usage', `unsupported filter ${JSON.stringify(text)}`, { hint });
}

const KNOWN = 'such as status=error, ref=ID, duration>30s, startedAt>24h, completedAt<2026-01-02';

function wrong(message: string): BuildError {
  return new BuildError('usage', message, { hint: KNOWN });
}
