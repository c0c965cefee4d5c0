import { BuildError } from '../../model/error.js';
import { cacheFilter } from '../../model/cache-filter.js';
import type { CacheBudget } from '../../model/keep-bytes.js';
import { ramInBytes } from '../../model/units.js';
import type { Command } from '../command.js';
import type { FlagSpec, ParsedFlags } from '../flags.js';
import { askAndPrune, DRY_RUN, FORCE, SURE, tell } from './prune-flags.js';

function bytes(name: string, help: string): FlagSpec {
  return { name, kind: 'text', value: 'BYTES', help };
}

export const pruneCacheCommand: Command = {
  names: ['builder prune', 'buildx prune'],
  usage: '[OPTIONS]',
  summary: 'Remove build cache that no image and no container has',
  flags: [
    {
      name: 'all',
      short: 'a',
      kind: 'bool',
      help: 'Also the history of builds, and the memory of why steps ran and what servers said',
    },
    DRY_RUN,
    {
      name: 'filter',
      kind: 'list',
      value: 'KEY=VALUE',
      help: 'until=24h: not used since; also id, type, description, inuse; with =, != or ~=',
    },
    FORCE,
    bytes('keep-storage', 'As --reserved-space'),
    bytes('max-used-space', 'Keep no more than this of what was used last'),
    bytes('min-free-space', 'Remove until so much of the disk is free'),
    bytes('reserved-space', 'Keep so much (10gb) of what was used last'),
  ],
  noArguments: true,
  run: (context) => {
    const { flags } = context;
    const [filters, all] = [flags.list('filter'), flags.bool('all')];
    const budget = budgetOf(flags);
    cacheFilter(filters, 0); // What is wrong with them is said before anything is asked.
    const what = all ? 'all build cache' : 'all dangling build cache';
    return askAndPrune(context, `WARNING! This will remove ${what}. ${SURE}`, async (workshop) => {
      const { pruneCache } = await import('../../prune-cache.js');
      const dryRun = flags.bool('dry-run');
      const pruned = await pruneCache({ filters, budget, all, dryRun }, workshop);
      return tell(context, 'build cache objects', pruned);
    });
  },
};

function budgetOf(flags: ParsedFlags): CacheBudget {
  const of = (name: string): number => {
    const text = flags.text(name) ?? '0';
    const parsed = ramInBytes(text);
    if (parsed !== undefined) return parsed;
    throw new BuildError('usage', `invalid argument ${JSON.stringify(text)} for "--${name}" flag`, {
      hint: 'a size such as 500mb or 10gb',
    });
  };
  return {
    reserved: Math.max(of('reserved-space'), of('keep-storage')),
    most: of('max-used-space'),
    minFree: of('min-free-space'),
  };
}
