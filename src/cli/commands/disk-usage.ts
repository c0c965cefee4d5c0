import { shownImage } from '../../container-list.js';
import { type CacheUsage, type DiskUsage, diskUsage, type ImageUsage } from '../../disk-usage.js';
import { shortId } from '../../model/digest.js';
import { familiarRepository } from '../../model/reference.js';
import { openWorkshop, type Workshop } from '../../workshop.js';
import { type Command, type CommandContext, say } from '../command.js';
import { type Column, formatListing } from '../format/listing.js';
import { humanSize, humanSize4, since } from '../format/units.js';
import { quietScope } from './images.js';
import { containerColumns } from './ps.js';

interface Kind {
  readonly type: string;
  readonly total: number;
  readonly active: number;
  readonly size: number;
  readonly reclaimable: number;
  /** docker shows no share of the build cache. */
  readonly share: boolean;
}

const COLUMNS: readonly Column<Kind>[] = [
  { field: 'Type', header: 'TYPE', value: ({ type }) => type },
  { field: 'TotalCount', header: 'TOTAL', value: ({ total }) => String(total) },
  { field: 'Active', header: 'ACTIVE', value: ({ active }) => String(active) },
  { field: 'Size', header: 'SIZE', value: ({ size }) => humanSize4(size) },
  { field: 'Reclaimable', header: 'RECLAIMABLE', value: reclaimable },
];

function reclaimable({ size, reclaimable: bytes, share }: Kind): string {
  if (!share || size === 0) return humanSize4(bytes);
  return `${humanSize4(bytes)} (${String(Math.floor((bytes * 100) / size))}%)`;
}

function kindsOf(usage: DiskUsage): readonly Kind[] {
  const { images, containers, cache } = usage;
  const up = containers.filter(
    ({ state: { status } }) => status === 'running' || status === 'paused',
  );
  const sum = (sized: readonly { readonly size: number }[]): number =>
    sized.reduce((bytes, { size }) => bytes + size, 0);
  return [
    {
      type: 'Images',
      total: images.length,
      active: images.filter((image) => image.containers > 0).length,
      size: usage.imageBytes,
      reclaimable: usage.imageReclaimable,
      share: true,
    },
    {
      type: 'Containers',
      total: containers.length,
      active: up.length,
      size: sum(containers),
      reclaimable: sum(containers) - sum(up),
      share: true,
    },
    { type: 'Local Volumes', total: 0, active: 0, size: 0, reclaimable: 0, share: true },
    {
      type: 'Build Cache',
      total: cache.length,
      active: 0,
      size: sum(cache),
      reclaimable: sum(cache),
      share: false,
    },
  ];
}

export const diskUsageCommand: Command = {
  names: ['system df'],
  usage: '[OPTIONS]',
  summary: 'Show how much disk the store uses',
  flags: [
    {
      name: 'format',
      kind: 'text',
      value: 'TEMPLATE',
      help: "table, 'table TEMPLATE', json or a Go template",
    },
    { name: 'verbose', short: 'v', kind: 'bool', help: 'Each image, container and cache entry' },
  ],
  run: async (context) => {
    const { flags, env, stdout, signal } = context;
    await using workshop = openWorkshop(undefined, env);
    const usage = await diskUsage(workshop, quietScope(signal));
    if (flags.bool('verbose')) verbose(usage, context, workshop);
    else
      say(
        stdout,
        formatListing(
          kindsOf(usage),
          COLUMNS,
          ['Type', 'TotalCount', 'Active', 'Size', 'Reclaimable'],
          flags.text('format'),
        ),
      );
    return 0;
  },
};

function verbose(usage: DiskUsage, { stdout }: CommandContext, workshop: Workshop): void {
  const now = workshop.now();
  say(stdout, 'Images space usage:\n\n');
  say(stdout, formatListing(usage.images, imageColumns(now), IMAGE_FIELDS, undefined));
  say(stdout, '\nContainers space usage:\n\n');
  const rows = usage.containers.map(({ state, size }) => ({
    state,
    image: shownImage(state, false, workshop),
    size: { own: size, total: 0 },
  }));
  say(stdout, formatListing(rows, containerColumns(workshop, false), CONTAINER_FIELDS, undefined));
  const none: Column<never>[] = ['VOLUME NAME', 'LINKS', 'SIZE'].map((header) => ({
    field: header,
    header,
    value: () => '',
  }));
  say(stdout, '\nLocal Volumes space usage:\n\n');
  say(stdout, formatListing([], none, ['VOLUME NAME', 'LINKS', 'SIZE'], undefined));
  const bytes = usage.cache.reduce((sum, { size }) => sum + size, 0);
  say(stdout, `\nBuild cache usage: ${humanSize4(bytes)}\n\n`);
  const cache = usage.cache.toSorted((a, b) => a.used - b.used);
  say(stdout, formatListing(cache, cacheColumns(now), CACHE_FIELDS, undefined));
}

const CONTAINER_FIELDS = ['ID', 'Image', 'Command', 'LocalVolumes', 'Size', 'RunningFor'].concat([
  'Status',
  'Names',
]);
const IMAGE_FIELDS = ['Repository', 'Tag', 'ID', 'CreatedSince', 'Size', 'SharedSize'].concat([
  'UniqueSize',
  'Containers',
]);

function imageColumns(now: number): readonly Column<ImageUsage>[] {
  const name = ({ image }: ImageUsage) => image.references[0];
  return [
    {
      field: 'Repository',
      header: 'REPOSITORY',
      value: (row) => {
        const reference = name(row);
        return reference === undefined ? '<none>' : familiarRepository(reference);
      },
    },
    { field: 'Tag', header: 'TAG', value: (row) => name(row)?.tag ?? '<none>' },
    { field: 'ID', header: 'IMAGE ID', value: ({ image }) => shortId(image.id) },
    {
      field: 'CreatedSince',
      header: 'CREATED',
      value: ({ image }) => since(image.config.created, now),
    },
    { field: 'Size', header: 'SIZE', value: ({ size }) => humanSize(size) },
    { field: 'SharedSize', header: 'SHARED SIZE', value: ({ shared }) => humanSize4(shared) },
    {
      field: 'UniqueSize',
      header: 'UNIQUE SIZE',
      value: ({ size, shared }) => humanSize4(size - shared),
    },
    { field: 'Containers', header: 'CONTAINERS', value: ({ containers }) => String(containers) },
  ];
}

const CACHE_FIELDS = [
  'ID',
  'CacheType',
  'Size',
  'CreatedSince',
  'LastUsedSince',
  'UsageCount',
].concat('Shared');

function cacheColumns(now: number): readonly Column<CacheUsage>[] {
  const ago = ({ used }: CacheUsage): string => since(new Date(used).toISOString(), now);
  return [
    { field: 'ID', header: 'CACHE ID', value: ({ id }) => id.slice(0, 12) },
    { field: 'CacheType', header: 'CACHE TYPE', value: ({ type }) => type },
    { field: 'Size', header: 'SIZE', value: ({ size }) => humanSize4(size) },
    { field: 'CreatedSince', header: 'CREATED', value: ago },
    { field: 'LastUsedSince', header: 'LAST USED', value: ago },
    { field: 'UsageCount', header: 'USAGE', value: () => '1' },
    { field: 'Shared', header: 'SHARED', value: () => 'false' },
  ];
}
