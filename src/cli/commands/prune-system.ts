import { BuildError } from '../../model/error.js';
import { type Filters, parseFilters } from '../../model/filters.js';
import type { Pruned } from '../../prune.js';
import { pruneVolumes } from '../../volumes.js';
import type { Workshop } from '../../workshop.js';
import type { Command, CommandContext } from '../command.js';
import {
  type FilterTerm,
  matchesNetwork,
  parseFilters as parseNetworkFilters,
} from './network-filters.js';
import { ALL_IMAGES } from './prune.js';
import { askAndPrune, DRY_RUN, FORCE, SURE, tell } from './prune-flags.js';
import { matchesVolume } from './volume-filters.js';

const KNOWN = ['until', 'label', 'label!'];

export const pruneSystemCommand: Command = {
  names: ['system prune'],
  usage: '[OPTIONS]',
  summary: 'Remove what nobody uses: containers, networks, images, build cache',
  flags: [
    { name: 'all', short: 'a', kind: 'bool', help: 'Also images with a name' },
    DRY_RUN,
    {
      name: 'filter',
      kind: 'list',
      value: 'KEY=VALUE',
      help: 'until=TIME, label=NAME[=VALUE], label!=NAME[=VALUE]',
    },
    FORCE,
    { name: 'volumes', kind: 'bool', help: 'Also anonymous volumes' },
  ],
  noArguments: true,
  run: (context) => {
    const { flags } = context;
    const filters = parseFilters(flags.list('filter'), KNOWN);
    if (flags.bool('volumes') && filters.has('until'))
      throw new BuildError('usage', 'The "until" filter is not supported with "--volumes"');
    return askAndPrune(context, warningOf(context), (workshop) =>
      pruneSystem(filters, context, workshop),
    );
  },
};

/** In docker's order, for each makes something of the next unused. Gives the bytes. */
async function pruneSystem(
  filters: Filters,
  context: CommandContext,
  workshop: Workshop,
): Promise<number> {
  const { pruneContainers, pruneImages } = await import('../../prune.js');
  const { pruneNetworks } = await import('../../networks.js');
  const { flags } = context;
  const [all, dryRun] = [flags.bool('all'), flags.bool('dry-run')];
  const containers = await pruneContainers({ filters, dryRun }, workshop);
  let bytes = tell(context, 'Containers', containers);
  const terms = parseNetworkFilters(flags.list('filter'), KNOWN);
  const networks = await pruneNetworks(
    (each) => matchesNetwork(each, terms, workshop),
    workshop,
    dryRun,
  );
  tell(context, 'Networks', { lines: networks, bytes: 0 });
  const without = dryRun ? containers.lines : [];
  if (flags.bool('volumes'))
    bytes += tell(context, 'Volumes', await anonymous(terms, { dryRun, without }, workshop));
  const images = await pruneImages({ all, filters, dryRun, without }, workshop);
  bytes += tell(context, 'Images', images);
  // Cache has no labels: docker's leaves it alone then.
  if ([...filters.keys()].some((key) => key !== 'until')) return bytes;
  const { pruneCache } = await import('../../prune-cache.js');
  const until = flags.list('filter');
  const cache = await pruneCache(
    { filters: until, budget: {}, all, dryRun, roots: images.roots, without: images.freed },
    workshop,
  );
  return bytes + tell(context, 'build cache objects', cache);
}

async function anonymous(
  terms: readonly FilterTerm[],
  how: { readonly dryRun: boolean; readonly without: readonly string[] },
  workshop: Workshop,
): Promise<Pruned> {
  const unused = new Set<string>();
  const wanted = (volume: Parameters<typeof matchesVolume>[0]): boolean =>
    volume.anonymous && matchesVolume(volume, terms, unused);
  const { removed, bytes } = await pruneVolumes(wanted, workshop, how);
  return { lines: removed, bytes };
}

function warningOf({ flags }: CommandContext): string {
  const all = flags.bool('all');
  const what = [
    'all stopped containers',
    'all networks not used by at least one container',
    ...(flags.bool('volumes') ? ['all anonymous volumes not used by at least one container'] : []),
    all ? ALL_IMAGES : 'all dangling images',
    all ? 'all build cache' : 'unused build cache',
  ];
  const shown = flags
    .list('filter')
    .map((filter) => `\n  - ${filter}`)
    .join('');
  const filtered = shown === '' ? '' : `\n\n  Items to be pruned will be filtered with:${shown}`;
  return `WARNING! This will remove:${what.map((each) => `\n  - ${each}`).join('')}${filtered}\n\n${SURE}`;
}
