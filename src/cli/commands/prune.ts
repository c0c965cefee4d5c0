import { type Filters, parseFilters } from '../../model/filters.js';
import { ramInBytes } from '../../model/units.js';
import { BuildError } from '../../model/error.js';
import type { Pruned } from '../../prune.js';
import { pruneVolumes } from '../../volumes.js';
import { openWorkshop, type Workshop } from '../../workshop.js';
import { type Command, type CommandContext, say } from '../command.js';
import { confirm } from '../confirm.js';
import type { FlagSpec } from '../flags.js';
import {
  type FilterTerm,
  matchesNetwork,
  parseFilters as parseNetworkFilters,
} from './network-filters.js';
import { matchesVolume } from './volume-filters.js';
import { humanSize4 } from '../format/units.js';

const FORCE: FlagSpec = { name: 'force', short: 'f', kind: 'bool', help: 'Do not ask' };
const FILTER: FlagSpec = {
  name: 'filter',
  kind: 'list',
  value: 'KEY=VALUE',
  help: 'until=TIME, label=NAME[=VALUE], label!=NAME[=VALUE]',
};
const KNOWN = ['until', 'label', 'label!'];
const SURE = 'Are you sure you want to continue?';

function filtersOf({ flags }: CommandContext) {
  // `label!=x` reads as key `label!`.
  return parseFilters(flags.list('filter'), KNOWN);
}

/** Asks, prunes, and tells what went. */
async function prune(
  context: CommandContext,
  warning: string,
  work: (workshop: Workshop) => Promise<Pruned & { readonly heading: string }>,
): Promise<number> {
  filtersOf(context); // What is wrong with them is said before anything is asked.
  if (!context.flags.bool('force') && !(await confirm(warning, context.stdout, context.signal)))
    return 0;
  await using workshop = openWorkshop(undefined, context.env);
  const { heading, lines, bytes, busy } = await work(workshop);
  tell(context, heading, lines);
  if (busy === true) tellBusy(context);
  say(context.stdout, `Total reclaimed space: ${humanSize4(bytes)}\n`);
  return 0;
}

function tellBusy({ stderr }: CommandContext): void {
  say(stderr, 'note: another stave is at work, so the build cache was left as it is\n');
}

/** docker prints nothing for a kind of which nothing went. */
function tell({ stdout }: CommandContext, heading: string, lines: readonly string[]): void {
  if (lines.length === 0) return;
  say(stdout, `${heading}:\n${lines.map((line) => `${line}\n`).join('')}\n`);
}

export const pruneContainersCommand: Command = {
  names: ['container prune'],
  usage: '[OPTIONS]',
  summary: 'Remove all containers that do not run',
  flags: [FILTER, FORCE],
  run: (context) =>
    prune(
      context,
      `WARNING! This will remove all stopped containers.\n${SURE}`,
      async (workshop) => {
        const { pruneContainers } = await import('../../prune.js');
        const pruned = await pruneContainers(filtersOf(context), workshop);
        return { heading: 'Deleted Containers', ...pruned };
      },
    ),
};

const ALL_IMAGES = 'all images without at least one container associated to them';

export const pruneImagesCommand: Command = {
  names: ['image prune'],
  usage: '[OPTIONS]',
  summary: 'Remove images that nothing uses',
  flags: [{ name: 'all', short: 'a', kind: 'bool', help: 'Also those with a name' }, FILTER, FORCE],
  run: (context) => {
    const all = context.flags.bool('all');
    const what = all ? ALL_IMAGES : 'all dangling images';
    return prune(context, `WARNING! This will remove ${what}.\n${SURE}`, async (workshop) => {
      const { pruneImages } = await import('../../prune.js');
      const pruned = await pruneImages(all, filtersOf(context), workshop);
      return { heading: 'Deleted Images', ...pruned };
    });
  },
};

