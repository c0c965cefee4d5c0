import type { ClosingFacts } from './closing-facts.js';
import { columnsOf, cut, withoutTabs } from './columns.js';
import { oneLine } from './escape.js';

const VERBS = {
  completed: 'built in',
  failed: 'failed after',
  canceled: 'canceled after',
} as const;
/** What is quicker needs no account of its time. */
const WORTH_MS = 1000;
/** A path that is shorter than all steps by less is no news. */
const LEAST = 0.05;
const WIDEST_NAME = 40;

/**
 * The end of a build in one line, or where that is too long for the terminal in a few: the time, what was cached, the
 * critical path if steps ran side by side, the slowest steps. `width`: columns of the terminal; Infinity for none.
 */
export function closingLines(closing: ClosingFacts, width: number): string[] {
  const { status, total } = closing;
  const facts = [
    `${VERBS[status]} ${shortDuration(total)}`,
    ...hits(closing),
    ...(total < WORTH_MS ? [] : pathText(closing)),
  ];
  const slow = total < WORTH_MS ? [] : closing.slowest;
  const times = slow.map(({ took }) => shortDuration(took));
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

function hits({ steps, cached, sameResult }: ClosingFacts): readonly string[] {
  if (steps === 0) return [];
  const how = sameResult === 0 ? '' : ` (${String(sameResult)} same result)`;
  if (cached === steps && steps > 1) return [`all ${String(steps)} steps cached${how}`];
  return [`${String(cached)} of ${String(steps)} step${steps === 1 ? '' : 's'} cached${how}`];
}

/** Of steps one after the other it would be their sum. */
function pathText({ sum, criticalPath }: ClosingFacts): readonly string[] {
  return sum - criticalPath <= LEAST * sum ? [] : [`critical path ${shortDuration(criticalPath)}`];
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
