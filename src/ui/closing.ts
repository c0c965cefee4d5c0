import { type BuildStep, countSteps, stepDuration } from '../model/build-steps.js';
import { criticalPath } from '../model/critical-path.js';
import { columnsOf, cut, withoutTabs } from './columns.js';
import { oneLine } from './escape.js';

export interface Closing {
  readonly status: 'completed' | 'failed' | 'canceled';
  /** Milliseconds since the epoch. */
  readonly started: number;
  readonly ended: number;
  /** Columns of the terminal; Infinity for none. */
  readonly width: number;
}

const VERBS = {
  completed: 'built in',
  failed: 'failed after',
  canceled: 'canceled after',
} as const;
/** What is quicker needs no account of its time. */
const WORTH_MS = 1000;
/** So many steps, each of at least such a part of the whole. */
const [MOST, LEAST] = [3, 0.05];
const WIDEST_NAME = 40;

/**
 * The end of a build in one line, or where that is too long for the terminal in a few: the time, what was cached, the
 * critical path if steps ran side by side, the slowest steps.
 */
export function closingLines(steps: readonly BuildStep[], closing: Closing): string[] {
  const { status, started, ended, width } = closing;
  const total = ended - started;
  const facts = [
    `${VERBS[status]} ${shortDuration(total)}`,
    ...hits(steps),
    ...(total < WORTH_MS ? [] : pathText(steps, ended)),
  ];
  const slow = total < WORTH_MS ? [] : slowest(steps, closing);
  const times = slow.map((step) => shortDuration(stepDuration(step, ended)));
  const names = slow.map(({ name }) => shortName(name));
  const listed = names.map((name, i) => `${times[i] ?? ''} ${name}`).join(', ');
  const whole = facts.join(', ') + (slow.length === 0 ? '' : `; slowest: ${listed}`);
  if (columnsOf(whole) <= width) return [whole];
  const widest = Math.max(0, ...times.map((time) => time.length));
  return [
    ...wrapped(facts, width),
    ...names.map((name, i) => cut(`  ${(times[i] ?? '').padStart(widest)} ${name}`, width)),
  ];
}

function hits(steps: readonly BuildStep[]): readonly string[] {
  const { total, cached } = countSteps(steps);
  if (total === 0) return [];
  const same = steps.filter(({ by, range }) => by === 'content' && range !== undefined).length;
  const how = same === 0 ? '' : ` (${String(same)} same result)`;
  if (cached === total && total > 1) return [`all ${String(total)} steps cached${how}`];
  return [`${String(cached)} of ${String(total)} step${total === 1 ? '' : 's'} cached${how}`];
}

/** Of steps one after the other it would be their sum. */
function pathText(steps: readonly BuildStep[], ended: number): readonly string[] {
  const own = steps.filter(({ range }) => range !== undefined);
  const sum = own.reduce((ms, step) => ms + stepDuration(step, ended), 0);
  const path = criticalPath(own, ended);
  return sum - path <= LEAST * sum ? [] : [`critical path ${shortDuration(path)}`];
}

function slowest(steps: readonly BuildStep[], { started, ended }: Closing): readonly BuildStep[] {
  const least = Math.max(100, LEAST * (ended - started));
  return steps
    .filter((step) => stepDuration(step, ended) >= least)
    .toSorted((a, b) => stepDuration(b, ended) - stepDuration(a, ended))
    .slice(0, MOST);
}

/** Without the brackets, in which nobody looks for what took long. */
function shortName(name: string): string {
  const text = name.replace(/^\[(?!internal)[^\]]*\] */, '');
  return cut(withoutTabs(oneLine(text)).replace(/\x1b\[[0-9;]*m/g, ''), WIDEST_NAME);
}

/** `0.1s`, `12.3s`, `2m 05s`, `1h 02m`. */
function shortDuration(ms: number): string {
  const tenths = Math.round(ms / 100);
  if (tenths < 600) return `${(tenths / 10).toFixed(1)}s`;
  const seconds = Math.round(ms / 1000);
  const two = (count: number): string => String(count).padStart(2, '0');
  if (seconds < 3600) return `${String(Math.floor(seconds / 60))}m ${two(seconds % 60)}s`;
  return `${String(Math.floor(seconds / 3600))}h ${two(Math.floor(seconds / 60) % 60)}m`;
}

function wrapped(facts: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const fact of facts) {
    const last = lines.at(-1);
    const joined = last === undefined ? fact : `${last}, ${fact}`;
    if (last !== undefined && columnsOf(joined) <= width) lines[lines.length - 1] = joined;
    else lines.push(cut(fact, width));
  }
  return lines;
}
