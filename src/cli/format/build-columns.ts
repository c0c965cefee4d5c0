import { buildName } from '../../model/build-name.js';
import type { BuildStatus, BuildSummary } from '../../model/build-record.js';
import type { Column } from './listing.js';
import { since } from './units.js';

/** buildx' words, and one of ours. */
export const STATUS_TITLES: Readonly<Record<BuildStatus, string>> = {
  completed: 'Completed',
  failed: 'Error',
  canceled: 'Canceled',
  running: 'Running',
  killed: 'Killed',
};
const WIDEST_NAME = 36;

/** buildx' columns of `history ls`. */
export function buildColumns(now: number, whole: boolean): readonly Column<BuildSummary>[] {
  return [
    { field: 'Ref', header: 'BUILD ID', value: ({ facts }) => facts.id },
    { field: 'Name', header: 'NAME', value: ({ facts }) => shortName(buildName(facts), whole) },
    { field: 'Status', header: 'STATUS', value: ({ status }) => STATUS_TITLES[status] },
    {
      field: 'CreatedAt',
      header: 'CREATED AT',
      value: ({ facts }) => since(new Date(facts.started).toISOString(), now),
    },
    { field: 'Duration', header: 'DURATION', value: (build) => durationOf(build, now) },
    // Of docker's desktop application.
    { field: 'Link', header: '', value: () => '' },
    { field: 'Tags', header: 'TAGS', value: ({ facts }) => facts.tags.join(',') },
    {
      field: 'Steps',
      header: 'STEPS',
      value: ({ steps }) => `${String(steps.completed)}/${String(steps.total)}`,
    },
    { field: 'Cached', header: 'CACHED', value: ({ steps }) => String(steps.cached) },
  ];
}

function shortName(name: string, whole: boolean): string {
  return whole || name.length <= WIDEST_NAME ? name : `..${name.slice(2 - WIDEST_NAME)}`;
}

function durationOf({ facts, seen, status }: BuildSummary, now: number): string {
  const running = status === 'running';
  return buildDuration((running ? now : seen) - facts.started) + (running ? '+' : '');
}

/** buildx' way: `1.4s`, `1m  1s`. */
export function buildDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)}s`;
  const rest = String(Math.floor(seconds) % 60).padStart(2);
  return `${String(Math.floor(seconds / 60))}m ${rest}s`;
}