export const pruneCacheCommand: Command = {
  names: ['builder prune', 'buildx prune'],
  usage: '[OPTIONS]',
  summary: 'Remove build cache that no image and no container has',
  flags: [
    { name: 'all', short: 'a', kind: 'bool', help: 'Accepted: there is no cache of another kind' },
    { name: 'filter', kind: 'list', value: 'KEY=VALUE', help: 'until=TIME: not used since' },
    FORCE,
    {
      name: 'keep-storage',
      kind: 'text',
      value: 'BYTES',
      help: 'Keep so much (10gb) of what was used last',
    },
  ],
  run: (context) => {
    const keep = context.flags.text('keep-storage');
    const keepBytes = keep === undefined ? 0 : ramInBytes(keep);
    if (keepBytes === undefined)
      throw new BuildError('usage', `invalid argument "${keep ?? ''}" for "--keep-storage" flag`);
    const what = context.flags.bool('all') ? 'all build cache' : 'all dangling build cache';
    const warning = `WARNING! This will remove ${what}. ${SURE}`;
    return prune(context, warning, async (workshop) => {
      const { pruneCache } = await import('../../prune.js');
      const pruned = await pruneCache({ filters: filtersOf(context), keepBytes }, workshop);
      return { heading: 'Deleted build cache objects', ...pruned };
    });
  },
};

export const pruneSystemCommand: Command = {
  names: ['system prune'],
  usage: '[OPTIONS]',
  summary: 'Remove what nobody uses: containers, networks, images, build cache',
  flags: [
    { name: 'all', short: 'a', kind: 'bool', help: 'Also images with a name' },
    FILTER,
    FORCE,
    { name: 'volumes', kind: 'bool', help: 'Also anonymous volumes' },
  ],
  run: async (context) => {
    const { flags, stdout } = context;
    const [filters, all] = [filtersOf(context), flags.bool('all')];
    if (flags.bool('volumes') && filters.has('until'))
      throw new BuildError('usage', 'The "until" filter is not supported with "--volumes"');
    const warning = systemWarning(all, flags.bool('volumes'), flags.list('filter'));
    if (!flags.bool('force') && !(await confirm(warning, stdout, context.signal))) return 0;
    await using workshop = openWorkshop(undefined, context.env);
    const bytes = await pruneSystem({ filters, all }, context, workshop);
    say(stdout, `Total reclaimed space: ${humanSize4(bytes)}\n`);
    return 0;
  },
};

/** In docker's order, for each makes something of the next unused. Gives the bytes. */
async function pruneSystem(
  { filters, all }: { readonly filters: Filters; readonly all: boolean },
  context: CommandContext,
  workshop: Workshop,
): Promise<number> {
  const { pruneCache, pruneContainers, pruneImages } = await import('../../prune.js');
  const { pruneNetworks } = await import('../../networks.js');
  const { flags } = context;
  const containers = await pruneContainers(filters, workshop);
  tell(context, 'Deleted Containers', containers.lines);
  const terms = parseNetworkFilters(flags.list('filter'), KNOWN);
  const networks = await pruneNetworks((each) => matchesNetwork(each, terms, workshop), workshop);
  tell(context, 'Deleted Networks', networks);
  const volumes = flags.bool('volumes') ? await anonymousVolumes(terms, workshop) : NOTHING;
  tell(context, 'Deleted Volumes', volumes.lines);
  const images = await pruneImages(all, filters, workshop);
  tell(context, 'Deleted Images', images.lines);
  // Cache has no labels: docker's leaves it alone then.
  const labelled = [...filters.keys()].some((key) => key !== 'until');
  const cache = labelled ? NOTHING : await pruneCache({ filters, keepBytes: 0 }, workshop);
  tell(context, 'Deleted build cache objects', cache.lines);
  if (cache.busy === true) tellBusy(context);
  return containers.bytes + volumes.bytes + images.bytes + cache.bytes;
}

const NOTHING: Pruned = { lines: [], bytes: 0 };

async function anonymousVolumes(terms: readonly FilterTerm[], workshop: Workshop): Promise<Pruned> {
  const unused = new Set<string>();
  const { removed, bytes } = await pruneVolumes(
    (volume) => volume.anonymous && matchesVolume(volume, terms, unused),
    workshop,
  );
  return { lines: removed, bytes };
}

function systemWarning(all: boolean, volumes: boolean, filters: readonly string[]): string {
  const what = [
    'all stopped containers',
    'all networks not used by at least one container',
    ...(volumes ? ['all anonymous volumes not used by at least one container'] : []),
    all ? ALL_IMAGES : 'all dangling images',
    all ? 'all build cache' : 'unused build cache',
  ];
  const shown = filters.map((filter) => `\n  - ${filter}`).join('');
  const filtered = shown === '' ? '' : `\n\n  Items to be pruned will be filtered with:${shown}`;
  return `WARNING! This will remove:${what.map((each) => `\n  - ${each}`).join('')}${filtered}\n\n${SURE}`;
}
