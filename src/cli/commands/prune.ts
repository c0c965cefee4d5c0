import { type Filters, notFilter, parseFilters } from '../../model/filters.js';
import type { Command, CommandContext } from '../command.js';
import type { FlagSpec } from '../flags.js';
import { askAndPrune, DRY_RUN, FORCE, SURE, tell } from './prune-flags.js';

const FILTER: FlagSpec = {
  name: 'filter',
  kind: 'list',
  value: 'KEY=VALUE',
  help: 'until=TIME, label=NAME[=VALUE], label!=NAME[=VALUE]',
  check: notFilter,
};

function filtersOf({ flags }: CommandContext, more: readonly string[] = []): Filters {
  // `label!=x` reads as key `label!`.
  return parseFilters(flags.list('filter'), ['until', 'label', 'label!', ...more]);
}

export const pruneContainersCommand: Command = {
  names: ['container prune'],
  usage: '[OPTIONS]',
  summary: 'Remove all containers that do not run',
  flags: [DRY_RUN, FILTER, FORCE],
  noArguments: true,
  run: (context) => {
    const filters = filtersOf(context);
    const warning = `WARNING! This will remove all stopped containers.\n${SURE}`;
    return askAndPrune(context, warning, async (workshop) => {
      const { pruneContainers } = await import('../../prune.js');
      const dryRun = context.flags.bool('dry-run');
      return tell(context, 'Containers', await pruneContainers({ filters, dryRun }, workshop));
    });
  },
};

export const ALL_IMAGES = 'all images without at least one container associated to them';

export const pruneImagesCommand: Command = {
  names: ['image prune'],
  usage: '[OPTIONS]',
  summary: 'Remove images that nothing uses',
  flags: [
    { name: 'all', short: 'a', kind: 'bool', help: 'Also those with a name' },
    DRY_RUN,
    { ...FILTER, help: `dangling=BOOL, ${FILTER.help}` },
    FORCE,
  ],
  noArguments: true,
  run: (context) => {
    const all = context.flags.bool('all');
    const filters = filtersOf(context, ['dangling']);
    const warning = `WARNING! This will remove ${all ? ALL_IMAGES : 'all dangling images'}.\n${SURE}`;
    return askAndPrune(context, warning, async (workshop) => {
      const { pruneImages } = await import('../../prune.js');
      const dryRun = context.flags.bool('dry-run');
      return tell(context, 'Images', await pruneImages({ all, filters, dryRun }, workshop));
    });
  },
};
