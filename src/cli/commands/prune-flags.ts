import type { Pruned } from '../../prune.js';
import { openWorkshop, type Workshop } from '../../workshop.js';
import { type CommandContext, say } from '../command.js';
import { confirm } from '../confirm.js';
import type { FlagSpec } from '../flags.js';
import { humanSize4 } from '../format/units.js';

export const FORCE: FlagSpec = { name: 'force', short: 'f', kind: 'bool', help: 'Do not ask' };
export const DRY_RUN: FlagSpec = {
  name: 'dry-run',
  kind: 'bool',
  help: 'Only say what would go, and how much it is',
};
export const SURE = 'Are you sure you want to continue?';

/** Asks, unless nothing is to be removed or it was told not to; then works in the store. */
export async function askAndPrune(
  { flags, stdout, env, signal }: CommandContext,
  warning: string,
  work: (workshop: Workshop) => Promise<number>,
): Promise<number> {
  const ask = !flags.bool('force') && !flags.bool('dry-run');
  if (ask && !(await confirm(warning, stdout, signal))) return 0;
  await using workshop = openWorkshop(undefined, env);
  const bytes = await work(workshop);
  const what = flags.bool('dry-run') ? 'reclaimable' : 'reclaimed';
  say(stdout, `Total ${what} space: ${humanSize4(bytes)}\n`);
  return 0;
}

/** docker prints nothing for a kind of which nothing went. Gives the bytes. */
export function tell(
  { flags, stdout }: CommandContext,
  kind: string,
  { lines, bytes }: Pruned,
): number {
  const heading = flags.bool('dry-run') ? `Would delete ${kind}` : `Deleted ${kind}`;
  if (lines.length > 0) say(stdout, `${heading}:\n${lines.map((line) => `${line}\n`).join('')}\n`);
  return bytes;
}
